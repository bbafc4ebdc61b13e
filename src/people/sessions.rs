//! Sessions: begun at a login, listed, ended, and forgotten when they are over.

use crate::{
    api::page::Page,
    app::App,
    audit,
    base::{Error, Result, Secret, Source, random_bytes, reach},
    db::Tx,
    people::{
        PersonName, SESSION, SessionName, gather,
        memory::{self, hash_of},
        standing::standing,
        store::{self, NewSession, SessionRow},
    },
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use std::net::IpAddr;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The last use is written down so often, at most.
pub(super) const WRITTEN_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Characters of what a program calls itself.
const LONGEST_AGENT: usize = 200;
/// Logins are counted over 30 days; these are kept a little longer.
const LOGINS_KEPT: TimeDelta = TimeDelta::days(100);

/// Where a login comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// What the program calls itself.
    pub user_agent: String,
}

/// A session that began.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What shows it; nobody can ask for it again.
    pub token: Secret,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its name.
    pub name: SessionName,
    /// Where the login came from; empty where that is not known.
    pub address: String,
    /// What the program called itself.
    pub user_agent: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// The last use, to within a minute.
    pub used_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// When a session that is not used ends.
pub(super) fn idle_after(app: &App) -> Option<TimeDelta> {
    let idle = app.config.people.session_idle?;
    TimeDelta::from_std(idle).ok()
}

/// Sessions that were used last at this moment, or before it, are over.
pub(super) fn idle_since(app: &App, now: DateTime<Utc>) -> DateTime<Utc> {
    match idle_after(app) {
        Some(idle) => now - idle - WRITTEN_EVERY,
        None => DateTime::UNIX_EPOCH,
    }
}

/// Begins a session of a person, and ends the one that the caller shows: whoever knew that one knows nothing of this one.
pub(super) async fn begin(
    app: &App,
    tx: &mut Tx,
    person: PersonName,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<Begun> {
    if let Some((user, session)) = standing().user {
        store::end_session(tx, user.0, session).await?;
    }
    let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(random_bytes()?));
    let token = Secret::new(format!("{SESSION}{}", text.as_str()));
    let address = reach::caller().and_then(|caller| caller.address);
    let address = address.map(|address| address.to_string());
    let agent = origin.user_agent.chars().filter(|c| !c.is_control());
    let length = TimeDelta::from_std(app.config.people.session_length).map_err(Error::internal)?;
    let expires_at = now + length;
    let new = NewSession {
        id: Uuid::now_v7(),
        person: person.0,
        token_hash: &hash_of(&token),
        address: address.as_deref().unwrap_or_default(),
        user_agent: &agent.take(LONGEST_AGENT).collect::<String>(),
        at: now,
        expires_at,
    };
    store::add_session(tx, &new).await?;
    store::add_login(tx, person.0, now).await?;
    Ok(Begun { token, expires_at })
}

/// Whether a person has a session that began at this address, or its network.
pub(super) async fn are_from(
    app: &App,
    person: PersonName,
    address: Option<IpAddr>,
) -> Result<bool> {
    let now = app.db.now();
    let mut tx = app.db.read(store::SCOPE).await?;
    let addresses = store::session_addresses(&mut tx, person.0, now, idle_since(app, now)).await?;
    let known = addresses.iter().filter_map(|known| known.parse().ok());
    let mut sources = known.map(|known| Source::of(Some(known)));
    Ok(address.is_some() && sources.any(|known| known == Source::of(address)))
}

/// A page of a person's sessions that are not over, newest first, and the token of the next page. An empty `parent` is the
/// caller. Only the person and admins may look.
pub async fn list(
    app: &App,
    parent: &str,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<Session>, String)> {
    let standing = standing();
    let mut wrong = Vec::new();
    let person = match (parent, standing.user) {
        ("", Some((user, _))) => Ok(user),
        ("", None) => Err(Error::invalid(
            "parent",
            "expected users/{user}: the caller is no user who could be meant",
        )),
        (parent, _) => PersonName::parse("parent", parent),
    };
    let person = gather(&mut wrong, person);
    let page = Page::parse(page_size, page_token, &["sessions", parent]);
    let (Some(person), Some(page)) = (person, gather(&mut wrong, page)) else {
        return Err(Error::Invalid(wrong));
    };
    standing.may_change(person)?;
    let before = match &page.after {
        None => Uuid::max(),
        Some(text) => text.parse().map_err(|_| {
            Error::invalid("page_token", "expected next_page_token of the page before")
        })?,
    };
    let now = app.db.now();
    let mut tx = app.db.read(store::SCOPE).await?;
    if store::get(&mut tx, person.0).await?.is_none() {
        return Err(person.not_found());
    }
    let since = idle_since(app, now);
    let mut rows =
        store::list_sessions(&mut tx, person.0, before, now, since, page.limit()).await?;
    let next = page.cut(&mut rows, |row| row.session_id.to_string());
    let current = standing.user.map(|(_, session)| session);
    let shown = |row: SessionRow| Session {
        name: SessionName {
            person,
            id: row.session_id,
        },
        address: row.address,
        user_agent: row.user_agent,
        created_at: row.created_at,
        used_at: row.used_at,
        expires_at: row.expires_at,
        is_current: current == Some(row.session_id),
    };
    Ok((rows.into_iter().map(shown).collect(), next))
}

/// Ends a session: within a second on every replica. Only its person and admins may.
pub async fn revoke(app: &App, name: SessionName) -> Result<()> {
    standing()
        .may_change(name.person)
        .map_err(|_| name.not_found())?;
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    if !store::end_session(&mut tx, name.person.0, name.id).await? {
        return Err(name.not_found());
    }
    let entry = audit::Entry::new(None, "session.revoke", name);
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    memory::of(app).forget();
    Ok(())
}

/// Forgets sessions that are over, and old logins. Housekeeping.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    let ended = store::forget_sessions(&mut tx, now, idle_since(app, now)).await?;
    store::forget_logins(&mut tx, now - LOGINS_KEPT).await?;
    tx.commit().await?;
    if ended > 0 {
        tracing::info!(people.sessions = ended, "forgot sessions that were over");
    }
    Ok(())
}
