//! `syncline tenant`: who owns data.

mod show;
mod widget;

use super::{Context, Exit, failure::Usage, output::Output, session::Session};
use crate::api::v1;
use pbjson_types::FieldMask;

/// What `tenant` can do.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a tenant
    Create {
        /// Its id: lower-case letters, digits, hyphens
        id: String,
        /// What it is
        #[command(flatten)]
        about: About,
    },
    /// List the tenants in which you have a role
    List,
    /// Show a tenant; that of --tenant without an id
    Show {
        /// Its id
        id: Option<String>,
    },
    /// Change what is given
    Update {
        /// Its id; that of --tenant when it is not given
        id: Option<String>,
        /// What it is to be
        #[command(flatten)]
        about: About,
        /// Let every page show its widget again
        #[arg(long, conflicts_with = "domains")]
        any_domain: bool,
    },
    /// Show how its widget looks, or change what is given
    Widget(widget::Args),
    /// Remove a tenant that has no tokens, no syncs and no runs that are not over
    Delete {
        /// Its id
        id: String,
    },
}

/// What people decide of a tenant.
#[derive(clap::Args, Debug)]
pub struct About {
    /// Name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// active, paused (its widget is not shown) or disabled (its keys and members are refused, too)
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// A page that may show its widget, as in example.org or *.example.org; may be given several times, replaces all
    #[arg(long = "domain", value_name = "HOST")]
    domains: Vec<String>,
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
        Command::Create { id, about } => {
            let request = v1::CreateTenantRequest {
                tenant_id: id,
                tenant: Some(about.tenant(String::new())?),
            };
            let made = service.create_tenant(request).await?;
            output.result(&made.into_inner(), show::tenant)?;
        }
        Command::List => {
            let all = v1::ListTenantsResponse {
                tenants: all(session).await?,
                next_page_token: String::new(),
            };
            output.result(&all, |all| show::tenants(&all.tenants))?;
        }
        Command::Show { id } => {
            let name = full(session, id);
            let found = service.get_tenant(v1::GetTenantRequest { name }).await?;
            output.result(&found.into_inner(), show::tenant)?;
        }
        Command::Update {
            id,
            about,
            any_domain,
        } => {
            let mask = about.mask(any_domain);
            if mask.is_empty() {
                let flags =
                    "give what to change: --display-name, --state, --domain or --any-domain";
                return Err(Usage(flags.to_owned()).into());
            }
            let request = v1::UpdateTenantRequest {
                tenant: Some(about.tenant(full(session, id))?),
                update_mask: Some(FieldMask { paths: mask }),
            };
            let changed = service.update_tenant(request).await?;
            output.result(&changed.into_inner(), show::tenant)?;
        }
        Command::Widget(args) => widget::run(args, session, output).await?,
        Command::Delete { id } => {
            let name = full(session, Some(id));
            let request = v1::DeleteTenantRequest {
                name: name.clone(),
                etag: String::new(),
            };
            let gone = service.delete_tenant(request).await?.into_inner();
            output.result(&gone, |_| format!("{name} is removed"))?;
        }
    }
    Ok(Exit::Done)
}

async fn all(session: &Session) -> anyhow::Result<Vec<v1::Tenant>> {
    let (mut tenants, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListTenantsRequest {
            page_size: 500,
            page_token,
        };
        let page = session.tenants().list_tenants(request).await?.into_inner();
        tenants.extend(page.tenants);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(tenants);
        }
    }
}

/// The full name of a tenant that was given by its id, or by its full name.
fn full(session: &Session, id: Option<String>) -> String {
    match id {
        None => session.parent(),
        Some(name) if name.contains('/') => name,
        Some(id) => format!("tenants/{id}"),
    }
}

impl About {
    fn tenant(self, name: String) -> anyhow::Result<v1::Tenant> {
        let state = match self.state.as_deref() {
            None => v1::TenantState::Unspecified,
            Some("active") => v1::TenantState::Active,
            Some("paused") => v1::TenantState::Paused,
            Some("disabled") => v1::TenantState::Disabled,
            Some(_) => {
                return Err(
                    Usage("--state: expected active, paused or disabled".to_owned()).into(),
                );
            }
        };
        Ok(v1::Tenant {
            name,
            display_name: self.display_name.unwrap_or_default(),
            state: state.into(),
            allowed_domains: self.domains,
            ..v1::Tenant::default()
        })
    }

    fn mask(&self, any_domain: bool) -> Vec<String> {
        let fields = [
            ("display_name", self.display_name.is_some()),
            ("state", self.state.is_some()),
            ("allowed_domains", any_domain || !self.domains.is_empty()),
        ];
        let given = fields.into_iter().filter(|(_, given)| *given);
        given.map(|(field, _)| field.to_owned()).collect()
    }
}
