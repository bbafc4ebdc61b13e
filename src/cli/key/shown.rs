//! Keys and rules as people read them.

use super::super::{output::table, time};
use crate::api::v1;

/// A new key.
pub fn created(made: &v1::CreateApiKeyResponse) -> String {
    let name = made.api_key.as_ref().map_or("", |key| &key.name);
    format!(
        "{}\n\nThis is {name}. It is shown only now: keep it.",
        made.secret
    )
}

/// A successor, and its predecessor.
pub fn rotated(rotated: &v1::RotateApiKeyResponse) -> String {
    let name = rotated.api_key.as_ref().map_or("", |key| &key.name);
    let end = rotated
        .old_api_key
        .as_ref()
        .and_then(|key| key.expire_time.as_ref());
    format!(
        "{}\n\nThis is {name}. It is shown only now: keep it. The old one ends at {} UTC.",
        rotated.secret,
        time::second(end)
    )
}

/// All keys.
pub fn list(all: &v1::ListApiKeysResponse) -> String {
    if all.api_keys.is_empty() {
        return "no keys".to_owned();
    }
    table(
        [
            "ID",
            "NAME",
            "BEGINS",
            "KIND",
            "ROLE",
            "STATE",
            "ENDS (UTC)",
            "LAST USE (UTC)",
        ],
        all.api_keys.iter().map(|key| {
            [
                last(&key.name),
                key.display_name.clone(),
                format!("{}…", key.prefix),
                word(key.kind().as_str_name(), "API_KEY_KIND_"),
                word(key.role().as_str_name(), "ROLE_"),
                state(key),
                time::moment(key.expire_time.as_ref()),
                time::moment(key.last_use_time.as_ref()),
            ]
        }),
    )
}

/// One rule.
pub fn rule(rule: &v1::AccessRule) -> String {
    let whose = match rule.api_key.as_str() {
        "" => "every call".to_owned(),
        key => key.to_owned(),
    };
    let effect = word(rule.effect().as_str_name(), "ACCESS_RULE_EFFECT_");
    format!("{}: {effect} {} for {whose}", rule.name, rule.network)
}

/// All rules.
pub fn rules(all: &v1::ListAccessRulesResponse) -> String {
    if all.access_rules.is_empty() {
        return "no rules: calls are taken from everywhere".to_owned();
    }
    table(
        ["ID", "EFFECT", "NETWORK", "KEY", "ENDS (UTC)", "REASON"],
        all.access_rules.iter().map(|rule| {
            [
                last(&rule.name),
                word(rule.effect().as_str_name(), "ACCESS_RULE_EFFECT_"),
                rule.network.clone(),
                last(&rule.api_key),
                time::moment(rule.expire_time.as_ref()),
                rule.reason.clone(),
            ]
        }),
    )
}

/// What a person should know who looks at a key.
fn state(key: &v1::ApiKey) -> String {
    let now = crate::base::Clock::system().now();
    let text = match (&key.revoke_time, time::read(key.expire_time.as_ref())) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "ended",
        _ if !key.rotation_reason.is_empty() => "works; should be rotated",
        _ => "works",
    };
    text.to_owned()
}

fn last(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}
