//! The options of a job, short names included, as BullMQ stores them. JSON written by JavaScript, or by Redis' own
//! encoder from it, is read leniently: what has an odd type counts as not given.

use serde_json::{Map, Value, json};
use std::time::Duration;

/// Which finished jobs stay in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Keep {
    /// All of them.
    #[default]
    All,
    /// Not even this one.
    Nothing,
    /// The newest, and none older than an age. Others are removed when a job finishes.
    Newest {
        /// How many, or any number.
        count: Option<u32>,
        /// For how long, or for ever.
        age: Option<Duration>,
        /// How many are removed at once, at most.
        limit: Option<u32>,
    },
}

impl Keep {
    /// The newest `count`.
    pub fn newest(count: u32) -> Self {
        if count == 0 {
            return Self::Nothing;
        }
        Self::Newest {
            count: Some(count),
            age: None,
            limit: None,
        }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(true) => Some(Self::Nothing),
            Value::Bool(false) => Some(Self::All),
            Value::Number(count) => count.as_f64().map(|count| Self::newest(count as u32)),
            Value::Object(fields) => {
                let number = |name: &str| fields.get(name).and_then(Value::as_f64);
                let count = number("count").map(|count| count as u32);
                if count == Some(0) {
                    return Some(Self::Nothing);
                }
                let age = number("age").map(|age| Duration::from_secs_f64(age.clamp(0.0, 1e10)));
                let limit = number("limit").map(|limit| limit as u32);
                (count.is_some() || age.is_some()).then_some(Self::Newest { count, age, limit })
            }
            _ => None,
        }
    }

    fn json(self) -> Value {
        match self {
            Self::All => json!(false),
            Self::Nothing => json!(true),
            Self::Newest { count, age, limit } => {
                let mut fields = Map::new();
                fields.extend(count.map(|count| ("count".to_owned(), json!(count))));
                fields.extend(age.map(|age| ("age".to_owned(), json!(age.as_secs()))));
                fields.extend(limit.map(|limit| ("limit".to_owned(), json!(limit))));
                Value::Object(fields)
            }
        }
    }
}

/// How long a failed job waits before its next attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    /// `fixed` or `exponential`; others are known to the worker alone.
    pub kind: String,
    /// The first pause.
    pub delay: Duration,
    /// From 0 to 1: the part of the pause that is left to chance.
    pub jitter: f64,
}

impl Backoff {
    /// The pause after the `failure`-th failure, counted from 1. `chance` is in [0, 1). `None` where the kind is unknown.
    pub fn pause(&self, failure: u32, chance: f64) -> Option<Duration> {
        let pause = match self.kind.as_str() {
            "fixed" => self.delay,
            "exponential" => self
                .delay
                .saturating_mul(2_u32.saturating_pow(failure.saturating_sub(1))),
            _ => return None,
        };
        Some(pause.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * (1.0 - chance)))
    }
}

/// What was asked for with the job. All of it may be missing.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Options {
    /// How many attempts may be made; 0 is one.
    pub attempts: u32,
    /// The pause between attempts.
    pub backoff: Option<Backoff>,
    /// Before those that wait already.
    pub lifo: bool,
    /// Which completed jobs stay; the worker decides where that is not given.
    pub keep_completed: Option<Keep>,
    /// Which failed jobs stay.
    pub keep_failed: Option<Keep>,
    /// How many log lines stay.
    pub keep_logs: Option<u32>,
    /// How many stack traces stay.
    pub keep_traces: Option<u32>,
    /// The producer's trace context, opaque; here W3C headers in a JSON object.
    pub trace_context: Option<String>,
}

