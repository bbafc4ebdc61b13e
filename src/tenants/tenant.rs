//! A tenant's row, and the rules that follow from it alone.

use crate::{
    base::{Error, Result, TenantId, Violation, name::shown},
    db::Tx,
    tenants::{domains::Domain, store},
};
use chrono::{DateTime, Utc};
use sqlx::types::Json;
use std::collections::BTreeSet;

/// Longest name for people, in characters.
const LONGEST_DISPLAY_NAME: usize = 100;
/// Most pages that are listed.
const MOST_DOMAINS: usize = 100;

/// Who owns data.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Tenant {
    /// The last part of its name.
    #[sqlx(try_from = "String", rename = "tenant_id")]
    pub id: TenantId,
    /// For people.
    pub display_name: String,
    /// Whether it is served.
    #[sqlx(try_from = "String")]
    pub state: State,
    /// Pages that may show its widget, as [`Domain`] writes them; none: all.
    pub allowed_domains: Json<Vec<String>>,
    /// Raised by every change.
    pub version: i64,
    /// Made.
    pub created_at: DateTime<Utc>,
    /// Last changed.
    pub updated_at: DateTime<Utc>,
}

impl Tenant {
    /// One that is served from `now` on; every page may show its widget.
    pub fn new(id: TenantId, display_name: &str, now: DateTime<Utc>) -> Self {
        Self {
            id,
            display_name: display_name.to_owned(),
            state: State::Active,
            allowed_domains: Json(Vec::new()),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// `tenants/{tenant}`.
    pub fn name(&self) -> String {
        format!("tenants/{}", self.id)
    }

    /// Changes with every change.
    pub fn etag(&self) -> String {
        self.version.to_string()
    }
}

/// Whether a tenant is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Active,
    /// Its widget is not shown, for now.
    Paused,
    /// Its widget is not shown, its keys and members are refused.
    Disabled,
}

impl State {
    /// As the database and users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

impl TryFrom<String> for State {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        match text.as_str() {
            "active" => Ok(Self::Active),
            "paused" => Ok(Self::Paused),
            "disabled" => Ok(Self::Disabled),
            _ => Err(Error::internal("the state of a tenant is none of ours")),
        }
    }
}

/// Whether the tenant is served. [`Error::Denied`] where it is disabled, [`Error::NotFound`] where it is not there.
pub async fn check_served(tx: &mut Tx, id: &TenantId) -> Result<()> {
    let tenant = store::get(tx, id).await?.ok_or_else(|| not_found(id))?;
    match tenant.state {
        State::Active | State::Paused => Ok(()),
        State::Disabled => Err(Error::Denied {
            reason: "TENANT_DISABLED",
            message: format!("{} is disabled", tenant.name()),
        }),
    }
}

/// The error for a tenant that is not there, or not there for the caller.
pub fn not_found(id: &TenantId) -> Error {
    Error::not_found("tenant", format!("tenants/{id}"))
}

pub(super) fn check_display_name(wrong: &mut Vec<Violation>, text: &str) {
    let fine = text.chars().count() <= LONGEST_DISPLAY_NAME && !text.chars().any(char::is_control);
    if !fine {
        let expected = format!(
            "expected one line of at most {LONGEST_DISPLAY_NAME} characters, got {}",
            shown(text)
        );
        wrong.push(Violation::new("tenant.display_name", expected));
    }
}

/// The pages as they are kept: each once, in one form.
pub(super) fn check_domains(wrong: &mut Vec<Violation>, texts: &[String]) -> Vec<String> {
    if texts.len() > MOST_DOMAINS {
        let expected = format!("expected at most {MOST_DOMAINS}, got {}", texts.len());
        wrong.push(Violation::new("tenant.allowed_domains", expected));
        return Vec::new();
    }
    let mut known = BTreeSet::new();
    let mut domains = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match Domain::parse(text) {
            Ok(domain) => {
                let domain = domain.to_string();
                if known.insert(domain.clone()) {
                    domains.push(domain);
                }
            }
            Err(why) => {
                let expected = format!("{why}, got {}", shown(text));
                let field = format!("tenant.allowed_domains[{index}]");
                wrong.push(Violation::new(field, expected));
            }
        }
    }
    domains
}
