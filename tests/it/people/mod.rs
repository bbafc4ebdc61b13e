//! People: who registers, logs in, stays, may do what, and is counted.

mod accounts;
mod commands;

mod google;
mod imports;
mod logins;
mod pages;

mod registering;
mod sessions;
mod signing;
mod statistics;

use crate::kit::{self, Database};
use std::sync::Arc;
use syncline::{
    api::v1::{self, account_service_server::AccountService as _},
    app::App,
    base::{Caller, Clock, Error, Needs, Permissions, Role, Secret, Who, reach::Reach},
    config::Config,
    outbound::{Options, Outbound},
    people::{self, Accounts, Login, Origin, Profile, Register},
    tokens,
};
use tempfile::TempDir;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

const PASSWORD: &str = "composed password";

/// A database and one replica of the program, by a clock that the test moves.
struct House {
    app: App,
    clock: Clock,
    database: Database,
    config: Arc<Config>,
    _folder: TempDir,
}

/// Who calls.
#[derive(Clone)]
struct Guest(Option<Arc<Caller>>);

impl House {
    async fn open(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    /// The same where people may register themselves.
    async fn public(database: Database) -> Self {
        Self::with(database, |config| config.people.registration_open = true).await
    }

    async fn with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let clock = kit::fixed_clock();
        let folder = kit::temp_dir();
        let mut config = Config::with_defaults(folder.path());
        change(&mut config);
        let config = Arc::new(config);
        let app = replica(&database, &clock, &config).await;
        Self {
            app,
            clock,
            database,
            config,
            _folder: folder,
        }
    }

    /// One more process, as far as the database can tell.
    async fn replica(&self) -> App {
        replica(&self.database, &self.clock, &self.config).await
    }

    fn accounts(&self) -> Accounts {
        Accounts::new(self.app.clone())
    }

    /// Who has this session, as the guard finds it.
    async fn guest(&self, session: &Secret) -> Result<Guest, Error> {
        guest(&self.app, session).await
    }

    /// Somebody who was made by an admin, with this name and the usual password.
    async fn person(&self, username: &str) -> Profile {
        let register = Register {
            username: username.to_owned(),
            password: PASSWORD.into(),
            ..Register::default()
        };
        let made = people::register(&self.app, register, &Origin::default()).await;
        made.unwrap().profile
    }

    /// A session of somebody who has the usual password.
    async fn session(&self, login: &str) -> Secret {
        log_in(&self.app, login, PASSWORD).await.unwrap()
    }

    /// Somebody new, logged in.
    async fn logged_in(&self, username: &str) -> (Profile, Guest) {
        let profile = self.person(username).await;
        let session = self.session(username).await;
        (profile, self.guest(&session).await.unwrap())
    }
}

async fn replica(database: &Database, clock: &Clock, config: &Arc<Config>) -> App {
    let db = database.connect_at(clock.clone()).await;
    let keys = tokens::open_keyring(config, &db).await.unwrap();
    let outbound = Outbound::new(db.clone(), Options::default()).unwrap();
    App::new(Arc::clone(config), db, outbound, keys)
}

async fn guest(app: &App, session: &Secret) -> Result<Guest, Error> {
    let address = Some([192, 0, 2, 7].into());
    let caller = people::authenticate(app, session, address).await?;
    Ok(Guest(Some(caller)))
}

async fn log_in(app: &App, login: &str, password: &str) -> Result<Secret, Error> {
    let login = Login {
        login: login.to_owned(),
        password: password.into(),
        ..Login::default()
    };
    let logged_in = people::login(app, login, &Origin::default()).await;
    logged_in.map(|(_, begun)| begun.token)
}

impl Guest {
    /// Shows nothing, where something must be shown.
    fn nobody() -> Self {
        Self(Some(Arc::new(Caller::nobody(Permissions::none(), None))))
    }

    /// The same, from an address.
    fn stranger() -> Self {
        let address = Some([192, 0, 2, 7].into());
        Self(Some(Arc::new(Caller::nobody(Permissions::none(), address))))
    }

    /// Shows a key with this role over the installation.
    fn key(role: Role) -> Self {
        let caller = Caller {
            name: "key".to_owned(),
            who: Who::Password,
            permissions: Permissions::Instance(role),
            address: None,
        };
        Self(Some(Arc::new(caller)))
    }

    /// Calls, as the guard lets it.
    async fn calls<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            None => work.await,
            Some(caller) => {
                let reach = Reach::new(Arc::clone(caller), Needs::Caller);
                reach.contain(work).await
            }
        }
    }
}

/// Whoever works in the process itself.
const OURSELVES: Guest = Guest(None);

fn user(username: &str) -> v1::User {
    v1::User {
        username: username.to_owned(),
        ..v1::User::default()
    }
}

fn register(user: v1::User, password: &str) -> Request<v1::RegisterRequest> {
    Request::new(v1::RegisterRequest {
        user: Some(user),
        password: password.to_owned(),
    })
}

/// The code and the reason of a refusal.
fn refusal(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info().expect("an ErrorInfo");
    (status.code(), info.reason)
}

fn fields(status: &Status) -> Vec<String> {
    let wrong = status.get_details_bad_request().expect("a BadRequest");
    let wrong = wrong.field_violations.into_iter();
    wrong.map(|violation| violation.field).collect()
}

/// Why somebody was refused.
fn reason(error: &Error) -> &'static str {
    match error {
        Error::Unauthenticated { reason, .. }
        | Error::Denied { reason, .. }
        | Error::Limited { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

fn is_unauthenticated(error: &Error, expected: &str) -> bool {
    matches!(error, Error::Unauthenticated { reason, .. } if *reason == expected)
}
