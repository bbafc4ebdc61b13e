//! Finding what the list does not say: calls that were still running, the codes of spaces, and meetings by the code of
//! their event.

use super::{CODE_SLACK, CODE_WINDOW, Window, instants};
use crate::{
    base::{Error, Result},
    connectors::google::{
        GoogleError, MeetingCode, calendar,
        meet::{Conference, ConferenceFilter},
    },
    syncs::{
        meeting::{Meeting, Reading},
        source::Source,
    },
};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{HashMap, HashSet};

/// Conferences that were running, or whose sessions were still open, when they were read. Gives the known meetings that
/// Google has no more.
pub(super) async fn read_unsettled(
    source: &Source,
    known: &HashMap<String, (Meeting, bool)>,
    conferences: &mut HashMap<String, Conference>,
) -> Result<Vec<Meeting>> {
    let missing: Vec<&str> = known
        .iter()
        .filter(|(name, (_, settled))| !settled && !conferences.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    let reads: Vec<_> = missing
        .into_iter()
        .map(|name| async move { Ok::<_, Error>((name, source.meet.get_conference(name).await?)) })
        .collect();
    let read: Vec<(&str, Option<Conference>)> = stream::iter(reads)
        .buffer_unordered(source.concurrency)
        .try_collect()
        .await?;
    let mut gone = Vec::new();
    for (name, conference) in read {
        match (conference, known.get(name)) {
            (Some(conference), _) => {
                conferences.insert(conference.name.clone(), conference);
            }
            (None, Some((meeting, _))) => gone.push(Meeting {
                reading: Reading::Gone,
                ..meeting.clone()
            }),
            (None, None) => {}
        }
    }
    Ok(gone)
}

/// The codes of the conferences' spaces: from what is remembered, else one call per distinct space.
pub(super) async fn read_codes(
    source: &Source,
    conferences: &HashMap<String, Conference>,
) -> Result<HashMap<String, String>> {
    let mut codes = source.codes.clone();
    let unknown: HashSet<&str> = conferences
        .values()
        .filter_map(|conference| conference.space.as_deref())
        .filter(|space| !codes.contains_key(*space))
        .collect();
    let reads: Vec<_> = unknown
        .into_iter()
        .map(|space| async move {
            let found = source.meet.get_space(space).await?;
            Ok::<_, Error>(found.and_then(|found| {
                Some((space.to_owned(), found.meeting_code?.as_str().to_owned()))
            }))
        })
        .collect();
    let read: Vec<Option<(String, String)>> = stream::iter(reads)
        .buffer_unordered(source.concurrency)
        .try_collect()
        .await?;
    codes.extend(read.into_iter().flatten());
    Ok(codes)
}

/// Asks for conferences by the code of events that ended lately and have none yet.
pub(super) async fn look_up_codes(
    source: &Source,
    events: &[calendar::Event],
    window: Window,
    known: &HashMap<String, (Meeting, bool)>,
    conferences: &HashMap<String, Conference>,
    codes: &HashMap<String, String>,
) -> Result<Vec<(String, Vec<Conference>)>> {
    let mut seen: Vec<(&str, DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for conference in conferences.values() {
        if let Some(code) = conference.space.as_ref().and_then(|space| codes.get(space)) {
            seen.push((code, conference.start, conference.end.unwrap_or(window.end)));
        }
    }
    for (name, (meeting, _)) in known {
        // What was read just now is more than what is remembered; of a call that was running then, only its begin is sure.
        if let Some(code) = &meeting.code
            && !conferences.contains_key(name)
        {
            let end = meeting.end.unwrap_or(meeting.start + CODE_SLACK);
            seen.push((code, meeting.start, end));
        }
    }
    // A series shares one code, so having seen another meeting of it is not having seen this one.
    let is_seen = |code: &str, start: DateTime<Utc>, end: DateTime<Utc>| {
        seen.iter()
            .any(|(known, from, until)| *known == code && *from < end && *until > start)
    };
    let mut wanted: HashMap<&MeetingCode, (DateTime<Utc>, DateTime<Utc>)> = HashMap::new();
    for event in events {
        let (Some(code), Some((start, end))) = (&event.meeting_code, instants(event)) else {
            continue;
        };
        if start < window.end
            && end >= window.unread_from - CODE_SLACK
            && !is_seen(code.as_str(), start, end)
        {
            let span = wanted.entry(code).or_insert((start, end));
            *span = (span.0.min(start), span.1.max(end));
        }
    }
    let reads: Vec<_> = wanted
        .into_iter()
        .map(|(code, (start, end))| async move {
            let filter = ConferenceFilter {
                meeting_code: Some(code.clone()),
                started_from: Some(start - CODE_WINDOW),
                started_until: Some(end + CODE_WINDOW),
                ..ConferenceFilter::default()
            };
            let found = match source.meet.list_conferences(&filter).await {
                Ok(found) => found,
                // A code of somebody else's meeting, or of a service that is not Meet, is not worth a failed run.
                Err(
                    GoogleError::NotFound { .. }
                    | GoogleError::Forbidden { .. }
                    | GoogleError::Refused { .. },
                ) => Vec::new(),
                Err(other) => return Err(Error::from(other)),
            };
            Ok((code.as_str().to_owned(), found))
        })
        .collect();
    stream::iter(reads)
        .buffer_unordered(source.concurrency)
        .try_collect()
        .await
}
