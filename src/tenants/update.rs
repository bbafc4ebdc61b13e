//! Changes a tenant.

use crate::{
    app::App,
    audit,
    base::{
        Error, Result, Violation,
        error::all_valid,
        name::{parse_parent, shown},
        reach,
    },
    db::Scope,
    tenants::{
        State, Tenant, gather, keys, store,
        tenant::{check_display_name, check_domains, not_found},
    },
};
use sqlx::types::Json;

const DISPLAY_NAME: &str = "display_name";
const STATE: &str = "state";
const ALLOWED_DOMAINS: &str = "allowed_domains";

/// A change to a tenant.
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
    /// The new state.
    pub state: Option<State>,
    /// The new list; empty, when named in the mask, is all pages.
    pub allowed_domains: Vec<String>,
    /// What could not be read at all.
    pub unreadable: Vec<Violation>,
}

/// Changes it. `Conflict` when the etag is not the current one. Only who may administer the whole installation makes a
/// tenant disabled, or ends that.
pub async fn update(app: &App, update: Update) -> Result<Tenant> {
    let mut wrong = update.unreadable.clone();
    let id = match update.name.as_str() {
        "" => {
            wrong.push(Violation::new("tenant.name", "expected tenants/{tenant}"));
            None
        }
        name => gather(&mut wrong, parse_parent("tenant.name", name)),
    };
    let change = Change::of(&update, &mut wrong);
    all_valid(wrong)?;
    let id = id.ok_or_else(|| Error::internal("a valid request lacks its name"))?;
    reach::check(&id)?;

    let now = app.db.now();
    let mut tx = app.db.write(Scope::System("change a tenant")).await?;
    let before = store::lock(&mut tx, &id)
        .await?
        .ok_or_else(|| not_found(&id))?;
    check_etag(&before, &update.etag)?;
    let after = Tenant {
        display_name: match change.display_name {
            None => before.display_name.clone(),
            Some("") => id.to_string(),
            Some(text) => text.to_owned(),
        },
        state: change.state.unwrap_or(before.state),
        allowed_domains: match change.allowed_domains {
            None => before.allowed_domains.clone(),
            Some(domains) => Json(domains),
        },
        version: before.version + 1,
        updated_at: now,
        ..before.clone()
    };
    let is_other_access =
        after.state != before.state && [before.state, after.state].contains(&State::Disabled);
    if is_other_access {
        reach::check_instance()?;
    }
    if !store::update(&mut tx, &after).await? {
        return Err(changed_meanwhile(&before));
    }
    // Its keys and its members may be refused from now on, or taken again.
    if is_other_access {
        keys::changed(&mut tx).await?;
    }
    let detail = match after.state == before.state {
        true => String::new(),
        false => format!(
            "{} instead of {}",
            after.state.as_str(),
            before.state.as_str()
        ),
    };
    let entry = audit::Entry::new(Some(id), "tenant.update", after.name()).detail(detail);
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    Ok(after)
}

/// Refuses a change that was made for another state of the tenant.
pub(super) fn check_etag(tenant: &Tenant, etag: &str) -> Result<()> {
    match etag.is_empty() || etag == tenant.etag() {
        true => Ok(()),
        false => Err(changed_meanwhile(tenant)),
    }
}

fn changed_meanwhile(tenant: &Tenant) -> Error {
    Error::Conflict {
        what: tenant.name(),
    }
}

/// The parts of an update that are meant.
struct Change<'a> {
    display_name: Option<&'a str>,
    state: Option<State>,
    allowed_domains: Option<Vec<String>>,
}

impl<'a> Change<'a> {
    fn of(update: &'a Update, wrong: &mut Vec<Violation>) -> Self {
        check_mask(wrong, &update.mask, &[DISPLAY_NAME, STATE, ALLOWED_DOMAINS]);
        let meant = |path: &str, given: bool| match update.mask.as_slice() {
            [] => given,
            mask => mask.iter().any(|named| named == path),
        };
        let display_name = meant(DISPLAY_NAME, !update.display_name.is_empty());
        let domains = meant(ALLOWED_DOMAINS, !update.allowed_domains.is_empty());
        let state = meant(STATE, update.state.is_some());
        if state && update.state.is_none() && update.unreadable.is_empty() {
            let expected = "expected ACTIVE, PAUSED or DISABLED, because update_mask names it";
            wrong.push(Violation::new("tenant.state", expected));
        }
        if display_name {
            check_display_name(wrong, &update.display_name);
        }
        Self {
            display_name: display_name.then_some(update.display_name.as_str()),
            state: update.state.filter(|_| state),
            allowed_domains: domains.then(|| check_domains(wrong, &update.allowed_domains)),
        }
    }
}

/// Names the paths of a mask that are none of these.
pub(super) fn check_mask(wrong: &mut Vec<Violation>, mask: &[String], known: &[&str]) {
    let unknown = mask.iter().filter(|path| !known.contains(&path.as_str()));
    wrong.extend(unknown.map(|path| {
        let expected = format!("expected some of {}, got {}", known.join(", "), shown(path));
        Violation::new("update_mask", expected)
    }));
}
