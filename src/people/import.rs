//! Takes over people of another system: their ids, times, and hashes of passwords stay.

use crate::{
    app::App,
    audit,
    base::{Error, Result, Violation, name::shown, sha256},
    db::Tx,
    people::{
        PersonName, Provider, password,
        register::{NO_USERS, given},
        rules,
        store::{self, New},
    },
    tenants::keys::check_unbounded,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Somebody of another system.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its id there. A UUID stays the id; for any other text an id is made of it, the same one each time.
    pub id: String,
    /// May be empty where there is an address.
    pub username: String,
    /// May be empty where there is a user name.
    pub email: String,
    /// For people.
    pub display_name: String,
    /// Who vouches for it; a missing one is local.
    pub provider: Provider,
    /// bcrypt or Argon2; empty where it has no password.
    pub password_hash: String,
    /// When it was made there.
    pub created_at: DateTime<Utc>,
    /// When it was changed there.
    pub updated_at: DateTime<Utc>,
}

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imports {
    /// Were not here yet.
    pub created: usize,
    /// Were here already, from an earlier import.
    pub skipped: usize,
    /// Names or addresses that somebody else has, in whatever case: nothing was done about these.
    pub conflicts: Vec<String>,
    /// What was wrong with those that cannot be taken over, by their place.
    pub refused: Vec<Violation>,
}

/// Takes people over from `source`, a name such as `ai-coder`; all in one transaction. A second time finds them and changes
/// nothing. With `dry_run` it says what it would do, and does nothing. Only an admin of the installation may.
pub async fn import(
    app: &App,
    source: &str,
    people: &[Imported],
    dry_run: bool,
) -> Result<Imports> {
    super::standing::standing().administers("an import of users")?;
    check_unbounded(app, NO_USERS).await?;
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    let mut imports = Imports::default();
    for (index, imported) in people.iter().enumerate() {
        let mut wrong = check(index, imported);
        if wrong.is_empty() {
            put(&mut tx, source, imported, &mut imports).await?;
        }
        imports.refused.append(&mut wrong);
    }
    if dry_run {
        return Ok(imports);
    }
    let detail = format!("{} from {}", imports.created, shown(source));
    let entry = audit::Entry::new(None, "user.import", "users/-").detail(detail);
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    Ok(imports)
}

fn check(index: usize, imported: &Imported) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let field = |name: &str| format!("users[{index}].{name}");
    if imported.id.is_empty() || imported.id.contains('\0') {
        wrong.push(Violation::new(field("id"), "expected an id"));
    }
    if imported.username.is_empty() && imported.email.is_empty() {
        let message = "expected a user name, an e-mail address, or both";
        wrong.push(Violation::new(field("email"), message));
    }
    if !imported.username.is_empty() {
        rules::username(&mut wrong, &field("username"), &imported.username);
    }
    if !imported.email.is_empty() {
        rules::email(&mut wrong, &field("email"), &imported.email);
    }
    rules::display_name(&mut wrong, &field("name"), &imported.display_name);
    let hash = &imported.password_hash;
    if !hash.is_empty() && !password::is_usable(hash) {
        let message = "expected a hash of bcrypt ($2a$, $2b$, $2y$, cost 4 to 12) or Argon2 with bearable parameters (at most 64 MiB, and 192 MiB times passes)";
        wrong.push(Violation::new(field("password"), message));
    }
    wrong
}

async fn put(tx: &mut Tx, source: &str, imported: &Imported, imports: &mut Imports) -> Result<()> {
    let id = id_of(source, &imported.id);
    let known = match store::by_source(tx, source, &imported.id).await? {
        Some(known) => Some(known),
        None => store::get(tx, id).await?,
    };
    if known.is_some() {
        imports.skipped += 1;
        return Ok(());
    }
    let new = New {
        id,
        username: given(&imported.username),
        email: given(&imported.email),
        // The system that they come from let them log in by it.
        email_confirmed: imported.provider != Provider::Local,
        display_name: &imported.display_name,
        provider: imported.provider,
        google_subject: None,
        password_hash: given(&imported.password_hash),
        instance_role: None,
        source: Some((source, &imported.id)),
        created_at: imported.created_at,
        updated_at: imported.updated_at,
    };
    match store::insert(tx, &new).await? {
        Some(_) => imports.created += 1,
        None => {
            let name = given(&imported.username).unwrap_or(&imported.email);
            imports.conflicts.push(name.to_owned());
        }
    }
    Ok(())
}

/// The id that somebody has here: its own where that is a UUID, else one that is made of source and id.
fn id_of(source: &str, id: &str) -> Uuid {
    id.parse().unwrap_or_else(|_| {
        let digest = sha256(format!("{source}\u{0}{id}"));
        let bytes = std::array::from_fn(|index| digest[index]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    })
}

/// Finds somebody by its id in the system that it came from. `NotFound` where no such id was imported.
pub async fn imported(app: &App, source: &str, id: &str) -> Result<PersonName> {
    let mut tx = app.db.read(store::SCOPE).await?;
    let found = store::by_source(&mut tx, source, id).await?;
    let found = found.ok_or_else(|| Error::not_found("user", shown(id)))?;
    Ok(found.name())
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn a_uuid_stays_and_another_text_gives_the_same_id_each_time() {
        let id = "3b0c1c9e-1a52-4c0e-9d55-0a6b6f0c1d11";
        assert_eq!(id_of("a", id).to_string(), id);
        assert_eq!(id_of("a", "7"), id_of("a", "7"));
        assert_ne!(id_of("a", "7"), id_of("b", "7"));
    }
}
