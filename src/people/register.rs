//! Makes people: themselves, where the settings allow it, or by an admin.

use crate::{
    app::App,
    audit,
    base::{Error, ResourceId, Result, Role, Secret, TenantId, Violation, error::all_valid, reach},
    db::Tx,
    people::{
        Begun, Membership, Origin, Person, PersonName, Profile, Provider, password, rules,
        sessions,
        standing::standing,
        store::{self, New},
    },
    tenants::{self, Tenant, attempts::Attempts},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Letters of a name that go into the id of its tenant.
const TENANT_LETTERS: usize = 40;
/// Letters of a name that go into what its tenant is called for people.
const SHOWN_LETTERS: usize = 80;

/// Somebody to be made.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// May be empty where there is an address.
    pub username: String,
    /// May be empty where there is a user name.
    pub email: String,
    /// For people.
    pub display_name: String,
    /// May be empty only where an admin makes somebody who has an address, and logs in by Google.
    pub password: Secret,
    /// Only an admin gives any.
    pub memberships: Vec<Membership>,
    /// Only an admin gives one.
    pub instance_role: Option<Role>,
}

/// Somebody who was made.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Who.
    pub profile: Profile,
    /// The session of somebody who registered; an admin who makes somebody else gets none.
    pub begun: Option<Begun>,
}

/// Makes a person. Whoever shows nothing registers itself where registration is open, and is logged in; an admin of the whole
/// installation makes somebody else in any case. Who registers from one address too often has to wait.
/// [`Error::Exists`] when the name or the address is taken, whatever its case.
pub async fn register(app: &App, register: Register, origin: &Origin) -> Result<Registered> {
    let standing = standing();
    let open = app.config.people.registration_open;
    // Who shows nothing may be an admin, where nobody has to; where registration is open it is meant as everywhere else.
    let by_admin = standing.is_admin() && !(open && standing.is_anybody);
    if !by_admin && !open {
        return Err(closed());
    }
    check(&register, by_admin)?;
    let address = reach::caller().and_then(|caller| caller.address);
    // Each takes as much work as a login, and tells who is here; a good one counts, too.
    if !by_admin && address.is_some() {
        Attempts::of(app).reserve(address)?;
    }
    let taken = |name: &str| Error::Exists {
        kind: "user",
        name: name.to_owned(),
    };
    // Before the work of a hash is done for nothing; the insert decides.
    if let Some(name) = taken_name(app, &register).await? {
        return Err(taken(&name));
    }
    let hash = match register.password.is_empty() {
        true => None,
        false => Some(password::hash(app, &register.password).await?),
    };
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    check_tenants(&mut tx, &register.memberships).await?;
    let new = New {
        id: Uuid::now_v7(),
        username: given(&register.username),
        email: given(&register.email),
        email_confirmed: by_admin,
        display_name: &register.display_name,
        provider: match hash {
            Some(_) => Provider::Local,
            None => Provider::Google,
        },
        google_subject: None,
        password_hash: hash.as_deref(),
        instance_role: register.instance_role.map(Role::as_str),
        source: None,
        created_at: now,
        updated_at: now,
    };
    let Some(person) = store::insert(&mut tx, &new).await? else {
        drop(tx);
        let name = taken_name(app, &register).await?;
        return Err(taken(&name.unwrap_or_else(|| register.email.clone())));
    };
    let name = person.name();
    store::put_memberships(&mut tx, person.person_id, &register.memberships, now).await?;
    let begun = match by_admin {
        true => {
            record(&mut tx, "user.create", &person, now).await?;
            None
        }
        false => {
            record(&mut tx, "user.register", &person, now).await?;
            welcome(app, &mut tx, &person, now).await?;
            let begun = sessions::begin(app, &mut tx, name, origin, now).await?;
            Some(begun)
        }
    };
    let profile = settle(&mut tx, name, begun.is_some(), now).await?;
    tx.commit().await?;
    Ok(Registered { profile, begun })
}

pub(super) fn closed() -> Error {
    Error::Denied {
        reason: "REGISTRATION_CLOSED",
        message: "nobody may register here: ask an admin of the installation for an account (people.registration)"
            .to_owned(),
    }
}

