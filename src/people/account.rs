//! Reads people.

use crate::{
    api::{filter, page::Page},
    app::App,
    base::{Error, Result},
    people::{Membership, Person, PersonName, Profile, gather, rules, standing::standing, store},
};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use uuid::Uuid;

/// Fields of a filter.
const FIELDS: [&str; 3] = ["provider", "username", "email"];

/// One person. `NotFound` for an unknown one, and, unless the caller has a role over the installation, for everybody else.
pub async fn get(app: &App, name: PersonName) -> Result<Profile> {
    standing().may_see(name)?;
    let mut tx = app.db.read(store::SCOPE).await?;
    let person = store::get(&mut tx, name.0).await?;
    let person = person.ok_or_else(|| name.not_found())?;
    let memberships = store::memberships(&mut tx, name.0).await?;
    Ok(Profile {
        person,
        memberships,
    })
}

/// The person who calls; `None` where it is a key, or the password of the settings.
pub async fn me(app: &App) -> Result<Option<Profile>> {
    match standing().user {
        None => Ok(None),
        Some((name, _)) => get(app, name).await.map(Some),
    }
}

/// A page of people by creation, and the token of the next page.
pub async fn list(
    app: &App,
    page_size: i32,
    page_token: &str,
    filter: &str,
) -> Result<(Vec<Profile>, String)> {
    let mut wrong = Vec::new();
    let wanted = gather(&mut wrong, wanted(filter));
    let page = Page::parse(page_size, page_token, &["users", filter]);
    let (Some(wanted), Some(page)) = (wanted, gather(&mut wrong, page)) else {
        return Err(Error::Invalid(wrong));
    };
    let after = page.after.as_deref().map_or(Some(FIRST), read_key);
    let after = after.ok_or_else(|| {
        Error::invalid("page_token", "expected next_page_token of the page before")
    })?;
    let mut tx = app.db.read(store::SCOPE).await?;
    let mut people = store::list(&mut tx, &wanted, after, page.limit()).await?;
    let next = page.cut(&mut people, key);
    let mut memberships: HashMap<Uuid, Vec<Membership>> = HashMap::new();
    if let (Some(first), Some(last)) = (people.first(), people.last()) {
        for (person, membership) in store::memberships_between(&mut tx, first, last).await? {
            memberships.entry(person).or_default().push(membership);
        }
    }
    let profile = |person: Person| Profile {
        memberships: memberships.remove(&person.person_id).unwrap_or_default(),
        person,
    };
    Ok((people.into_iter().map(profile).collect(), next))
}

fn wanted(text: &str) -> Result<store::Wanted> {
    let mut wanted = store::Wanted::default();
    for (field, value) in filter::parse(text, &FIELDS)? {
        match field.as_str() {
            "provider" => {
                let provider = value.parse().map_err(|_| {
                    Error::invalid(
                        "filter",
                        "expected provider = local, google or firebase-google",
                    )
                })?;
                wanted.provider = Some(provider);
            }
            "username" => wanted.username_key = Some(rules::key(&value)),
            _ => wanted.email_key = Some(rules::key(&value)),
        }
    }
    Ok(wanted)
}

/// Before everybody.
const FIRST: (DateTime<Utc>, Uuid) = (DateTime::<Utc>::UNIX_EPOCH, Uuid::nil());

fn key(person: &Person) -> String {
    format!(
        "{} {}",
        person.created_at.timestamp_micros(),
        person.person_id
    )
}

fn read_key(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (micros, id) = text.split_once(' ')?;
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    Some((at, id.parse().ok()?))
}