impl Options {
    /// Reads them as they are stored. Text that is no JSON object gives none.
    pub fn read(text: &str) -> Self {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            return Self::default();
        };
        let number = |name: &str| {
            let number = fields.get(name).and_then(Value::as_f64);
            number.map(|number| number as u32)
        };
        Self {
            attempts: number("attempts").unwrap_or_default(),
            backoff: fields.get("backoff").and_then(read_backoff),
            lifo: fields
                .get("lifo")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            keep_completed: fields.get("removeOnComplete").and_then(Keep::read),
            keep_failed: fields.get("removeOnFail").and_then(Keep::read),
            keep_logs: number("kl"),
            keep_traces: number("stackTraceLimit"),
            trace_context: fields.get("tm").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// As they are stored.
    pub(super) fn write(&self, id: &str, delay: Duration, priority: u32) -> String {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        set("attempts", json!(self.attempts));
        set("jobId", json!(id));
        if !delay.is_zero() {
            set("delay", json!(delay.as_millis() as u64));
        }
        if priority > 0 {
            set("priority", json!(priority));
        }
        if let Some(backoff) = &self.backoff {
            let delay = backoff.delay.as_millis() as u64;
            set(
                "backoff",
                json!({"type": backoff.kind, "delay": delay, "jitter": backoff.jitter}),
            );
        }
        if self.lifo {
            set("lifo", json!(true));
        }
        if let Some(keep) = self.keep_completed {
            set("removeOnComplete", keep.json());
        }
        if let Some(keep) = self.keep_failed {
            set("removeOnFail", keep.json());
        }
        if let Some(lines) = self.keep_logs {
            set("kl", json!(lines));
        }
        if let Some(traces) = self.keep_traces {
            set("stackTraceLimit", json!(traces));
        }
        if let Some(context) = &self.trace_context {
            set("tm", json!(context));
        }
        Value::Object(fields).to_string()
    }
}

/// A number was a fixed pause in milliseconds at the API of older versions.
fn read_backoff(value: &Value) -> Option<Backoff> {
    let millis = |value: &Value| {
        value
            .as_f64()
            .map(|ms| Duration::from_secs_f64((ms / 1000.0).clamp(0.0, 1e10)))
    };
    if let Some(delay) = millis(value) {
        return Some(Backoff {
            kind: "fixed".to_owned(),
            delay,
            jitter: 0.0,
        });
    }
    Some(Backoff {
        kind: value.get("type")?.as_str()?.to_owned(),
        delay: value.get("delay").and_then(millis).unwrap_or_default(),
        jitter: value
            .get("jitter")
            .and_then(Value::as_f64)
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_javascript_are_read() {
        let text = r#"{"priority":2,"attempts":3,"backoff":{"type":"exponential","delay":1000},
            "removeOnComplete":{"age":10,"count":5},"removeOnFail":true,"kl":3,"jobId":"cust-1","lifo":true,
            "stackTraceLimit":2,"tm":"{\"traceparent\":\"00-ab\"}","omc":false}"#;
        let options = Options::read(text);
        assert_eq!(options.attempts, 3);
        assert_eq!(
            options.backoff.as_ref().unwrap().delay,
            Duration::from_secs(1)
        );
        assert_eq!(
            options.keep_completed,
            Some(Keep::Newest {
                count: Some(5),
                age: Some(Duration::from_secs(10)),
                limit: None
            })
        );
        assert_eq!(options.keep_failed, Some(Keep::Nothing));
        assert_eq!(
            (options.keep_logs, options.keep_traces, options.lifo),
            (Some(3), Some(2), true)
        );
        assert_eq!(
            options.trace_context.as_deref(),
            Some(r#"{"traceparent":"00-ab"}"#)
        );
    }

    #[test]
    fn odd_options_count_as_not_given() {
        for text in [
            "",
            "[]",
            "{",
            "null",
            r#"{"attempts":"3","backoff":"x","removeOnFail":{},"tm":5}"#,
        ] {
            assert_eq!(Options::read(text), Options::default(), "{text}");
        }
        assert_eq!(
            Options::read(r#"{"removeOnFail":0}"#).keep_failed,
            Some(Keep::Nothing)
        );
        assert_eq!(
            Options::read(r#"{"removeOnFail":false}"#).keep_failed,
            Some(Keep::All)
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let options = Options {
            attempts: 4,
            backoff: Some(Backoff {
                kind: "fixed".into(),
                delay: Duration::from_millis(250),
                jitter: 0.5,
            }),
            lifo: true,
            keep_completed: Some(Keep::newest(7)),
            keep_failed: Some(Keep::All),
            keep_logs: Some(9),
            keep_traces: Some(0),
            trace_context: Some("{}".into()),
        };
        assert_eq!(
            Options::read(&options.write("a", Duration::from_secs(1), 3)),
            options
        );
        let none = Options::default();
        assert_eq!(
            none.write("a", Duration::ZERO, 0),
            r#"{"attempts":0,"jobId":"a"}"#
        );
    }

    #[test]
    fn pauses_double_and_leave_a_part_to_chance() {
        let backoff = |kind: &str, jitter| Backoff {
            kind: kind.into(),
            delay: Duration::from_secs(1),
            jitter,
        };
        assert_eq!(
            backoff("fixed", 0.0).pause(5, 0.3),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            backoff("exponential", 0.0).pause(4, 0.0),
            Some(Duration::from_secs(8))
        );
        assert_eq!(
            backoff("fixed", 0.5).pause(1, 0.0),
            Some(Duration::from_millis(500))
        );
        assert_eq!(backoff("mine", 0.0).pause(1, 0.0), None);
    }
}
