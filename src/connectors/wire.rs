//! What all providers' JSON has in common: lists that are absent or null when empty, and times with any fraction.

use crate::base::clock::whole_micros;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use url::Url;

/// `base` with `segments` below it, each escaped; a slash at the end of `base` makes no difference.
pub(super) fn under<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// An absent or null value is the default.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// RFC 3339 with any offset and any fraction, cut to the microseconds that the database keeps.
pub(super) fn instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    DateTime::deserialize(deserializer).map(whole_micros)
}

/// As [`instant`], or nothing.
pub(super) fn maybe_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    let at: Option<DateTime<Utc>> = Option::deserialize(deserializer)?;
    Ok(at.map(whole_micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Deserialize)]
    struct Times {
        #[serde(deserialize_with = "instant")]
        start: DateTime<Utc>,
        #[serde(default, deserialize_with = "maybe_instant")]
        end: Option<DateTime<Utc>>,
    }

    #[test]
    fn segments_are_escaped_and_join_with_or_without_a_slash() {
        for base in [
            "http://127.0.0.1:1/calendar/v3",
            "http://127.0.0.1:1/calendar/v3/",
        ] {
            let url = under(
                &base.parse().expect("a constant"),
                ["calendars", "ana@example.com", "a/b?c"],
            );
            assert_eq!(
                url.as_str(),
                "http://127.0.0.1:1/calendar/v3/calendars/ana@example.com/a%2Fb%3Fc"
            );
        }
    }

    proptest! {
        #[test]
        fn times_have_any_number_of_fraction_digits(nanos in 0u32..1_000_000_000, digits in 0usize..=9) {
            let fraction = &format!("{nanos:09}")[..digits];
            let dot = if digits == 0 { "" } else { "." };
            let json = format!(r#"{{"start":"2026-11-19T09:00:03{dot}{fraction}Z","end":null}}"#);
            let times: Times = serde_json::from_str(&json).expect("a time");
            let micros: u32 = format!("{fraction:0<6}")[..6].parse().expect("digits");
            prop_assert_eq!(times.start.timestamp_subsec_micros(), micros);
            prop_assert_eq!(times.start.timestamp_subsec_nanos() % 1000, 0);
            prop_assert!(times.end.is_none());
        }
    }
}

/// JSON that means nothing, with the keys of something that does.
#[cfg(test)]
pub(super) mod arbitrary {
    use proptest::{collection, prelude::*, sample};
    use serde_json::{Map, Value};

    /// Values of any shape with these keys; half of the objects lack any given key.
    pub fn json(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            // Times at the edges of what can be written.
            sample::select(vec![
                "2026-11-19T09:00:03.123456789Z",
                "0000-01-01T00:00:00Z",
                "9999-12-31T23:59:60+14:00",
                "+262142-12-31T23:59:59Z",
                "-262143-01-01T00:00:00Z",
                "2026-11-19",
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, move |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                collection::vec((sample::select(keys), inner), 0..5).prop_map(|pairs| {
                    Value::Object(
                        pairs
                            .into_iter()
                            .map(|(key, value)| (key.to_owned(), value))
                            .collect::<Map<_, _>>(),
                    )
                }),
            ]
        })
    }
}
