//! Changes a person: the person itself, or an admin.

use crate::{
    app::App,
    audit,
    base::{Error, Result, Role, Secret, Violation, error::all_valid, name::shown, reach},
    people::{
        Membership, Person, PersonName, Profile, gather, memory,
        password::{self, Verdict},
        register::{NO_USERS, check_memberships, check_tenants, given},
        rules,
        standing::{Standing, standing},
        store::{self, Change},
    },
    tenants::keys::check_unbounded,
};

const USERNAME: &str = "username";
const EMAIL: &str = "email";
const DISPLAY_NAME: &str = "display_name";
const PASSWORD: &str = "password";
const MEMBERSHIPS: &str = "memberships";
const INSTANCE_ROLE: &str = "instance_role";
const PATHS: [&str; 6] = [
    USERNAME,
    EMAIL,
    DISPLAY_NAME,
    PASSWORD,
    MEMBERSHIPS,
    INSTANCE_ROLE,
];

/// A change of a person.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Its full name.
    pub name: String,
    /// Compared when it is not empty.
    pub etag: String,
    /// Which fields to change; empty means all that are given.
    pub mask: Vec<String>,
    /// The new user name; empty, when named in the mask, takes it away.
    pub username: String,
    /// The new address; empty, when named in the mask, takes it away.
    pub email: String,
    /// The new name for people.
    pub display_name: String,
    /// All memberships there shall be.
    pub memberships: Vec<Membership>,
    /// The new role over the installation; `None`, when named in the mask, takes it away.
    pub instance_role: Option<Role>,
    /// The new password. Ends all sessions but the caller's.
    pub password: Secret,
    /// The password so far, where people change their own.
    pub current_password: Secret,
}

/// Changes a person: all of it, or nothing. `Conflict` when the etag is not the current one, [`Error::Denied`] for a key that
/// is bounded: a password that it knows would not be.
pub async fn update(app: &App, update: Update) -> Result<Profile> {
    let standing = standing();
    let mut wrong = Vec::new();
    let name = gather(&mut wrong, PersonName::parse("user.name", &update.name));
    let fields = Fields::of(&update, &mut wrong);
    let Some(name) = name else {
        return Err(Error::Invalid(wrong));
    };
    standing.may_change(name)?;
    all_valid(wrong)?;
    check_unbounded(app, NO_USERS).await?;
    if fields.has(MEMBERSHIPS) || fields.has(INSTANCE_ROLE) {
        standing.administers("changing what a user may do")?;
    }
    let mut tx = app.db.read(store::SCOPE).await?;
    let person = store::get(&mut tx, name.0).await?;
    let person = person.ok_or_else(|| name.not_found())?;
    drop(tx);
    person.check_etag(&update.etag)?;
    fields.leave_a_login(&update, &person)?;
    let hash = match fields.has(PASSWORD) {
        false => None,
        true => {
            check_current(app, standing, &person, &update.current_password).await?;
            Some(password::hash(app, &update.password).await?)
        }
    };
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    let change = Change {
        username: fields.has(USERNAME).then(|| given(&update.username)),
        // Whoever changes its own address only claims it.
        email: fields
            .has(EMAIL)
            .then(|| (given(&update.email), standing.is_admin())),
        display_name: fields
            .has(DISPLAY_NAME)
            .then_some(update.display_name.as_str()),
        password_hash: hash.as_deref(),
        instance_role: fields
            .has(INSTANCE_ROLE)
            .then(|| update.instance_role.map(Role::as_str)),
    };
    let changed = store::change(&mut tx, name.0, person.version, &change, now).await?;
    let person = changed.ok_or_else(|| name.changed_meanwhile())?;
    if fields.has(MEMBERSHIPS) {
        check_tenants(&mut tx, &update.memberships).await?;
        store::put_memberships(&mut tx, name.0, &update.memberships, now).await?;
    }
    if hash.is_some() {
        let own = standing.user.filter(|(user, _)| *user == name);
        store::end_sessions(&mut tx, name.0, own.map(|(_, session)| session)).await?;
    }
    let memberships = store::memberships(&mut tx, name.0).await?;
    let entry = audit::Entry::new(None, "user.update", name).detail(fields.0.join(", "));
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    memory::of(app).forget();
    Ok(Profile {
        person,
        memberships,
    })
}

/// Whoever changes its own password shows that it is not only somebody at an unlocked screen.
async fn check_current(
    app: &App,
    standing: Standing,
    person: &Person,
    shown: &Secret,
) -> Result<()> {
    if !standing.is(person.name()) || person.password_hash.is_none() {
        return Ok(());
    }
    let memory = memory::of(app);
    let key = person.name().to_string();
    let address = reach::caller().and_then(|caller| caller.address);
    let attempts = memory.attempts().take(&key, address, async || Ok(false));
    attempts.await?;
    match password::verify(app, shown, person.password_hash.clone()).await? {
        Verdict::Wrong => Err(Error::Denied {
            reason: "PASSWORD_WRONG",
            message: "current_password is not the password so far".to_owned(),
        }),
        Verdict::Right | Verdict::Outdated => {
            memory.attempts().succeeded(&key, address);
            Ok(())
        }
    }
}

/// The fields that are meant.
struct Fields(Vec<&'static str>);

impl Fields {
    fn of(update: &Update, wrong: &mut Vec<Violation>) -> Self {
        let unknown = |path: &&String| !PATHS.contains(&path.as_str());
        wrong.extend(update.mask.iter().filter(unknown).map(|path| {
            let expected = format!("expected some of {}, got {}", PATHS.join(", "), shown(path));
            Violation::new("update_mask", expected)
        }));
        let is_given = |path: &str| match path {
            USERNAME => !update.username.is_empty(),
            EMAIL => !update.email.is_empty(),
            DISPLAY_NAME => !update.display_name.is_empty(),
            PASSWORD => !update.password.is_empty(),
            MEMBERSHIPS => !update.memberships.is_empty(),
            _ => update.instance_role.is_some(),
        };
        let meant = |path: &&str| match update.mask.is_empty() {
            true => is_given(path),
            false => update.mask.iter().any(|named| named == path),
        };
        let fields = Self(PATHS.into_iter().filter(meant).collect());
        if fields.has(USERNAME) && !update.username.is_empty() {
            rules::username(wrong, "user.username", &update.username);
        }
        if fields.has(EMAIL) && !update.email.is_empty() {
            rules::email(wrong, "user.email", &update.email);
        }
        if fields.has(DISPLAY_NAME) {
            rules::display_name(wrong, "user.display_name", &update.display_name);
        }
        if fields.has(PASSWORD) {
            rules::password(wrong, "password", update.password.expose());
        }
        if fields.has(MEMBERSHIPS) {
            check_memberships(wrong, &update.memberships);
        }
        fields
    }

    fn has(&self, path: &str) -> bool {
        self.0.contains(&path)
    }

    /// Refuses to take away the last name that somebody logs in with.
    fn leave_a_login(&self, update: &Update, person: &Person) -> Result<()> {
        let stays = |path: &str, new: &str, old: &Option<String>| match self.has(path) {
            true => !new.is_empty(),
            false => old.is_some(),
        };
        let some = stays(USERNAME, &update.username, &person.username)
            || stays(EMAIL, &update.email, &person.email);
        match some {
            true => Ok(()),
            false => Err(Error::invalid(
                "user.username",
                "expected a user name, an e-mail address, or both",
            )),
        }
    }
}
