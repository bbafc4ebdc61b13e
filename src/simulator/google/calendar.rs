//! Calendar v3: the list of calendars, events by window and one by one. Incremental lists are in `calendar_sync`.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::calendar_json::{event_json, ical_uid, instant};
use super::{CALENDAR_LIST_SCOPES, EVENT_SCOPES, authorize, calendar_sync, errors};
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::paging;
use crate::simulator::world::{Calendar, Event, Person, World};

const DEFAULT_PAGE: usize = 250;
const MAX_PAGE: usize = 2500;
/// Google keeps deletions for about four weeks.
const UPDATED_MIN_REACH: TimeDelta = TimeDelta::days(28);

/// `GET /calendar/v3/users/me/calendarList`.
pub(in crate::simulator) fn list_calendars(world: &mut World, request: &Request) -> Reply {
    answer(reader(world, request, &CALENDAR_LIST_SCOPES).and_then(|reader| {
        let calendars = world.google.calendars.iter().filter(|calendar| belongs(world, calendar, &reader));
        let items: Vec<Value> = calendars
            .map(|calendar| {
                let mut item = json!({
                    "kind": "calendar#calendarListEntry", "etag": etag(world), "id": calendar.id, "summary": calendar.name,
                    "timeZone": calendar.zone, "selected": true, "accessRole": "owner", "defaultReminders": [],
                });
                if calendar.id == reader.email {
                    item["primary"] = json!(true);
                }
                item
            })
            .collect();
        let page = paging::page(request, items, page_size(request, 100, 250)?, 0).map_err(|_| bad_page_token())?;
        let mut body = json!({"kind": "calendar#calendarList", "etag": etag(world), "items": page.items});
        if let Some(next) = page.next {
            body["nextPageToken"] = json!(next);
        }
        Ok(Reply::ok(&body))
    }))
}

/// `GET /calendar/v3/calendars/{calendar}/events`.
pub(in crate::simulator) fn list_events(world: &mut World, request: &Request) -> Reply {
    answer(reader(world, request, &EVENT_SCOPES).and_then(|reader| {
        let calendar = find(world, request, &reader)?;
        if request.header("if-none-match").is_some_and(|known| known == etag(world)) {
            return Ok(Reply::empty(axum::http::StatusCode::NOT_MODIFIED));
        }
        let selection = match request.query("syncToken") {
            Some(token) => Selection::Since(calendar_sync::revision(world, request, token)?),
            None => Selection::Window(Box::new(Window::read(world, request)?)),
        };
        let mut events: Vec<&Event> = calendar.events.iter().filter(|event| selection.takes(request, event)).collect();
        match request.query("orderBy") {
            Some("startTime") => events.sort_by_key(|event| event.start.instant()),
            Some("updated") => events.sort_by_key(|event| event.updated),
            _ => {}
        }
        if request.tweak == Some(Tweak::EmptyList) {
            events.clear();
        }
        let zone = zone(request, calendar)?;
        let size = page_size(request, DEFAULT_PAGE, MAX_PAGE)?;
        let page = paging::page(request, events, size, world.google.revision).map_err(|_| bad_page_token())?;
        let mut body = json!({
            "kind": "calendar#events", "etag": etag(world), "summary": calendar.name, "description": "",
            "updated": instant(calendar.events.iter().map(|event| event.updated).max().unwrap_or(DateTime::UNIX_EPOCH)),
            "timeZone": zone.name(), "accessRole": "owner", "defaultReminders": [{"method": "popup", "minutes": 10}],
            "items": page.items.into_iter().map(|event| event_json(event, calendar, &reader, zone)).collect::<Vec<_>>(),
        });
        match page.next {
            Some(next) => body["nextPageToken"] = json!(next),
            None if calendar_sync::gives_token(request) => {
                body["nextSyncToken"] = json!(calendar_sync::token(request, page.mark));
            }
            None => {}
        }
        Ok(Reply::ok(&body))
    }))
}

/// `GET /calendar/v3/calendars/{calendar}/events/{event}`. A deleted event is still there, as cancelled.
pub(in crate::simulator) fn get_event(world: &mut World, request: &Request) -> Reply {
    answer(reader(world, request, &EVENT_SCOPES).and_then(|reader| {
        let calendar = find(world, request, &reader)?;
        let event = calendar
            .events
            .iter()
            .find(|event| event.id == request.param(1));
        let event = event.ok_or_else(errors::calendar_not_found)?;
        Ok(Reply::ok(&event_json(
            event,
            calendar,
            &reader,
            zone(request, calendar)?,
        )))
    }))
}

fn answer(result: Result<Reply, Reply>) -> Reply {
    result.unwrap_or_else(|refusal| refusal)
}

fn reader(world: &World, request: &Request, scopes: &[&str]) -> Result<Person, Reply> {
    let grant = authorize(
        world,
        request,
        scopes,
        errors::calendar_unauthenticated,
        errors::calendar_missing_scope,
    )?;
    world
        .person(&grant.person)
        .cloned()
        .ok_or_else(errors::calendar_unauthenticated)
}

/// Group calendars are all mine.
fn belongs(world: &World, calendar: &Calendar, reader: &Person) -> bool {
    calendar.id == reader.email || (calendar.id.starts_with("c_") && world.me().id == reader.id)
}

