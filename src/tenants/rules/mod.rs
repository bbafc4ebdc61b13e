//! From where calls are taken or refused, for the whole installation or for one key.
//!
//! What is refused stays refused, whatever else is allowed. Where any rule allows something, everything else is refused. A
//! rule that ended counts no more. This machine (loopback) is left alone by the rules of the installation, unless one of
//! them names an address or a network of loopback itself: so nobody locks themselves out for good.

mod create;
mod delete;
mod list;
mod network;
pub(super) mod rpc;
mod store;

pub use create::{Create, create};
pub use delete::delete;
pub use list::list;
pub(super) use store::{copy, give, of_installation, of_key};

use crate::{
    base::{Error, Result, words},
    tenants::keys::KeyName,
};
use chrono::{DateTime, Utc};
use ipnet::IpNet;
use std::net::IpAddr;
use uuid::Uuid;

words! {
    /// What becomes of calls from a network.
    Effect {
        /// They are taken, and calls from elsewhere are not.
        Allow = "allow",
        /// They are refused.
        Deny = "deny",
    }
}

/// A rule as it is stored.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The last part of its name.
    pub id: Uuid,
    /// Whose calls; `None`: everybody's.
    pub key: Option<KeyName>,
    /// From where.
    pub network: IpNet,
    /// What becomes of them.
    pub effect: Effect,
    /// Why, for people.
    pub reason: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Rule {
    /// `accessRules/{rule}`.
    pub fn name(&self) -> String {
        format!("accessRules/{}", self.id)
    }
}

/// Reads `accessRules/{rule}`.
fn parse_name(field: &str, text: &str) -> Result<Uuid> {
    let id = text.strip_prefix("accessRules/");
    id.and_then(|id| id.parse().ok()).ok_or_else(|| {
        let got = crate::base::name::shown(text);
        Error::invalid(
            field,
            format!("expected accessRules/{{rule}}, the rule a UUID, got {got}"),
        )
    })
}

/// All rules about the same calls.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// These.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Whether a key may be used from `address`.
    pub fn permit(&self, address: Option<IpAddr>, now: DateTime<Utc>) -> bool {
        self.judge(address, now, false)
    }

    /// Whether anybody may call from `address`.
    pub fn permit_anybody(&self, address: Option<IpAddr>, now: DateTime<Utc>) -> bool {
        self.judge(
            address,
            now,
            address.is_some_and(|address| address.is_loopback()),
        )
    }

    fn judge(&self, address: Option<IpAddr>, now: DateTime<Utc>, is_this_machine: bool) -> bool {
        let mut is_closed = false;
        let mut is_allowed = false;
        let counts = |rule: &&Rule| {
            rule.expires_at.is_none_or(|end| end > now)
                && (!is_this_machine || network::is_loopback(&rule.network))
        };
        for rule in self.0.iter().filter(counts) {
            let matches = address.is_some_and(|address| rule.network.contains(&address));
            match rule.effect {
                Effect::Deny if matches => return false,
                Effect::Deny => {}
                Effect::Allow => {
                    is_closed = true;
                    is_allowed |= matches;
                }
            }
        }
        is_allowed || !is_closed
    }
}

/// What everybody reads who calls from where no calls are taken.
pub(super) fn refused(address: Option<IpAddr>) -> Error {
    let from = address.map_or_else(|| "there".to_owned(), |address| address.to_string());
    Error::Denied {
        reason: "ADDRESS_REFUSED",
        message: format!("calls from {from} are not taken here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn rule(effect: Effect, text: &str) -> Rule {
        Rule {
            id: Uuid::nil(),
            key: None,
            network: network::parse("network", text).unwrap(),
            effect,
            reason: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            expires_at: None,
        }
    }

    fn permits(rules: &[Rule], address: &str) -> bool {
        let address = Some(address.parse::<IpAddr>().unwrap().to_canonical());
        Rules::new(rules.to_vec()).permit_anybody(address, DateTime::UNIX_EPOCH)
    }

    use Effect::{Allow, Deny};

    #[test]
    fn without_rules_everybody_may_call_and_one_that_denies_refuses_only_its_network() {
        assert!(permits(&[], "203.0.113.7"));
        let rules = [rule(Deny, "203.0.113.0/24")];
        assert!(!permits(&rules, "203.0.113.7") && permits(&rules, "198.51.100.1"));
        assert!(!permits(&rules, "::ffff:203.0.113.7"));
    }

    #[test]
    fn any_rule_that_allows_closes_the_list_and_denying_wins() {
        let rules = [rule(Allow, "203.0.113.0/24"), rule(Deny, "203.0.113.7")];
        assert!(permits(&rules, "203.0.113.8"));
        assert!(!permits(&rules, "203.0.113.7") && !permits(&rules, "198.51.100.1"));
        assert!(!permits(&rules, "2001:db8::1"));
        assert!(!Rules::new(rules.to_vec()).permit_anybody(None, DateTime::UNIX_EPOCH));
    }

    #[test]
    fn a_rule_that_ended_counts_no_more() {
        let end = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let rules = Rules::new(vec![Rule {
            expires_at: Some(end),
            ..rule(Allow, "203.0.113.0/24")
        }]);
        let elsewhere = Some("198.51.100.1".parse().unwrap());
        assert!(!rules.permit_anybody(elsewhere, end - TimeDelta::microseconds(1)));
        assert!(rules.permit_anybody(elsewhere, end));
    }

    #[test]
    fn this_machine_is_shut_out_only_by_its_own_name() {
        for rules in [
            [rule(Deny, "0.0.0.0/0"), rule(Deny, "::/0")],
            [rule(Allow, "203.0.113.7"), rule(Allow, "2001:db8::/32")],
        ] {
            assert!(permits(&rules, "127.0.0.1") && permits(&rules, "::1"));
            assert!(!permits(&rules, "198.51.100.1"));
        }
        assert!(!permits(&[rule(Deny, "127.0.0.1")], "127.0.0.1"));
        assert!(!permits(&[rule(Deny, "127.0.0.0/8")], "127.9.9.9"));
        assert!(!permits(&[rule(Allow, "127.0.0.2")], "127.0.0.1"));
        let of_key = Rules::new(vec![rule(Allow, "203.0.113.7")]);
        let here = Some("127.0.0.1".parse().unwrap());
        assert!(!of_key.permit(here, DateTime::UNIX_EPOCH));
    }
}
