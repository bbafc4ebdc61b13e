//! `syncline key rules`: from where calls are taken or refused.

use super::{Exit, Output, Session, expires, full, shown};
use crate::api::v1;

/// What `key rules` can do.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the rules, oldest first
    List {
        /// Only those of this key
        #[arg(long, value_name = "ID")]
        key: Option<String>,
        /// It is a key of the whole installation
        #[arg(long)]
        instance: bool,
    },
    /// Take calls from a network; where any is allowed, all others are refused
    Allow(Rule),
    /// Refuse calls from a network, whatever else is allowed
    Deny(Rule),
    /// Remove a rule
    Rm {
        /// Its id
        rule: String,
    },
}

/// The rule to make.
#[derive(clap::Args, Debug)]
pub struct Rule {
    /// An address or a network, as in 203.0.113.7 or 203.0.113.0/24
    network: String,
    /// For this key alone instead of for every call
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// It is a key of the whole installation
    #[arg(long)]
    instance: bool,
    /// Why, for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// When it ends: so long from now, as in 1h, or a moment, as in 2027-01-31T00:00:00Z
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
}

pub async fn on(command: Command, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let (rule, effect) = match command {
        Command::List { key, instance } => {
            let key = key.map(|key| full(&key, instance, session));
            let all = all(session, key.unwrap_or_default()).await?;
            output.result(&all, shown::rules)?;
            return Ok(Exit::Done);
        }
        Command::Rm { rule } => {
            let name = match rule.contains('/') {
                true => rule,
                false => format!("accessRules/{rule}"),
            };
            let request = v1::DeleteAccessRuleRequest { name: name.clone() };
            let gone = session.tenants().delete_access_rule(request).await?;
            output.result(&gone.into_inner(), |_| format!("{name} is gone"))?;
            return Ok(Exit::Done);
        }
        Command::Allow(rule) => (rule, v1::AccessRuleEffect::Allow),
        Command::Deny(rule) => (rule, v1::AccessRuleEffect::Deny),
    };
    let key = rule.key.map(|key| full(&key, rule.instance, session));
    let request = v1::CreateAccessRuleRequest {
        access_rule: Some(v1::AccessRule {
            network: rule.network,
            effect: effect.into(),
            api_key: key.unwrap_or_default(),
            reason: rule.reason,
            expire_time: expires(rule.expires)?,
            ..v1::AccessRule::default()
        }),
    };
    let made = session.tenants().create_access_rule(request).await?;
    output.result(&made.into_inner(), shown::rule)?;
    Ok(Exit::Done)
}

/// All rules, or those of a key.
async fn all(session: &Session, api_key: String) -> anyhow::Result<v1::ListAccessRulesResponse> {
    let mut all = v1::ListAccessRulesResponse::default();
    loop {
        let request = v1::ListAccessRulesRequest {
            api_key: api_key.clone(),
            page_size: 500,
            page_token: all.next_page_token,
        };
        let page = session.tenants().list_access_rules(request).await?;
        let page = page.into_inner();
        all.access_rules.extend(page.access_rules);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            return Ok(all);
        }
    }
}
