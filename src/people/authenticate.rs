//! Who has a session: asked at every call, mostly answered from memory.

use crate::{
    app::App,
    base::{Caller, Error, Result, Secret, Who},
    people::{
        PersonName, SESSION,
        memory::{self, Known, hash_of},
        person::permissions,
        sessions::{WRITTEN_EVERY, idle_after},
        store,
    },
    tenants::attempts::Attempts,
};
use std::{net::IpAddr, sync::Arc, time::Instant};

/// Base64 digits of 256 bits.
const DIGITS: usize = 43;

/// Who has this session. `SESSION_OVER` alike for an unknown one and one that is over.
///
/// An id that nobody knows uses up an attempt of its address, as an unknown key does, and [`Error::Limited`] says when there is
/// none left: who makes ids up is slowed down. That locks nobody out: good sessions and keys from there go on, and whoever
/// wants to log in may show what it likes. One that ended and is still remembered uses up nothing.
pub async fn authenticate(
    app: &App,
    token: &Secret,
    address: Option<IpAddr>,
) -> Result<Arc<Caller>> {
    let hash = hash_of(token);
    let (memory, attempts) = (memory::of(app), Attempts::at_keys(app));
    let known = match is_possible(token) {
        true => {
            let is_suspicious = || attempts.check(address).is_err();
            let read = async || read(app, &hash, address).await;
            memory.session(hash, is_suspicious, read).await?
        }
        false => None,
    };
    match known {
        Some(known) if !known.is_over(app.db.now()) => Ok(known.caller_at(address)),
        Some(_) => Err(over()),
        None => {
            attempts.reserve(address)?;
            Err(over())
        }
    }
}

fn over() -> Error {
    Error::Unauthenticated {
        reason: "SESSION_OVER",
        message: "there is no such session, or it is over: log in again".to_owned(),
    }
}

/// Whether it looks as the ids of sessions do. What does not is refused without asking the database.
fn is_possible(token: &Secret) -> bool {
    let random = token.expose().strip_prefix(SESSION).unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    random.len() == DIGITS && random.bytes().all(is_digit)
}

async fn read(app: &App, hash: &[u8; 32], address: Option<IpAddr>) -> Result<Option<Known>> {
    let read_at = Instant::now();
    let mut tx = app.db.read(store::SCOPE).await?;
    let Some(row) = store::session_by_token(&mut tx, hash).await? else {
        return Ok(None);
    };
    let Some(person) = store::get(&mut tx, row.person_id).await? else {
        return Ok(None);
    };
    let memberships = store::memberships(&mut tx, row.person_id).await?;
    drop(tx);
    let now = app.db.now();
    let idle = idle_after(app);
    let was_idle = |idle| row.used_at + idle + WRITTEN_EVERY <= now;
    let is_over = row.expires_at <= now || idle.is_some_and(was_idle);
    let mut used_at = row.used_at;
    if now - used_at >= WRITTEN_EVERY && !is_over {
        used_at = now;
        let written = async {
            let mut tx = app.db.write(store::SCOPE).await?;
            store::use_session(&mut tx, row.session_id, now).await?;
            tx.commit().await
        };
        // Whoever has a session may read even where nothing can be written.
        if let Err(error) = written.await {
            tracing::warn!(%error, "the use of a session cannot be written down");
        }
    }
    let caller = Caller {
        name: PersonName(row.person_id).to_string(),
        who: Who::User {
            user: row.person_id,
            session: row.session_id,
        },
        permissions: permissions(person.instance_role(), &memberships),
        address,
    };
    let idle_at = idle.map(|idle| used_at + idle + WRITTEN_EVERY);
    Ok(Some(Known::new(caller, row.expires_at, idle_at, read_at)))
}
