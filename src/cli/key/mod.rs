//! `syncline key`: the keys by which programs call, and from where calls are taken.

mod rules;
mod shown;

use super::{
    Context, Exit,
    failure::Usage,
    output::Output,
    session::Session,
    time::{self, End},
};
use crate::{
    api::{Timestamp, v1},
    base::{Clock, Role},
    config::units,
};

/// What `key` can do. Keys are named by their ids, or by their full names.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a key, and print it this once
    Create(Create),
    /// List the keys, newest first, without their secrets
    List {
        /// Those of the whole installation instead of the tenant's
        #[arg(long)]
        instance: bool,
    },
    /// Make a key's successor and print it this once; the old one goes on for a while
    Rotate {
        /// Its id
        key: String,
        /// How long the old one goes on, as in 7d; 0s: it ends at once
        #[arg(long, default_value = "1d", value_name = "TIME")]
        overlap: String,
        /// It is one of the whole installation
        #[arg(long)]
        instance: bool,
    },
    /// End a key: within a second every replica refuses it
    Revoke {
        /// Its id
        key: String,
        /// It is one of the whole installation
        #[arg(long)]
        instance: bool,
    },
    /// Say from where calls are taken or refused
    Rules {
        /// Which of them.
        #[command(subcommand)]
        command: rules::Command,
    },
}

/// The key to make.
#[derive(clap::Args, Debug)]
pub struct Create {
    /// Name for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
    /// viewer, operator or admin
    #[arg(long, default_value = "viewer")]
    role: Role,
    /// Reaches the whole installation instead of the tenant
    #[arg(long)]
    instance: bool,
    /// For web pages that show the tenant's widget, and for nothing else
    #[arg(long)]
    widget: bool,
    /// For trying things out: begins with sl_test_
    #[arg(long)]
    test: bool,
    /// Calls in a minute; 0: as the settings say
    #[arg(long, default_value_t = 0, value_name = "N")]
    rate_limit: i32,
    /// When it ends: so long from now, as in 90d, or a moment, as in 2027-01-31T00:00:00Z
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
}

pub async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    let session = Session::open(&context).await?;
    let outcome = on(command, &session, context.output).await;
    session.close().await;
    outcome
}

async fn on(command: Command, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let mut service = session.tenants();
    match command {
        Command::Create(create) => {
            let request = create.request(session)?;
            let made = service.create_api_key(request).await?.into_inner();
            output.result(&made, shown::created)?;
        }
        Command::List { instance } => {
            let all = all(session, instance).await?;
            output.result(&all, shown::list)?;
        }
        Command::Rotate {
            key,
            overlap,
            instance,
        } => {
            let overlap = units::duration(&overlap);
            let overlap = overlap.map_err(|why| Usage(format!("--overlap: {why}")))?;
            let request = v1::RotateApiKeyRequest {
                name: full(&key, instance, session),
                overlap: Some(pbjson_types::Duration {
                    seconds: overlap.as_secs().try_into().unwrap_or(i64::MAX),
                    nanos: overlap.subsec_nanos().try_into().unwrap_or_default(),
                }),
            };
            let rotated = service.rotate_api_key(request).await?.into_inner();
            output.result(&rotated, shown::rotated)?;
        }
        Command::Revoke { key, instance } => {
            let name = full(&key, instance, session);
            let request = v1::RevokeApiKeyRequest { name };
            let revoked = service.revoke_api_key(request).await?.into_inner();
            output.result(&revoked, |key| format!("{} is revoked", key.name))?;
        }
        Command::Rules { command } => return rules::on(command, session, output).await,
    }
    Ok(Exit::Done)
}

impl Create {
    fn request(self, session: &Session) -> Result<v1::CreateApiKeyRequest, Usage> {
        let role = match self.role {
            Role::Viewer => v1::Role::Viewer,
            Role::Operator => v1::Role::Operator,
            Role::Admin => v1::Role::Admin,
        };
        let kind = match self.widget {
            true => v1::ApiKeyKind::Widget,
            false => v1::ApiKeyKind::Secret,
        };
        Ok(v1::CreateApiKeyRequest {
            parent: match self.instance {
                true => String::new(),
                false => session.parent(),
            },
            instance: self.instance,
            api_key: Some(v1::ApiKey {
                display_name: self.name,
                kind: kind.into(),
                role: role.into(),
                rate_limit: self.rate_limit,
                expire_time: expires(self.expires)?,
                ..v1::ApiKey::default()
            }),
            test: self.test,
        })
    }
}

/// All keys of the tenant, or of the installation.
async fn all(session: &Session, instance: bool) -> anyhow::Result<v1::ListApiKeysResponse> {
    let mut all = v1::ListApiKeysResponse::default();
    loop {
        let request = v1::ListApiKeysRequest {
            parent: match instance {
                true => String::new(),
                false => session.parent(),
            },
            instance,
            page_size: 500,
            page_token: all.next_page_token,
        };
        let page = session.tenants().list_api_keys(request).await?.into_inner();
        all.api_keys.extend(page.api_keys);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// The full name of a key that was given by its id, or by its full name.
fn full(key: &str, instance: bool, session: &Session) -> String {
    match (key.contains('/'), instance) {
        (true, _) => key.to_owned(),
        (false, true) => format!("apiKeys/{key}"),
        (false, false) => format!("{}/apiKeys/{key}", session.parent()),
    }
}

/// A moment to come: typed as such, or as a length of time from now.
fn expires(text: Option<String>) -> Result<Option<Timestamp>, Usage> {
    let Some(text) = text else {
        return Ok(None);
    };
    if let Ok(length) = units::duration(&text) {
        let end = chrono::TimeDelta::from_std(length).ok();
        let end = end.and_then(|length| Clock::system().now().checked_add_signed(length));
        let end = end.ok_or_else(|| Usage("--expires: expected a shorter time".to_owned()))?;
        return Ok(Some(end.into()));
    }
    let moment = time::parse("--expires", End::To, &text);
    moment.map(Some).map_err(|_| {
        Usage(
            "--expires: expected a length of time as in 90d, a day as in 2027-01-31, or a moment as in 2027-01-31T12:00:00Z"
                .to_owned(),
        )
    })
}