fn find<'a>(world: &'a World, request: &Request, reader: &Person) -> Result<&'a Calendar, Reply> {
    let id = if request.param(0) == "primary" {
        &reader.email
    } else {
        request.param(0)
    };
    let calendar = world
        .google
        .calendars
        .iter()
        .find(|calendar| calendar.id == id);
    calendar
        .filter(|calendar| belongs(world, calendar, reader))
        .ok_or_else(errors::calendar_not_found)
}

/// Which events a list shows.
enum Selection {
    /// Changed since a revision.
    Since(u64),
    Window(Box<Window>),
}

impl Selection {
    fn takes(&self, request: &Request, event: &Event) -> bool {
        let single = request.query_flag("singleEvents") == Some(true);
        let is_master = !event.recurrence.is_empty();
        // Instances that look like the series prescribes are not listed beside their master.
        let is_plain_instance =
            event.series.is_some() && event.original_start == Some(event.start) && !event.cancelled;
        if if single { is_master } else { is_plain_instance } {
            return false;
        }
        let types = request.query_list("eventTypes");
        if !types.is_empty() && !types.contains(&event.event_type.as_deref().unwrap_or("default")) {
            return false;
        }
        match self {
            Self::Since(revision) => event.revision > *revision,
            Self::Window(window) => window.takes(event, single),
        }
    }
}

/// The parameters of a list without sync token.
struct Window {
    min: Option<DateTime<Utc>>,
    max: Option<DateTime<Utc>>,
    updated_min: Option<DateTime<Utc>>,
    show_deleted: bool,
    text: Option<String>,
    ical_uid: Option<String>,
}

impl Window {
    fn read(world: &World, request: &Request) -> Result<Self, Reply> {
        let (min, max) = (time(request, "timeMin")?, time(request, "timeMax")?);
        if let (Some(min), Some(max)) = (min, max)
            && min >= max
        {
            let message = "The specified time range is empty.";
            return Err(errors::legacy(
                400,
                "calendar",
                "timeRangeEmpty",
                message,
                Some(("parameter", "timeMax")),
            ));
        }
        let updated_min = time(request, "updatedMin")?;
        if updated_min.is_some_and(|at| at < world.now() - UPDATED_MIN_REACH) {
            let message = "The requested minimum modification time lies too far in the past.";
            return Err(errors::legacy(
                410,
                "calendar",
                "updatedMinTooLongAgo",
                message,
                Some(("parameter", "updatedMin")),
            ));
        }
        if request.query("orderBy") == Some("startTime")
            && request.query_flag("singleEvents") != Some(true)
        {
            let message = "The requested ordering is not available for the particular query.";
            return Err(errors::calendar_invalid("orderBy", message));
        }
        Ok(Self {
            min,
            max,
            updated_min,
            show_deleted: request.query_flag("showDeleted") == Some(true),
            text: request.query("q").map(str::to_lowercase),
            ical_uid: request.query("iCalUID").map(str::to_owned),
        })
    }

    fn takes(&self, event: &Event, single: bool) -> bool {
        let deleted_too =
            self.show_deleted || self.updated_min.is_some() || (!single && event.series.is_some());
        let endless = !event.recurrence.is_empty();
        let text = |event: &Event| {
            [&event.summary, &event.description]
                .into_iter()
                .flatten()
                .any(|part| {
                    self.text
                        .as_deref()
                        .is_none_or(|wanted| part.to_lowercase().contains(wanted))
                })
        };
        (!event.cancelled || deleted_too)
            && self
                .min
                .is_none_or(|min| endless || event.end.instant() > min)
            && self.max.is_none_or(|max| event.start.instant() < max)
            && self.updated_min.is_none_or(|min| event.updated >= min)
            && (self.text.is_none() || text(event))
            && self
                .ical_uid
                .as_ref()
                .is_none_or(|uid| *uid == ical_uid(event))
    }
}

fn time(request: &Request, parameter: &str) -> Result<Option<DateTime<Utc>>, Reply> {
    let Some(text) = request.query(parameter) else {
        return Ok(None);
    };
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|_| errors::calendar_invalid(parameter, "Bad Request"))?;
    // Milliseconds may be given but are ignored.
    Ok(DateTime::from_timestamp(time.timestamp(), 0))
}

fn page_size(request: &Request, default: usize, max: usize) -> Result<usize, Reply> {
    match request.query("maxResults").map(str::parse::<usize>) {
        None => Ok(default),
        Some(Ok(size)) if size > 0 => Ok(size.min(max)),
        Some(_) => Err(errors::calendar_invalid("maxResults", "Invalid value.")),
    }
}

fn bad_page_token() -> Reply {
    errors::calendar_invalid("pageToken", "Invalid page token value.")
}

fn zone(request: &Request, calendar: &Calendar) -> Result<Tz, Reply> {
    let name = request.query("timeZone").unwrap_or(&calendar.zone);
    name.parse()
        .map_err(|_| errors::calendar_invalid("timeZone", "Invalid time zone."))
}

fn etag(world: &World) -> String {
    format!("\"p{:015x}\"", world.google.revision)
}
