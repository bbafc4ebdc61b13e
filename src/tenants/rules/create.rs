//! Adds a rule.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, Violation, Who, error::all_valid, name::shown, reach},
    db::{Scope, Tx},
    tenants::{
        gather,
        keys::{self, KeyName},
        rules::{Effect, Rule, Rules, network, store},
    },
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// So many rules may be about the same calls: they are looked through at each of them.
pub(super) const MOST: i64 = 1000;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// A rule to be made.
#[derive(Clone, Debug, Default)]
pub struct Create {
    /// An address or a network.
    pub network: String,
    /// What becomes of calls from there.
    pub effect: Option<Effect>,
    /// The name of the key it is for; empty: every call.
    pub api_key: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes the rule. Every replica obeys it within a second. [`Error::Precondition`] where it would shut its maker out.
pub async fn create(app: &App, create: Create) -> Result<Rule> {
    reach::check_instance()?;
    let now = app.db.now();
    let rule = check(create, now)?;
    let mut tx = app.db.write(Scope::System("access rules")).await?;
    if let Some(key) = &rule.key
        && !keys::exists(&mut tx, key).await?
    {
        return Err(key.not_found());
    }
    let others = match &rule.key {
        None => store::of_installation(&mut tx, now).await?,
        Some(key) => store::of_key(&mut tx, key.id, now).await?,
    };
    if others.len() >= usize::try_from(MOST).unwrap_or(usize::MAX) {
        return Err(Error::precondition(
            "TOO_MANY_RULES",
            format!(
                "there are {MOST} rules about these calls already: remove some, or name larger networks"
            ),
        ));
    }
    store::insert(&mut tx, &rule).await?;
    check_own_way(&mut tx, now).await?;
    keys::changed(&mut tx).await?;
    let detail = format!("{} {}", rule.effect, network::text(&rule.network));
    let entry = Entry::new(None, "access_rule.create", rule.name()).detail(match &rule.key {
        None => detail,
        Some(key) => format!("{detail} for {key}"),
    });
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    tracing::info!(
        access_rule.effect = rule.effect.as_str(),
        access_rule.network = %network::text(&rule.network),
        "an access rule was made"
    );
    Ok(rule)
}

/// Refuses to leave the caller outside: the next call would be refused, and nobody there could take the rule back.
pub(super) async fn check_own_way(tx: &mut Tx, now: DateTime<Utc>) -> Result<()> {
    let Some((caller, address)) =
        reach::caller().and_then(|caller| caller.address.map(|address| (caller, address)))
    else {
        return Ok(());
    };
    let rules = Rules::new(store::of_installation(tx, now).await?);
    let mut is_permitted = rules.permit_anybody(Some(address), now);
    if let Who::Key(key) = caller.who {
        let own = Rules::new(store::of_key(tx, key, now).await?);
        is_permitted &= own.permit(Some(address), now);
    }
    match is_permitted {
        true => Ok(()),
        false => Err(Error::precondition(
            "WOULD_LOCK_OUT",
            format!(
                "calls from {address}, where you call from, would be refused: allow that address first"
            ),
        )),
    }
}

fn check(create: Create, now: DateTime<Utc>) -> Result<Rule> {
    let mut wrong = Vec::new();
    let network = gather(
        &mut wrong,
        network::parse("access_rule.network", &create.network),
    );
    if create.effect.is_none() {
        wrong.push(Violation::new(
            "access_rule.effect",
            "expected ACCESS_RULE_EFFECT_ALLOW or ACCESS_RULE_EFFECT_DENY",
        ));
    }
    let key = match create.api_key.as_str() {
        "" => None,
        name => gather(&mut wrong, KeyName::parse("access_rule.api_key", name)),
    };
    let reason = create.reason;
    if reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
        let expected = format!(
            "expected one line of at most {LONGEST_REASON} characters, got {}",
            shown(&reason)
        );
        wrong.push(Violation::new("access_rule.reason", expected));
    }
    if create.expires_at.is_some_and(|end| end <= now) {
        wrong.push(Violation::new(
            "access_rule.expire_time",
            "expected a moment to come",
        ));
    }
    all_valid(wrong)?;
    let (Some(network), Some(effect)) = (network, create.effect) else {
        return Err(Error::internal("a valid request lacks a part"));
    };
    Ok(Rule {
        id: Uuid::now_v7(),
        key,
        network,
        effect,
        reason,
        created_at: now,
        expires_at: create.expires_at,
    })
}
