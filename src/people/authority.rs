//! What somebody may do now who called some time ago: for what is finished later than it was begun.

use crate::{
    app::App,
    base::{Permissions, Result, Role},
    people::{PersonName, person::permissions, store},
    tenants::keys::{self, KeyName},
};

/// What whoever called by this name may do at this moment: a person by its roles, a key as long as it is good. Any other name
/// is of the settings, whose password and key may do everything, or of nobody, where nobody has to be known.
pub async fn permissions_now(app: &App, name: &str) -> Result<Permissions> {
    if let Ok(key) = KeyName::parse("name", name) {
        return keys::permissions_now(app, &key).await;
    }
    let Ok(name) = PersonName::parse("name", name) else {
        return Ok(Permissions::Instance(Role::Admin));
    };
    let mut tx = app.db.read(store::SCOPE).await?;
    let Some(person) = store::get(&mut tx, name.0).await? else {
        return Ok(Permissions::none());
    };
    let memberships = store::memberships(&mut tx, name.0).await?;
    Ok(permissions(person.instance_role(), &memberships))
}
