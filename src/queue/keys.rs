//! Every key of a queue is named here: `<prefix>:<queue>:<suffix>`, the layout that BullMQ's clients read and write.

use crate::base::{Error, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

/// Suffixes that a job id may not equal, since jobs live among them.
const SUFFIXES: [&str; 20] = [
    "active",
    "completed",
    "delayed",
    "events",
    "failed",
    "id",
    "limiter",
    "marker",
    "meta",
    "metrics",
    "paused",
    "pc",
    "prioritized",
    "repeat",
    "stalled",
    "stalled-check",
    "wait",
    "waiting-children",
    "de",
    "dn",
];

/// What all keys of an instance begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// `name` as it is; on a cluster in braces, so that all keys share a slot.
    pub fn new(name: &str, is_cluster: bool) -> Result<Self> {
        let problem = if name.is_empty() {
            Some("must not be empty")
        } else if name.contains(char::is_whitespace) {
            Some("must not contain spaces")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(Error::invalid("prefix", problem));
        }
        Ok(Self(if is_cluster && !name.contains('{') {
            format!("{{{name}}}")
        } else {
            name.to_owned()
        }))
    }

    /// As it stands in keys.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names the instance that the queues under this prefix belong to. It has no third part, so no queue can own it.
    pub(super) fn epoch(&self) -> String {
        format!("{}:syncline-epoch", self.0)
    }
}

/// The keys of one queue.
#[derive(Debug)]
pub(super) struct Keys {
    base: String,
    connection_name: String,
}

impl Keys {
    pub(super) fn new(prefix: &Prefix, queue: &str) -> Result<Self> {
        if queue.is_empty() || queue.contains(':') {
            return Err(Error::invalid("queue", "must not be empty or contain ':'"));
        }
        Ok(Self {
            base: format!("{}:{queue}:", prefix.0),
            connection_name: format!("{}:{}", prefix.0, BASE64.encode(queue)),
        })
    }

    /// What every key of the queue begins with, the colon included.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn marker(&self) -> String {
        format!("{}marker", self.base)
    }

    pub(super) fn meta(&self) -> String {
        format!("{}meta", self.base)
    }

    pub(super) fn logs(&self, id: &str) -> String {
        format!("{}{id}:logs", self.base)
    }

    /// What children of a flow leave at their parent.
    pub(super) fn children(&self, id: &str) -> Vec<String> {
        let suffixes = ["dependencies", "processed", "failed", "unsuccessful"];
        let key = |suffix| format!("{}{id}:{suffix}", self.base);
        suffixes.map(key).to_vec()
    }

    /// How a worker's blocking connection is called, so that others find it among the server's clients.
    pub(super) fn connection_name(&self) -> &str {
        &self.connection_name
    }
}

/// Refuses ids that would overwrite another key of the queue.
pub(super) fn check_id(id: &str) -> Result<()> {
    if id.is_empty() || id.contains(':') || id == "0" || SUFFIXES.contains(&id) {
        return Err(Error::invalid(
            "id",
            format!(
                "{id:?} cannot be the id of a job: it is empty, 0, contains ':', or is a key of the queue"
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_bullmq() {
        let keys = Keys::new(&Prefix::new("bull", false).unwrap(), "sync").unwrap();
        assert_eq!(keys.base(), "bull:sync:");
        assert_eq!(keys.marker(), "bull:sync:marker");
        assert_eq!(keys.logs("7"), "bull:sync:7:logs");
        assert_eq!(keys.connection_name(), "bull:c3luYw==");
    }

    #[test]
    fn on_a_cluster_the_prefix_is_the_hash_tag() {
        let prefix = |name| Prefix::new(name, true).unwrap();
        assert_eq!(prefix("bull").as_str(), "{bull}");
        assert_eq!(prefix("{mine}").as_str(), "{mine}");
        assert_eq!(prefix("bull").epoch(), "{bull}:syncline-epoch");
    }

    #[test]
    fn names_that_would_break_the_layout_are_refused() {
        let prefix = Prefix::new("bull", false).unwrap();
        assert!(Keys::new(&prefix, "a:b").is_err());
        assert!(Keys::new(&prefix, "").is_err());
        assert!(Prefix::new("", false).is_err());
        assert!(Prefix::new("a b", false).is_err());
        for id in ["", "0", "wait", "meta", "stalled-check", "a:b"] {
            assert!(check_id(id).is_err(), "{id}");
        }
        check_id("0b54e1f5-3b0f-4b9c-9c1d-2f6f6c1c7a11").unwrap();
    }
}
