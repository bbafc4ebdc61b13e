//! Logs people in by Google: who an id token is about, and whether that is somebody here.

use crate::{
    app::App,
    base::{Error, Result, Secret},
    people::{
        Begun, Origin, Person, Profile, Provider,
        id_token::{self, Identity},
        login, register, rules, sessions,
        store::{self, New},
    },
};
use uuid::Uuid;

/// Begins a session of whoever the token is about; makes a person where registration is open. Where it is closed, only those
/// get in who are here already, and whose address is known to be theirs.
pub(super) async fn enter(app: &App, token: &Secret, origin: &Origin) -> Result<(Profile, Begun)> {
    let identity = id_token::verify(app, token).await?;
    // Two of one person at the same moment: one makes the person, the other finds it.
    for _ in 0..2 {
        if let Some(person) = find(app, &identity).await? {
            return login::enter(app, &person, None, origin).await;
        }
        if !app.config.people.registration_open {
            return Err(register::closed());
        }
        if let Some(entered) = create(app, &identity, origin).await? {
            return Ok(entered);
        }
    }
    Err(Error::Conflict {
        what: "the account of this address".to_owned(),
    })
}

/// By Google's name for the person; or by the address, which Google says is verified.
async fn find(app: &App, identity: &Identity) -> Result<Option<Person>> {
    let mut tx = app.db.write(store::SCOPE).await?;
    if let Some(person) = store::by_google(&mut tx, &identity.subject).await? {
        return Ok(Some(person));
    }
    let Some(person) = store::by_login(&mut tx, &rules::key(&identity.email)).await? else {
        return Ok(None);
    };
    // Made by another call of the same person, after the first question was answered.
    if person.google_subject.as_deref() == Some(identity.subject.as_str()) {
        return Ok(Some(person));
    }
    // An address that was given to somebody else is not the person that had it; and whoever registered with an address of
    // somebody else, and a password, must not find that one's account under it.
    if person.google_subject.is_some() || !person.email_confirmed {
        return Err(Error::Denied {
            reason: "GOOGLE_NOT_LINKED",
            message: "there is an account with this address that does not belong to this Google account: log in with its \
                      password, or let an admin of the installation set its e-mail address"
                .to_owned(),
        });
    }
    store::link_google(&mut tx, person.person_id, &identity.subject).await?;
    let person = store::get(&mut tx, person.person_id).await?;
    tx.commit().await?;
    Ok(person)
}

/// Makes the person and begins its session; `None` when somebody else made it meanwhile.
async fn create(
    app: &App,
    identity: &Identity,
    origin: &Origin,
) -> Result<Option<(Profile, Begun)>> {
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    let new = New {
        id: Uuid::now_v7(),
        username: None,
        email: Some(&identity.email),
        email_confirmed: true,
        display_name: &identity.name,
        provider: Provider::Google,
        google_subject: Some(&identity.subject),
        password_hash: None,
        instance_role: None,
        source: None,
        created_at: now,
        updated_at: now,
    };
    let Some(person) = store::insert(&mut tx, &new).await? else {
        return Ok(None);
    };
    let name = person.name();
    register::record(&mut tx, "user.register", &person, now).await?;
    register::welcome(app, &mut tx, &person, now).await?;
    let begun = sessions::begin(app, &mut tx, name, origin, now).await?;
    let profile = register::settle(&mut tx, name, true, now).await?;
    tx.commit().await?;
    Ok(Some((profile, begun)))
}
