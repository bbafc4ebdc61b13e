//! Defines a sync.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{
        Error, Result, SyncName, TenantId, TokenName, Violation, error::all_valid, name::shown,
    },
    db::{Scope, Tx},
    schedules::Spec,
    syncs::{Sync, definition::Definition, schedule, store},
    tokens::{self, Provider},
};

/// What a sync is called at most.
const LONGEST_DISPLAY_NAME: usize = 200;

/// A sync to be defined.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its name.
    pub name: SyncName,
    /// For people.
    pub display_name: String,
    /// The Google token.
    pub source: TokenName,
    /// The Clockify token.
    pub destination: TokenName,
    /// What is done.
    pub definition: Definition,
    /// When it runs by itself; checked.
    pub schedule: Option<Spec>,
    /// Check everything, store nothing.
    pub validate_only: bool,
}

/// Stores a sync, after everything about it was checked.
pub async fn create(app: &App, create: Create) -> Result<Sync> {
    let now = app.db.now();
    let sync = Sync {
        name: create.name,
        display_name: create.display_name,
        source: create.source,
        destination: create.destination,
        definition: create.definition,
        version: 1,
        watermark: None,
        created_at: now,
        updated_at: now,
    };
    check(app, &sync).await?;
    let mut tx = app
        .db
        .write(Scope::Tenant(sync.name.tenant.clone()))
        .await?;
    let exists = || Error::Exists {
        kind: SyncName::KIND,
        name: sync.name.to_string(),
    };
    if create.validate_only {
        return match store::syncs::get(&mut tx, &sync.name).await? {
            Some(_) => Err(exists()),
            None => Ok(sync),
        };
    }
    if !put(app, &mut tx, &sync, create.schedule).await? {
        return Err(exists());
    }
    let entry = Entry::new(Some(sync.name.tenant.clone()), "sync.create", &sync.name);
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    Ok(sync)
}

/// The same as a part of a transaction that writes more, for a sync that was checked; `false` when its name is taken.
pub async fn put(app: &App, tx: &mut Tx, sync: &Sync, spec: Option<Spec>) -> Result<bool> {
    let is_new = store::syncs::insert(tx, sync).await?;
    if is_new {
        schedule::set(app, tx, sync, spec).await?;
    }
    Ok(is_new)
}

/// What of a sync can be judged by itself; `None` is what could not be read, or stays as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    /// Whose sync it is; tokens are not looked for without.
    pub tenant: Option<&'a TenantId>,
    /// For people.
    pub display_name: Option<&'a str>,
    /// The Google token.
    pub source: Option<&'a TokenName>,
    /// The Clockify token.
    pub destination: Option<&'a TokenName>,
}

/// Everything that is wrong with a sync, at once.
pub(super) async fn check(app: &App, sync: &Sync) -> Result<()> {
    let parts = Parts {
        tenant: Some(&sync.name.tenant),
        display_name: Some(&sync.display_name),
        source: Some(&sync.source),
        destination: Some(&sync.destination),
    };
    let mut wrong = Vec::new();
    judge(app, parts, &mut wrong).await?;
    if let Err(Error::Invalid(more)) = sync.definition.check("sync.meet_to_clockify") {
        wrong.extend(more);
    }
    all_valid(wrong)
}

/// The error of a request with something `wrong`, and with everything that is wrong with the rest of it.
pub(super) async fn refuse(app: &App, parts: Parts<'_>, mut wrong: Vec<Violation>) -> Error {
    match judge(app, parts, &mut wrong).await {
        Ok(()) => Error::Invalid(wrong),
        Err(error) => error,
    }
}

async fn judge(app: &App, parts: Parts<'_>, wrong: &mut Vec<Violation>) -> Result<()> {
    let display_name = parts.display_name.unwrap_or_default();
    if display_name.chars().count() > LONGEST_DISPLAY_NAME {
        wrong.push(Violation::new(
            "sync.display_name",
            format!("expected at most {LONGEST_DISPLAY_NAME} characters"),
        ));
    }
    if display_name.chars().any(char::is_control) {
        wrong.push(Violation::new(
            "sync.display_name",
            "expected text without control characters",
        ));
    }
    let Some(tenant) = parts.tenant else {
        return Ok(());
    };
    for (field, token, provider) in [
        ("sync.source_token", parts.source, Provider::Google),
        (
            "sync.destination_token",
            parts.destination,
            Provider::Clockify,
        ),
    ] {
        if let Some(token) = token {
            wrong.extend(check_token(app, tenant, field, token, provider).await?);
        }
    }
    Ok(())
}

async fn check_token(
    app: &App,
    tenant: &TenantId,
    field: &str,
    token: &TokenName,
    provider: Provider,
) -> Result<Option<Violation>> {
    if token.tenant != *tenant {
        return Ok(Some(Violation::new(
            field,
            "expected a token of the same tenant",
        )));
    }
    match tokens::get(app, token).await {
        Err(Error::NotFound { .. }) => Ok(Some(Violation::new(
            field,
            format!(
                "expected an existing token, got {}",
                shown(&token.to_string())
            ),
        ))),
        Ok(found) if found.provider != provider => Ok(Some(Violation::new(
            field,
            format!("expected a token at {}", provider.label()),
        ))),
        other => other.map(|_| None),
    }
}
