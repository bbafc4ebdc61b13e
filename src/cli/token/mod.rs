//! `syncline token`: credentials at providers.

mod add;
mod import;
mod keys;
mod login;
mod show;

pub use import::text_of;

use super::{Context, Exit, output::table, session::Session};
use crate::api::v1;

/// What `token` can do.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Store an API key, typed at a prompt or piped in
    Add(add::Args),
    /// Get Google's consent in a browser
    Login(login::Args),
    /// Store the grant of a token.json, as Google's libraries or meet-clockify-sync wrote it
    Import(import::Args),
    /// List the tokens
    List,
    /// Show a token, without its secrets
    Show {
        /// Its id
        id: String,
    },
    /// Ask the provider whether a token works; all tokens without an id
    Check {
        /// Its id
        id: Option<String>,
    },
    /// Refresh the access token now
    Refresh {
        /// Its id
        id: String,
    },
    /// Give the grant back to the provider and forget the secrets
    Revoke {
        /// Its id
        id: String,
    },
    /// Forget a token
    Rm {
        /// Its id
        id: String,
    },
    /// What happened to a token, newest first
    Events {
        /// Its id
        id: String,
    },
    /// Seal with a new key from now on
    RotateKey,
    /// Seal again with the newest key what older ones sealed
    Rewrap(keys::Rewrap),
    /// Let older keys go that nothing needs
    RetireKeys,
}

/// Which token a credential is stored as.
#[derive(clap::Args, Debug)]
struct Destination {
    /// The token's id; the provider's name when it is not given
    #[arg(long)]
    id: Option<String>,
    /// Name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Requests that the account allows, as in 30/1h (a free Clockify workspace), or none
    #[arg(long, value_name = "N/TIME")]
    budget: Option<String>,
    /// Put the new credential into a token that is there already
    #[arg(long)]
    replace: bool,
}

/// What is stored.
enum Credential {
    ApiKey(String),
    Json(String),
}

pub async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    // What can be refused without a database is refused first.
    let ready = match command {
        Command::Add(args) => Ready::Store(add::read(args)?),
        Command::Import(args) => Ready::Store(import::read(args)?),
        other => Ready::Other(other),
    };
    let session = Session::open(&context).await?;
    let outcome = match ready {
        Ready::Store(given) => store(given, &session, &context).await,
        Ready::Other(command) => other(command, &session, &context).await,
    };
    session.close().await;
    outcome
}

enum Ready {
    Store(Given),
    Other(Command),
}

/// A credential and where it goes.
struct Given {
    provider: v1::Provider,
    credential: Credential,
    destination: Destination,
}

async fn other(command: Command, session: &Session, context: &Context) -> anyhow::Result<Exit> {
    let output = context.output;
    match command {
        Command::Add(_) | Command::Import(_) => unreachable!("stored before"),
        Command::Login(args) => login::run(args, session, context).await,
        Command::List => show::list(session, output).await,
        Command::Show { id } => {
            let name = session.token(&id);
            let token = session
                .tokens()
                .get_token(v1::GetTokenRequest { name })
                .await?;
            output.result(&token.into_inner(), show::token)?;
            Ok(Exit::Done)
        }
        Command::Check { id } => show::check(id, session, output).await,
        Command::Refresh { id } => {
            let name = session.token(&id);
            let token = session
                .tokens()
                .refresh_token(v1::RefreshTokenRequest { name })
                .await?;
            output.result(&token.into_inner(), show::token)?;
            Ok(Exit::Done)
        }
        Command::Revoke { id } => {
            let name = session.token(&id);
            let token = session
                .tokens()
                .revoke_token(v1::RevokeTokenRequest { name })
                .await?;
            output.result(&token.into_inner(), |token| {
                format!("{} is revoked", token.name)
            })?;
            Ok(Exit::Done)
        }
        Command::Rm { id } => {
            let name = session.token(&id);
            let request = v1::DeleteTokenRequest {
                name: name.clone(),
                etag: String::new(),
            };
            let gone = session.tokens().delete_token(request).await?.into_inner();
            output.result(&gone, |_| {
                format!("{name} is forgotten; it was not revoked at the provider")
            })?;
            Ok(Exit::Done)
        }
        Command::Events { id } => show::events(&id, session, output).await,
        Command::RotateKey => keys::rotate(session, output).await,
        Command::Rewrap(args) => keys::rewrap(args, session, output).await,
        Command::RetireKeys => keys::retire(session, output).await,
    }
}

/// Makes the token, or with `--replace` puts the credential into it.
async fn store(given: Given, session: &Session, context: &Context) -> anyhow::Result<Exit> {
    let Given {
        provider,
        credential,
        destination,
    } = given;
    let usual = provider
        .as_str_name()
        .trim_start_matches("PROVIDER_")
        .to_lowercase();
    let id = destination.id.unwrap_or(usual);
    let mut token = v1::Token {
        display_name: destination.display_name.unwrap_or_default(),
        request_budget: destination.budget.unwrap_or_default(),
        ..v1::Token::default()
    };
    token.set_provider(provider);
    let stored = match destination.replace {
        true => {
            token.name = session.token(&id);
            let request = v1::UpdateTokenRequest {
                update_mask: None,
                token: Some(token),
                credential: Some(match credential {
                    Credential::ApiKey(key) => v1::update_token_request::Credential::ApiKey(key),
                    Credential::Json(text) => v1::update_token_request::Credential::TokenJson(text),
                }),
            };
            session.tokens().update_token(request).await
        }
        false => {
            let request = v1::CreateTokenRequest {
                parent: session.parent(),
                token_id: id,
                token: Some(token),
                credential: Some(match credential {
                    Credential::ApiKey(key) => v1::create_token_request::Credential::ApiKey(key),
                    Credential::Json(text) => v1::create_token_request::Credential::TokenJson(text),
                }),
                validate_only: false,
            };
            session.tokens().create_token(request).await
        }
    };
    context.output.result(&stored?.into_inner(), |token| {
        let id = token.name.rsplit('/').next().unwrap_or_default().to_owned();
        format!(
            "{} is stored; try it with `syncline token check {id}`",
            token.name
        )
    })?;
    Ok(Exit::Done)
}
