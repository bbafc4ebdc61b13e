//! The destination of a sync, opened: Clockify's client, and which workspace and user it writes for. What was found out
//! is remembered, because some accounts allow thirty requests an hour.

mod facts;
mod names;

use crate::{
    app::App,
    base::{Error, Result, TokenName},
    connectors::{
        Access,
        clockify::{Clockify, ClockifyError},
    },
    syncs::{DestinationAccount, definition::Definition},
    tokens::{self, Opened},
};
use facts::Facts;
pub use names::Ids;
use names::Resolved;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// Takes the first workspace of the list, as the original did.
pub const FIRST_WORKSPACE: &str = "first";

/// Whose entries Clockify's are, and what its calls are counted for.
const PROVIDER: &str = "clockify";
/// What the fact about the key's owner is called.
const OWNER: &str = "user";
/// What the fact about the first workspace of the list is called.
const FIRST: &str = "first-workspace";

/// An opened destination.
pub struct Destination {
    /// The client.
    pub clockify: Clockify,
    /// Whose entries they are.
    pub account: DestinationAccount,
    /// The credential in use.
    pub access: Access,
    facts: Facts,
    /// What was resolved in this pass; `None` when what is remembered is in doubt.
    resolved: Mutex<Option<Resolved>>,
}

/// The owner of the key, as it is remembered.
#[derive(Serialize, Deserialize)]
struct Owner {
    id: String,
    workspace: Option<String>,
}

impl Destination {
    /// Opens the destination of a token.
    pub async fn open(app: &App, token: &TokenName, definition: &Definition) -> Result<Self> {
        let opened = tokens::open(app, token).await?;
        let access = opened.access(PROVIDER, app.config.clockify.budget)?;
        let clockify = tokens::clockify(app, access.clone())?;
        let facts = Facts::new(app, token, &access.account.key);
        let user = owner(&facts, &clockify, opened).await?;
        let workspace = match definition.workspace.as_str() {
            "" => user.workspace,
            FIRST_WORKSPACE => first_workspace(&facts, &clockify).await?,
            chosen => Some(chosen.to_owned()),
        };
        let workspace = workspace.ok_or_else(|| {
            Error::precondition(
                "WORKSPACE_MISSING",
                "the Clockify account has no workspace: choose one with workspace_id",
            )
        })?;
        Ok(Self {
            clockify,
            account: DestinationAccount {
                provider: PROVIDER,
                workspace,
                user: user.id,
            },
            access,
            facts,
            resolved: Mutex::new(Some(Resolved::new())),
        })
    }

    /// Whose entries a token's are, without opening it when that is remembered: no call is made then, and the token may
    /// be one that needs a new credential.
    pub async fn account_of(
        app: &App,
        token: &TokenName,
        definition: &Definition,
    ) -> Result<DestinationAccount> {
        let user = tokens::account(app, token).await?.id;
        let facts = Facts::new(app, token, &format!("{PROVIDER}:{user}"));
        let workspace = match definition.workspace.as_str() {
            "" => {
                let owner: Option<Owner> = facts.remembered(OWNER).await?;
                owner.and_then(|owner| owner.workspace)
            }
            FIRST_WORKSPACE => facts.remembered(FIRST).await?,
            chosen => Some(chosen.to_owned()),
        };
        match workspace {
            Some(workspace) => Ok(DestinationAccount {
                provider: PROVIDER,
                workspace,
                user,
            }),
            None => Ok(Self::open(app, token, definition).await?.account),
        }
    }
}

/// For good: which workspace is active is a matter of where the user looks, and entries must not follow that.
async fn owner(facts: &Facts, clockify: &Clockify, opened: Opened) -> Result<Owner> {
    facts
        .known_for_good(OWNER, || async {
            // Opening may just have asked.
            if opened.workspace.is_some() {
                return Ok(Owner {
                    id: opened.account.id,
                    workspace: opened.workspace,
                });
            }
            let user = clockify.user().await?;
            Ok::<_, ClockifyError>(Owner {
                id: user.id,
                workspace: user.active_workspace.or(user.default_workspace),
            })
        })
        .await
}

async fn first_workspace(facts: &Facts, clockify: &Clockify) -> Result<Option<String>> {
    facts
        .known(FIRST, || async {
            let workspaces = clockify.workspaces().await?;
            Ok(workspaces.into_iter().next().map(|workspace| workspace.id))
        })
        .await
}
