//! The clients of the providers, against the simulator, through the real HTTP client and its budgets.

mod calendar;
mod clockify;
mod endless;
mod entries;
mod meet;
mod oauth;

use chrono::{DateTime, Utc};
use std::time::Duration;
use syncline::{
    base::{Clock, Secret, TokenName},
    connectors::{
        Access,
        clockify::Clockify,
        google::{Calendar, Endpoints, Meet, OAuth},
    },
    db::{self, Db},
    outbound::{self, Account, Outbound},
    simulator::{
        Now, Options, Simulator,
        world::{CLIENT_ID, CLIENT_SECRET, SCOPES},
    },
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a valid instant")
}

fn noon() -> DateTime<Utc> {
    at("2026-11-20T12:00:00Z")
}

/// A simulator with one user at both providers, and the way to it.
struct Lab {
    sim: Simulator,
    outbound: Outbound,
    workspace: String,
    user: String,
    _folder: tempfile::TempDir,
}

impl Lab {
    async fn empty() -> Self {
        let sim = Simulator::start(Options::empty(Now::Fixed(noon()))).expect("it starts");
        let folder = tempfile::tempdir().expect("a folder");
        let database = db::Options::sqlite(folder.path().join("test.db"));
        let db = Db::connect(database, Clock::system())
            .await
            .expect("it opens");
        db::migrate::run(&db).await.expect("it migrates");
        let options = outbound::Options {
            timeout: Duration::from_secs(5),
            retries: 2,
            backoff_base: Duration::from_millis(5),
            ..outbound::Options::default()
        };
        let outbound = Outbound::new(db, options).expect("a client");
        let me = sim.world().clockify_me();
        Self {
            sim,
            outbound,
            workspace: me.active_workspace,
            user: me.id,
            _folder: folder,
        }
    }

    fn endpoints(&self) -> Endpoints {
        let at = self.sim.endpoints();
        let url = |text: &str| text.parse().expect("a URL");
        Endpoints {
            auth_url: url(&at.google_auth),
            token_url: url(&at.google_token),
            revoke_url: url(&at.google_revoke),
            userinfo_url: url(&at.google_userinfo),
            meet_url: url(&at.google_meet),
            calendar_url: url(&at.google_calendar),
        }
    }

    fn oauth(&self) -> OAuth {
        OAuth::new(
            self.outbound.clone(),
            self.endpoints(),
            CLIENT_ID,
            CLIENT_SECRET.into(),
        )
    }

    /// Access with these scopes, as if the user had consented.
    fn google(&self, scopes: &[&str]) -> Access {
        let mut world = self.sim.world();
        let me = world.me().id;
        access("google", world.grant(&me, scopes).access_token().into())
    }

    fn meet(&self) -> Meet {
        Meet::new(
            self.outbound.clone(),
            &self.endpoints(),
            self.google(&SCOPES),
        )
    }

    fn calendar(&self) -> Calendar {
        Calendar::new(
            self.outbound.clone(),
            &self.endpoints(),
            self.google(&SCOPES),
        )
    }

    fn clockify(&self) -> Clockify {
        let key = self.sim.world().clockify_me().api_key;
        self.clockify_with(key.into())
    }

    fn clockify_with(&self, key: Secret) -> Clockify {
        let base = self.sim.endpoints().clockify.parse().expect("a URL");
        Clockify::new(self.outbound.clone(), base, access("clockify", key))
    }

    fn fault(&self, name: &str) {
        self.sim
            .faults()
            .apply_named(name)
            .expect("a fault of the menu");
    }

    fn calls(&self, endpoint: &str) -> usize {
        self.sim.calls().count(endpoint)
    }
}

fn access(token: &str, secret: Secret) -> Access {
    Access {
        token: TokenName::parse("token", &format!("tenants/default/tokens/{token}"))
            .expect("a name"),
        account: Account {
            key: format!("test.{token}:1"),
            budget: None,
        },
        secret,
    }
}