/// What the settings say of somebody who registered: a tenant of its own, or nothing.
pub(super) async fn welcome(
    app: &App,
    tx: &mut Tx,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<()> {
    if !app.config.people.registration_creates_tenant {
        return Ok(());
    }
    let name = person.username.as_deref().or(person.email.as_deref());
    let name = name.unwrap_or_default();
    let shown: String = name.chars().take(SHOWN_LETTERS).collect();
    let tenant = Tenant::new(tenant_id(name)?, &format!("{shown}'s Dashboard"), now);
    tenants::create::add(tx, &tenant, person.name()).await?;
    let membership = Membership {
        tenant: tenant.id,
        role: Role::Admin,
    };
    store::put_memberships(tx, person.person_id, &[membership], now).await
}

/// The person as it is at the end of the transaction.
pub(super) async fn settle(
    tx: &mut Tx,
    name: PersonName,
    logged_in: bool,
    now: DateTime<Utc>,
) -> Result<Profile> {
    let person = match logged_in {
        true => store::logged_in(tx, name.0, None, now).await?,
        false => store::get(tx, name.0).await?,
    };
    Ok(Profile {
        person: person.ok_or_else(|| name.not_found())?,
        memberships: store::memberships(tx, name.0).await?,
    })
}

pub(super) async fn record(
    tx: &mut Tx,
    action: &'static str,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<()> {
    let entry = audit::Entry::new(None, action, person.name());
    let entry = match action {
        "user.create" => entry,
        _ => entry.by(person.name()),
    };
    audit::record(tx, entry, now).await
}

fn check(register: &Register, by_admin: bool) -> Result<()> {
    let mut wrong = Vec::new();
    let (username, email) = (&register.username, &register.email);
    if username.is_empty() && email.is_empty() {
        wrong.push(Violation::new(
            "user.username",
            "expected a user name, an e-mail address, or both",
        ));
    }
    if !username.is_empty() {
        rules::username(&mut wrong, "user.username", username);
    }
    if !email.is_empty() {
        rules::email(&mut wrong, "user.email", email);
    }
    rules::display_name(&mut wrong, "user.display_name", &register.display_name);
    let by_google_only = by_admin && !email.is_empty() && register.password.is_empty();
    if by_admin && email.is_empty() && register.password.is_empty() {
        wrong.push(Violation::new(
            "password",
            "expected one, or else an e-mail address in user.email, with which somebody logs in by Google",
        ));
    } else if !by_google_only {
        rules::password(&mut wrong, "password", register.password.expose());
    }
    if !by_admin {
        let message = "only an admin of the whole installation gives roles";
        if !register.memberships.is_empty() {
            wrong.push(Violation::new("user.memberships", message));
        }
        if register.instance_role.is_some() {
            wrong.push(Violation::new("user.instance_role", message));
        }
    }
    check_memberships(&mut wrong, &register.memberships);
    all_valid(wrong)
}

/// Refuses a tenant that is named twice.
pub(super) fn check_memberships(wrong: &mut Vec<Violation>, memberships: &[Membership]) {
    for (index, membership) in memberships.iter().enumerate() {
        let earlier = &memberships[..index];
        if earlier
            .iter()
            .any(|other| other.tenant == membership.tenant)
        {
            wrong.push(Violation::new(
                format!("user.memberships[{index}].tenant"),
                format!("tenants/{} is named twice", membership.tenant),
            ));
        }
    }
}

/// Refuses tenants that do not exist.
pub(super) async fn check_tenants(tx: &mut Tx, memberships: &[Membership]) -> Result<()> {
    let missing = store::missing_tenants(tx, memberships).await?;
    let wrong = missing.into_iter().map(|index| {
        Violation::new(
            format!("user.memberships[{index}].tenant"),
            format!("tenants/{} does not exist", memberships[index].tenant),
        )
    });
    all_valid(wrong.collect())
}

/// Which of the two names is taken.
async fn taken_name(app: &App, register: &Register) -> Result<Option<String>> {
    let mut tx = app.db.read(store::SCOPE).await?;
    for name in [&register.username, &register.email] {
        if !name.is_empty() && store::by_login(&mut tx, &rules::key(name)).await?.is_some() {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

pub(super) fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// An id that looks like the name; the rest of it is random, so that nobody learns from it who was there before.
fn tenant_id(name: &str) -> Result<TenantId> {
    let name = name.split('@').next().unwrap_or_default();
    let letters = name.chars().map(|c| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9') => c,
        _ => '-',
    });
    let letters: String = letters.take(TENANT_LETTERS).collect();
    let letters = letters.trim_matches('-');
    let start = match letters.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => letters.to_owned(),
        false => format!("t-{letters}"),
    };
    let random = Uuid::new_v4().simple().to_string();
    ResourceId::parse("tenant", &format!("{start}-{}", &random[..8]))
}

#[cfg(test)]
mod tests {
    use super::tenant_id;
    use proptest::prelude::*;

    #[test]
    fn the_id_of_a_tenant_looks_like_the_name() {
        let id = tenant_id("Vera_K").unwrap().to_string();
        assert!(id.starts_with("vera-k-"), "{id}");
        let id = tenant_id("mia@example.org").unwrap().to_string();
        assert!(id.starts_with("mia-"), "{id}");
    }

    proptest! {
        #[test]
        fn every_name_gives_an_id(name in "[A-Za-z0-9_-]{3,50}|[^@\\s]{1,60}@example\\.org") {
            prop_assert!(tenant_id(&name).is_ok());
        }
    }
}
