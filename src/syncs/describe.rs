//! The text of an entry: Liquid, with the marker at its end, never longer than the destination takes.
//!
//! Templates come from tenants, so the language is cut to what cannot run away: no loops, no assignments, and no filter
//! whose result can be longer than all its inputs together.

mod fault;

use crate::syncs::{
    marker,
    meeting::{Meeting, Span},
};
use chrono_tz::Tz;
use liquid::{Parser, ParserBuilder, model::Value, object};
use liquid_lib::stdlib;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

/// What is written where a definition has no template of its own.
const DEFAULT: &str = "{% if title %}{{ title }}{% else %}{{ original }}{% endif %}";

/// What the original tool wrote, whatever the title.
pub const ORIGINAL: &str = "{{ original }}";

/// What a template may speak of.
const VARIABLES: [&str; 11] = [
    "title",
    "meeting_code",
    "calendar",
    "start",
    "end",
    "hours",
    "minutes",
    "seconds",
    "project",
    "record",
    "original",
];

static PARSER: LazyLock<Result<Parser, String>> = LazyLock::new(|| {
    ParserBuilder::new()
        .block(stdlib::IfBlock)
        .block(stdlib::UnlessBlock)
        .block(stdlib::CaseBlock)
        .block(stdlib::CommentBlock)
        .block(stdlib::RawBlock)
        .filter(stdlib::Append)
        .filter(stdlib::Capitalize)
        .filter(stdlib::Ceil)
        .filter(stdlib::Date)
        .filter(stdlib::Default)
        .filter(stdlib::DividedBy)
        .filter(stdlib::Downcase)
        .filter(stdlib::First)
        .filter(stdlib::Floor)
        .filter(stdlib::Last)
        .filter(stdlib::Lstrip)
        .filter(stdlib::Minus)
        .filter(stdlib::Modulo)
        .filter(stdlib::Plus)
        .filter(stdlib::Prepend)
        .filter(stdlib::Remove)
        .filter(stdlib::RemoveFirst)
        .filter(stdlib::ReplaceFirst)
        .filter(stdlib::Round)
        .filter(stdlib::Rstrip)
        .filter(stdlib::Size)
        .filter(stdlib::Slice)
        .filter(stdlib::Split)
        .filter(stdlib::Strip)
        .filter(stdlib::StripNewlines)
        .filter(stdlib::Times)
        .filter(stdlib::Truncate)
        .filter(stdlib::TruncateWords)
        .filter(stdlib::Upcase)
        .build()
        .map_err(|error| error.to_string())
});

/// A description's template, parsed.
#[derive(Clone)]
pub struct Template(Arc<liquid::Template>);

/// What a template may speak of besides the meeting.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The project the entry goes to.
    pub project: &'a str,
    /// The zone of all times.
    pub zone: Tz,
    /// Longest description, in UTF-16 units as Clockify counts, the marker included.
    pub limit: usize,
}

impl Template {
    /// Parses a template and tries it on a meeting that has everything and one that has nothing, so that what would fail
    /// later fails now. The empty text is the default. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = if text.is_empty() { DEFAULT } else { text };
        let parser = PARSER.as_ref().map_err(Clone::clone)?;
        let template = Self(Arc::new(attempt(text, || parser.parse(text))?));
        for sample in [Sample::full(), Sample::bare()] {
            attempt(text, || template.0.render(&sample.variables()))?;
        }
        Ok(template)
    }

    /// The text of an entry, ending with the marker. A template that fails on this one meeting falls back to the
    /// original's text: an entry is worth more than its wording.
    pub fn describe(
        &self,
        meeting: &Meeting,
        span: Span,
        surroundings: Surroundings<'_>,
    ) -> String {
        let sample = Sample::of(meeting, span, surroundings);
        let text = attempt("", || self.0.render(&sample.variables()))
            .unwrap_or_else(|_| sample.original.clone());
        finish(&text, &meeting.conference, surroundings.limit)
    }
}

/// Cuts the text so that the marker fits, and adds the marker.
fn finish(text: &str, conference: &str, limit: usize) -> String {
    let marker = marker::of(conference);
    let clean = marker::removed_from(text);
    let mut room = limit.saturating_sub(marker.len() + 1);
    let fits = |character: &char| {
        let left = room.checked_sub(character.len_utf16());
        room = left.unwrap_or_default();
        left.is_some()
    };
    let mut cut: String = clean.trim().chars().take_while(fits).collect();
    cut.truncate(cut.trim_end().len());
    if cut.is_empty() {
        return marker;
    }
    cut.push(' ');
    cut.push_str(&marker);
    cut
}

/// The variables of a template.
struct Sample {
    title: Option<String>,
    code: Option<String>,
    calendar: Option<String>,
    start: String,
    end: String,
    seconds: i64,
    project: String,
    conference: String,
    original: String,
}

