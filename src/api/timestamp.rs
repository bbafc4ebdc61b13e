//! A moment in messages: `google.protobuf.Timestamp`, written in JSON as proto3 has it, in UTC with a `Z`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Seconds and nanoseconds since 1970. A client may send a pair that is no moment of a calendar.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Timestamp {
    /// Since 1970-01-01T00:00:00Z, negative before.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Always counted forward, below 1,000,000,000.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self {
            seconds: at.timestamp(),
            // A leap second is counted on from the second before it, beyond what the message allows.
            nanos: i32::try_from(at.timestamp_subsec_nanos())
                .unwrap_or_default()
                .min(999_999_999),
        }
    }
}

impl TryFrom<Timestamp> for DateTime<Utc> {
    type Error = &'static str;

    fn try_from(at: Timestamp) -> Result<Self, Self::Error> {
        u32::try_from(at.nanos)
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000)
            .and_then(|nanos| Self::from_timestamp(at.seconds, nanos))
            .ok_or("the timestamp is no moment of the calendar")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = DateTime::<Utc>::try_from(*self).map_err(ser::Error::custom)?;
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| de::Error::custom("expected a moment as in 2026-11-20T14:05:00Z"))?;
        Ok(at.to_utc().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(seconds: i64, nanos: i32) -> String {
        serde_json::to_string(&Timestamp { seconds, nanos }).unwrap()
    }

    #[test]
    fn json_is_as_proto3_has_it() {
        assert_eq!(json(1_763_647_500, 0), "\"2025-11-20T14:05:00Z\"");
        assert_eq!(
            json(1_763_647_500, 120_000_000),
            "\"2025-11-20T14:05:00.120Z\""
        );
        let with_offset: Timestamp = serde_json::from_str("\"2025-11-20T15:05:00+01:00\"").unwrap();
        assert_eq!(with_offset.seconds, 1_763_647_500);
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
            assert!(DateTime::<Utc>::try_from(Timestamp { seconds, nanos }).is_err());
        }
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }

    proptest! {
        #[test]
        fn a_moment_survives_its_json(seconds in -62_135_596_800_i64..253_402_300_800, nanos in 0..1_000_000_000) {
            let at = Timestamp { seconds, nanos };
            let json = serde_json::to_string(&at).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at);
        }
    }
}
