//! Begins a session, by a password or by an id token of Google.

use crate::{
    app::App,
    audit::{self, By, Counted},
    base::{ANYBODY, Error, Result, Secret, Violation, error::all_valid, reach},
    people::{
        Begun, Origin, Person, Profile, google, memory,
        password::{self, Verdict},
        rules, sessions, store,
    },
    tenants::attempts::Attempts,
};
use std::time::{Duration, Instant};

/// Nobody learns earlier that a login failed, whatever was wrong: an unknown name, a wrong password, one whose hash takes
/// longer; none that is taken over takes as long on a processor of today. It slows down who guesses, too.
const REFUSED_AFTER: Duration = Duration::from_millis(400);

/// How somebody wants to log in: by name and password, or by Google.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// User name or address.
    pub login: String,
    /// Its password.
    pub password: Secret,
    /// An id token of Google, instead.
    pub google_id_token: Secret,
}

/// Begins a session, and ends the one that the caller shows. `LOGIN_WRONG` alike, and after the same time, for an unknown name,
/// a wrong password, and somebody who has none.
pub async fn login(app: &App, login: Login, origin: &Origin) -> Result<(Profile, Begun)> {
    check(&login)?;
    let begun = Instant::now();
    let mut whom = None;
    let outcome = attempt(app, &login, origin, &mut whom).await;
    if let Err(error) = &outcome {
        note(app, whom.as_ref(), error);
    }
    if is_refused(&outcome) {
        tokio::time::sleep(REFUSED_AFTER.saturating_sub(begun.elapsed())).await;
    }
    if outcome.is_ok() {
        // The session that the caller showed ended.
        memory::of(app).forget();
    }
    outcome
}

/// `whom` is who has the name that was said, once that is known.
async fn attempt(
    app: &App,
    login: &Login,
    origin: &Origin,
    whom: &mut Option<Person>,
) -> Result<(Profile, Begun)> {
    let address = reach::caller().and_then(|caller| caller.address);
    // Who works in this process has no address, and needs no password to do harm.
    let by_address = address.map(|_| Attempts::of(app));
    // Used up before the work: guesses at once count, and those that nobody waits for.
    if let Some(attempts) = &by_address {
        attempts.reserve(address)?;
    }
    let outcome = match login.google_id_token.is_empty() {
        true => by_password(app, login, origin, whom).await,
        false => google::enter(app, &login.google_id_token, origin).await,
    };
    if let Some(attempts) = by_address.filter(|_| !is_refused(&outcome)) {
        attempts.give_back(address);
    }
    outcome
}

fn is_refused<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Unauthenticated { .. }))
}

fn check(login: &Login) -> Result<()> {
    let mut wrong = Vec::new();
    let by_name = !login.login.is_empty() || !login.password.is_empty();
    match (by_name, login.google_id_token.is_empty()) {
        (true, false) => wrong.push(Violation::new(
            "google_id_token",
            "expected either login and password, or google_id_token",
        )),
        (false, false) => {}
        (_, true) => {
            if login.login.is_empty() {
                let message = "expected a user name or an e-mail address";
                wrong.push(Violation::new("login", message));
            }
            if login.password.is_empty() {
                wrong.push(Violation::new("password", "expected the password"));
            }
        }
    }
    all_valid(wrong)
}

async fn by_password(
    app: &App,
    login: &Login,
    origin: &Origin,
    whom: &mut Option<Person>,
) -> Result<(Profile, Begun)> {
    let key = rules::key(&login.login);
    let memory = memory::of(app);
    let address = reach::caller().and_then(|caller| caller.address);
    let is_usual = async || match named(app, &key).await? {
        Some(person) => sessions::are_from(app, person.name(), address).await,
        None => Ok(false),
    };
    memory.attempts().take(&key, address, is_usual).await?;
    *whom = named(app, &key).await?;
    let person = whom.as_ref();
    let stored = person.and_then(|person| person.password_hash.clone());
    let verdict = password::verify(app, &login.password, stored.clone()).await?;
    let (Some(person), Verdict::Right | Verdict::Outdated) = (person, verdict) else {
        return Err(wrong());
    };
    memory.attempts().succeeded(&key, address);
    let renewed = match verdict {
        Verdict::Outdated => Some(password::hash(app, &login.password).await?),
        _ => None,
    };
    let renewed = stored.as_deref().zip(renewed.as_deref());
    enter(app, person, renewed, origin).await
}

async fn named(app: &App, key: &str) -> Result<Option<Person>> {
    // PostgreSQL takes no such text, and nobody has such a name.
    if key.contains('\0') {
        return Ok(None);
    }
    let mut tx = app.db.read(store::SCOPE).await?;
    store::by_login(&mut tx, key).await
}

/// Begins the session of somebody who showed who it is.
pub(super) async fn enter(
    app: &App,
    person: &Person,
    renewed: Option<(&str, &str)>,
    origin: &Origin,
) -> Result<(Profile, Begun)> {
    let now = app.db.now();
    let name = person.name();
    let mut tx = app.db.write(store::SCOPE).await?;
    let current = store::logged_in(&mut tx, name.0, renewed, now).await?;
    // Removed, or given another password, since it was compared.
    let unchanged = |current: &Person| {
        current.password_hash == person.password_hash
            || current.password_hash.as_deref() == renewed.map(|(_, new)| new)
    };
    let Some(person) = current.filter(unchanged) else {
        return Err(wrong());
    };
    let begun = sessions::begin(app, &mut tx, name, origin, now).await?;
    let entry = audit::Entry::new(None, "user.login", name).by(name);
    audit::record(&mut tx, entry, now).await?;
    let memberships = store::memberships(&mut tx, name.0).await?;
    tx.commit().await?;
    let profile = Profile {
        person,
        memberships,
    };
    Ok((profile, begun))
}

/// Has the audit count that a login was refused, or was one too many, for unknown names too.
fn note(app: &App, person: Option<&Person>, error: &Error) {
    let (Error::Unauthenticated { reason, .. }
    | Error::Denied { reason, .. }
    | Error::Limited { reason, .. }) = error
    else {
        return;
    };
    let whom = person.map_or("users/-".to_owned(), |person| person.name().to_string());
    let by = By {
        name: ANYBODY,
        address: reach::caller().and_then(|caller| caller.address),
    };
    let counted = Counted::done(None, "user.login", whom, by).refused(*reason);
    audit::count(app, counted.by_stranger());
}

pub(super) fn wrong() -> Error {
    Error::Unauthenticated {
        reason: "LOGIN_WRONG",
        message: "the name or the password is wrong".to_owned(),
    }
}