impl Sample {
    fn of(meeting: &Meeting, span: Span, surroundings: Surroundings<'_>) -> Self {
        const LIQUID_TIME: &str = "%Y-%m-%d %H:%M:%S %z";
        let local = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&surroundings.zone);
        let seconds = span.length().num_seconds();
        Self {
            title: meeting.title().map(str::to_owned),
            code: meeting.code.clone(),
            calendar: meeting.event.as_ref().map(|event| event.calendar.clone()),
            start: local(span.start).format(LIQUID_TIME).to_string(),
            end: local(span.end).format(LIQUID_TIME).to_string(),
            seconds,
            project: surroundings.project.to_owned(),
            conference: meeting.conference.clone(),
            // The original looked for the code in a field that API v2 does not fill, so this is what it always wrote.
            original: format!(
                "🎥 Google Meet ({}) | {}h {}m",
                local(span.start).format("%-I:%M:%S %p"),
                seconds / 3600,
                seconds % 3600 / 60
            ),
        }
    }

    fn full() -> Self {
        Self {
            title: Some("Weekly".to_owned()),
            code: Some("abc-mnop-xyz".to_owned()),
            calendar: Some("primary".to_owned()),
            ..Self::bare()
        }
    }

    fn bare() -> Self {
        Self {
            title: None,
            code: None,
            calendar: None,
            start: "2026-11-19 10:00:00 +0100".to_owned(),
            end: "2026-11-19 10:31:00 +0100".to_owned(),
            seconds: 1860,
            project: "Google Meet".to_owned(),
            conference: "conferenceRecords/a".to_owned(),
            original: "🎥 Google Meet (10:00:00 AM) | 0h 31m".to_owned(),
        }
    }

    fn variables(&self) -> liquid::Object {
        let text = |text: &Option<String>| text.clone().map_or(Value::Nil, Value::scalar);
        object!({
            "title": text(&self.title),
            "meeting_code": text(&self.code),
            "calendar": text(&self.calendar),
            "start": self.start,
            "end": self.end,
            "hours": self.seconds / 3600,
            "minutes": self.seconds % 3600 / 60,
            "seconds": self.seconds % 60,
            "project": self.project,
            "record": self.conference,
            "original": self.original,
        })
    }
}

/// Does what liquid does, or says what is wrong with `template`. liquid 0.26 panics at numbers that do not fit.
fn attempt<T>(
    template: &str,
    work: impl FnOnce() -> Result<T, liquid::Error>,
) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(|error| fault::of(template, &error)),
        Err(_) => Err("expected numbers that fit 64 bits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syncs::{
        definition::AttendedTime,
        meeting::{Event, Reading, Session},
    };
    use chrono::DateTime;
    use proptest::prelude::*;

    fn meeting(title: Option<&str>) -> Meeting {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        Meeting {
            conference: "conferenceRecords/c0001m007".into(),
            space: None,
            code: None,
            start: at("2025-11-08T15:00:00Z"),
            end: Some(at("2025-11-08T16:00:00Z")),
            sessions: vec![Session {
                start: at("2025-11-08T15:05:00Z"),
                end: Some(at("2025-11-08T15:36:59Z")),
            }],
            others: 1,
            event: title.map(|title| Event {
                title: Some(title.into()),
                calendar: "primary".into(),
                domains: vec![],
                declined: false,
            }),
            events: Vec::new(),
            reading: Reading::Done,
        }
    }

    fn describe(template: &str, meeting: &Meeting, limit: usize) -> String {
        let surroundings = Surroundings {
            project: "P",
            zone: chrono_tz::UTC,
            limit,
        };
        Template::parse(template).unwrap().describe(
            meeting,
            meeting.span(AttendedTime::Span).unwrap(),
            surroundings,
        )
    }

    #[test]
    fn without_a_title_the_text_is_the_originals_to_the_byte() {
        let original = "🎥 Google Meet (3:05:00 PM) | 0h 31m [Meet:conferenceRecords/c0001m007]";
        assert_eq!(describe("", &meeting(None), 3000), original);
        assert_eq!(describe(ORIGINAL, &meeting(Some("Weekly")), 3000), original);
    }

    #[test]
    fn a_title_is_the_text_and_the_marker_ends_it() {
        assert_eq!(
            describe("", &meeting(Some("Weekly")), 3000),
            "Weekly [Meet:conferenceRecords/c0001m007]"
        );
    }

    #[test]
    fn times_are_in_the_zone_of_the_sync() {
        let meeting = meeting(None);
        let surroundings = Surroundings {
            project: "P",
            zone: chrono_tz::Europe::Zurich,
            limit: 3000,
        };
        let text =
            Template::parse("{{ start | date: '%H:%M' }} {{ hours }}:{{ minutes }} {{ project }}")
                .unwrap()
                .describe(
                    &meeting,
                    meeting.span(AttendedTime::Span).unwrap(),
                    surroundings,
                );
        assert_eq!(text, "16:05 0:31 P [Meet:conferenceRecords/c0001m007]");
    }

    #[test]
    fn a_long_title_is_cut_and_the_marker_stays_whole() {
        let text = describe("", &meeting(Some(&"ü".repeat(5000))), 3000);
        assert_eq!(text.encode_utf16().count(), 3000);
        assert!(text.ends_with(" [Meet:conferenceRecords/c0001m007]"));
    }

    #[test]
    fn a_title_cannot_pass_for_another_meeting() {
        let text = describe("", &meeting(Some("x [Meet:conferenceRecords/other]")), 3000);
        assert_eq!(marker::found_in(&text), ["conferenceRecords/c0001m007"]);
    }

    #[test]
    fn what_could_run_away_is_refused() {
        for template in [
            "{% for i in (1..1000000000) %}x{% endfor %}",
            "{% assign a = 'x' %}",
            "{% capture a %}x{% endcapture %}",
            "{{ title | replace: 'a', title }}",
            "{% include 'x' %}",
            "{{ titel }}",
            "{{ title",
        ] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }

    #[test]
    fn the_variables_that_errors_name_are_those_there_are() {
        let mut there: Vec<_> = Sample::full().variables().into_iter().collect();
        there.sort_by_key(|(name, _)| VARIABLES.iter().position(|known| *known == name.as_str()));
        let there: Vec<_> = there.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(there, VARIABLES);
    }

    proptest! {
        #[test]
        fn every_description_keeps_its_marker_and_its_limit(title in ".{0,200}", limit in 60usize..300) {
            let text = describe("", &meeting(Some(&title)), limit);
            prop_assert!(text.encode_utf16().count() <= limit);
            prop_assert_eq!(marker::found_in(&text), ["conferenceRecords/c0001m007"]);
        }
    }
}
