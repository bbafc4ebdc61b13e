//! The first key of an installation.

use crate::{
    app::App,
    base::{Result, Role, Secret},
    db::Scope,
    tenants::keys::{Key, KeyName, Kind, create, store},
};
use uuid::Uuid;

/// Where it is written down that the first key was made.
const FACT: &str = "first_admin_key";

/// Makes the one key by which everything else can be begun, where nobody could call without it: callers must show who they
/// are, the settings have neither a password nor an admin key, and there never was a key for an admin of the installation.
/// Of several replicas that start at the same time one gets it. `None` where none is needed; who lost it makes another one
/// on the machine itself, with `syncline key create --instance --role admin`.
pub async fn bootstrap(app: &App) -> Result<Option<Secret>> {
    let auth = &app.config.auth;
    if !auth.is_required || auth.basic.is_some() || auth.admin_key.is_some() {
        return Ok(None);
    }
    let now = app.db.now();
    let mut tx = app.db.write(Scope::System("the first key")).await?;
    if store::has_admin(&mut tx).await? || !store::first(&mut tx, FACT, now).await? {
        return Ok(None);
    }
    let key = Key {
        name: KeyName {
            tenant: None,
            id: Uuid::now_v7(),
        },
        display_name: "first key".to_owned(),
        kind: Kind::Secret,
        role: Role::Admin,
        prefix: String::new(),
        rate_limit: 0,
        rotation_reason: String::new(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        rotated_at: None,
        last_used_at: None,
        last_used_address: None,
    };
    let (_, secret) = create::add(&mut tx, key, false, "api_key.create").await?;
    tx.commit().await?;
    Ok(Some(secret))
}
