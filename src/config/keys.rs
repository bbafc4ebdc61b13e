//! Which settings there are, and the variables that set them. The list is the default file itself.

use super::file;
use std::{collections::BTreeMap, sync::OnceLock};

/// The documentation and the defaults.
pub(super) const DEFAULT_FILE: &str = include_str!("../config.default.toml");

/// Plain names of variables, kept because other programs and the originals use them, with the key that they set. The
/// name with SYNCLINE_ wins where both are set in one place.
pub(super) const PLAIN: [(&str, &str); 16] = [
    ("DATABASE_URL", "database.url"),
    ("SYNCLINE_MIGRATE_URL", "database.migrate_url"),
    ("DATABASE_URL_DIRECT", "database.migrate_url"),
    ("REDIS_URL", "redis.url"),
    ("SERVER_PORT", "http.addr"),
    ("GOOGLE_REDIRECT_URI", "http.public_url"),
    ("BASIC_AUTH_USERNAME", "auth.basic_username"),
    ("BASIC_AUTH_PASSWORD", "auth.basic_password"),
    ("SYNCLINE_ADMIN_KEY", "auth.admin_key"),
    ("SYNCLINE_API_KEY", "auth.api_key"),
    ("GOOGLE_CLIENT_ID", "google.client_id"),
    ("GOOGLE_CLIENT_SECRET", "google.client_secret"),
    ("CLOCKIFY_API_BASE", "clockify.url"),
    ("DRY_RUN", "syncs.dry_run"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel.endpoint"),
    ("OTEL_SERVICE_NAME", "otel.service_name"),
];

/// Settings whose text is never shown.
const SECRETS: [&str; 8] = [
    "key",
    "auth.api_key",
    "auth.admin_key",
    "auth.basic_password",
    "database.url",
    "database.migrate_url",
    "redis.url",
    "google.client_secret",
];

/// All keys with their default text, in dotted form.
pub(super) fn all() -> &'static BTreeMap<String, String> {
    static ALL: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    ALL.get_or_init(|| {
        file::settings(DEFAULT_FILE)
            .filter_map(|setting| Some((setting.key, setting.text.ok()?)))
            .collect()
    })
}

/// Whether a value of `key` must not be shown: secrets, and URLs, which may carry a password.
pub(super) fn is_private(key: &str) -> bool {
    SECRETS.contains(&key) || is_url(key)
}

/// Whether `key` can be read from a file that `…_FILE` names.
pub(super) fn has_file_form(key: &str) -> bool {
    is_private(key)
}

fn is_url(key: &str) -> bool {
    key.ends_with("url") || key == "otel.endpoint"
}

/// The variable of `key`: `outbound.retries` is `SYNCLINE_OUTBOUND_RETRIES`.
pub(super) fn variable(key: &str) -> String {
    format!("SYNCLINE_{}", key.replace('.', "_").to_uppercase())
}

/// The variables that set `key`, the winning one first.
pub(super) fn variables(key: &str) -> Vec<String> {
    let plain = PLAIN
        .iter()
        .filter(|(_, plain_key)| *plain_key == key)
        .map(|(name, _)| (*name).to_owned());
    std::iter::once(variable(key)).chain(plain).collect()
}

/// ` (did you mean …?)` where one of `known` is near enough to be a slip, else nothing.
pub(super) fn suggestion<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> String {
    const CLOSE: f64 = 0.85;
    known
        .map(|name| (strsim::jaro_winkler(typed, name), name))
        .filter(|(score, _)| *score >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!(" (did you mean {name}?)"))
}
