//! Which conferences to list, in Meet's filter language.

use crate::connectors::google::MeetingCode;
use chrono::{DateTime, SecondsFormat, Utc};

/// All conditions hold at once; none is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConferenceFilter {
    /// Conferences of the space that has this code now.
    pub meeting_code: Option<MeetingCode>,
    /// Ended then or later. A conference that is still running has no end, and is not found by it.
    pub ended_from: Option<DateTime<Utc>>,
    /// Started then or later.
    pub started_from: Option<DateTime<Utc>>,
    /// Started then or earlier.
    pub started_until: Option<DateTime<Utc>>,
    /// Only those that are still running.
    pub running: bool,
}

impl ConferenceFilter {
    pub(super) fn expression(&self) -> Option<String> {
        let at = |field: &str, relation: &str, at: &DateTime<Utc>| {
            let at = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            format!("{field}{relation}\"{at}\"")
        };
        let terms: Vec<String> = [
            self.meeting_code
                .as_ref()
                .map(|code| format!("space.meeting_code = \"{code}\"")),
            self.ended_from
                .as_ref()
                .map(|from| at("end_time", ">=", from)),
            self.started_from
                .as_ref()
                .map(|from| at("start_time", ">=", from)),
            self.started_until
                .as_ref()
                .map(|until| at("start_time", "<=", until)),
            self.running.then(|| "end_time IS NULL".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!terms.is_empty()).then(|| terms.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_joined_with_and() {
        let at = |text: &str| text.parse().ok();
        let window = ConferenceFilter {
            ended_from: at("2026-11-19T00:00:00.5Z"),
            started_until: at("2026-11-20T00:00:00Z"),
            ..ConferenceFilter::default()
        };
        assert_eq!(
            window.expression().as_deref(),
            Some(r#"end_time>="2026-11-19T00:00:00.500Z" AND start_time<="2026-11-20T00:00:00Z""#)
        );
        let code = ConferenceFilter {
            meeting_code: MeetingCode::parse("abc-mnop-xyz"),
            started_from: at("2026-11-19T00:00:00Z"),
            ..ConferenceFilter::default()
        };
        assert_eq!(
            code.expression().as_deref(),
            Some(r#"space.meeting_code = "abc-mnop-xyz" AND start_time>="2026-11-19T00:00:00Z""#)
        );
        assert_eq!(ConferenceFilter::default().expression(), None);
    }
}
