//! Changes what a person may change of a token: its description, or its credential as a whole.

use crate::{
    app::App,
    base::{Error, Result, TokenName, Violation, error::all_valid, name::shown},
    db::Scope,
    tokens::{
        EventKind, Given, Token, gather,
        given::{check_budget, check_display_name},
        memory, store,
    },
};

/// How often a change is tried again when somebody else's comes between reading and writing.
const TRIES: usize = 5;

const DISPLAY_NAME: &str = "display_name";
const REQUEST_BUDGET: &str = "request_budget";
const CREDENTIAL: &str = "credential";

/// A change to a token.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Its full name.
    pub name: String,
    /// Compared when it is not empty.
    pub etag: String,
    /// Which fields to change; empty means all that are given.
    pub mask: Vec<String>,
    /// The new name for people; empty, when named in the mask, is the id.
    pub display_name: String,
    /// The new budget; empty, when named in the mask, is the provider's setting.
    pub request_budget: String,
    /// The new secret.
    pub given: Option<Given>,
}

/// Changes the token. `Conflict` when the etag is not the current one; nothing is changed unless everything is.
pub async fn update(app: &App, update: Update) -> Result<Token> {
    let mut wrong = Vec::new();
    let name = gather(&mut wrong, TokenName::parse("token.name", &update.name));
    let change = Change::of(&update, &mut wrong);
    // What the credential may be depends on the provider, so it is checked below, with the row at hand; without one it is
    // judged as what it looks like.
    let unseen = |mut wrong: Vec<Violation>| {
        if let Some(given) = change.given {
            gather(&mut wrong, given.check(app, given.usual_provider()));
        }
        wrong
    };
    let Some(name) = name else {
        return Err(Error::Invalid(unseen(wrong)));
    };
    for _ in 0..TRIES {
        let now = app.db.now();
        let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
        let found = store::get(&mut tx, &name).await?;
        let Some(token) = found else {
            all_valid(unseen(wrong))?;
            return Err(name.not_found());
        };
        let secrets = match change.given {
            Some(given) => match gather(&mut wrong, given.check(app, token.provider)) {
                Some(checked) => Some(checked.seal(app, &name)?),
                None => None,
            },
            None => None,
        };
        all_valid(std::mem::take(&mut wrong))?;
        check_etag(&token, &update.etag)?;
        if !store::touch(&mut tx, &name, token.version, now).await? {
            continue;
        }
        let display_name = change.display_name.map(|text| match text {
            "" => name.id.as_str(),
            text => text,
        });
        store::describe(&mut tx, &name, display_name, change.request_budget).await?;
        if let Some(secrets) = &secrets {
            store::put_secrets(&mut tx, &name, secrets, now).await?;
        }
        let token = store::get(&mut tx, &name)
            .await?
            .ok_or_else(|| name.not_found())?;
        store::add_event(&mut tx, &name, EventKind::Updated, change.detail(), now).await?;
        tx.commit().await?;
        memory::of(app).forget(&name);
        return Ok(token);
    }
    Err(changed_meanwhile(&name))
}

/// Refuses a change that was made for another state of the token.
pub(super) fn check_etag(token: &Token, etag: &str) -> Result<()> {
    if etag.is_empty() || etag == token.etag() {
        Ok(())
    } else {
        Err(changed_meanwhile(&token.name()))
    }
}

pub(super) fn changed_meanwhile(name: &TokenName) -> Error {
    Error::Conflict {
        what: name.to_string(),
    }
}

/// The parts of an update that are meant.
struct Change<'a> {
    display_name: Option<&'a str>,
    request_budget: Option<&'a str>,
    given: Option<&'a Given>,
}

impl<'a> Change<'a> {
    fn of(update: &'a Update, wrong: &mut Vec<Violation>) -> Self {
        const PATHS: [&str; 3] = [DISPLAY_NAME, REQUEST_BUDGET, CREDENTIAL];
        let unknown = |path: &&String| !PATHS.contains(&path.as_str());
        wrong.extend(update.mask.iter().filter(unknown).map(|path| {
            let expected = format!("expected some of {}, got {}", PATHS.join(", "), shown(path));
            Violation::new("update_mask", expected)
        }));
        let named = |path: &str| update.mask.iter().any(|named| named == path);
        let text = |path, text: &'a String| {
            let meant = named(path) || (update.mask.is_empty() && !text.is_empty());
            meant.then_some(text.as_str())
        };
        let change = Self {
            display_name: text(DISPLAY_NAME, &update.display_name),
            request_budget: text(REQUEST_BUDGET, &update.request_budget),
            given: update
                .given
                .as_ref()
                .filter(|_| named(CREDENTIAL) || update.mask.is_empty()),
        };
        if named(CREDENTIAL) && update.given.is_none() {
            wrong.push(Violation::new(
                CREDENTIAL,
                "update_mask names it, but none of api_key, oauth_grant and token_json is given",
            ));
        }
        if let Some(text) = change.display_name {
            check_display_name(wrong, text);
        }
        if let Some(text) = change.request_budget {
            check_budget(wrong, text);
        }
        change
    }

    fn detail(&self) -> &'static str {
        match self.given {
            Some(_) => "a new credential was given",
            None => "its description was changed",
        }
    }
}
