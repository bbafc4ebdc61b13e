//! Every variable of the five systems that Syncline replaces, and what becomes of it: an installation that is moved
//! over keeps its environment, so nothing in it may be misunderstood, and nothing that matters may be ignored silently.

/// What becomes of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It sets this key.
    Ours(&'static str),
    /// `serve` and `sync once` obey it, as this says; nothing else does.
    Original(&'static str),
    /// It has no effect, because of this; said aloud when it is set.
    Ignored(&'static str),
    /// It has no effect, and so many other programs use the name that saying so would only be noise.
    Common(&'static str),
    /// Set to anything but `false` or `0` it is a fault: ignoring it would do what its owner wanted to prevent.
    Refused(&'static str),
}

/// A variable; `*` stands for any text at the start or the end of the name.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// Which of the originals know it, by the first letters of their names; `-` for Syncline itself.
    pub of: &'static str,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl Variable {
    /// Whether `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        match (self.name.strip_prefix('*'), self.name.strip_suffix('*')) {
            (Some(end), _) => name.ends_with(end),
            (_, Some(start)) => name.starts_with(start),
            (None, None) => name == self.name,
        }
    }
}

/// The originals, with the letters that [`Variable::of`] uses.
pub const SYSTEMS: [(&str, &str); 5] = [
    ("M", "meet-clockify-sync"),
    ("G", "gs-stream-digest"),
    ("C", "ChatConnect-Dashboard"),
    ("A", "AI-coder"),
    ("D", "discord-spywatcher"),
];

/// The verdict on `name`: an exact name counts before a pattern.
pub fn verdict(name: &str) -> Option<Verdict> {
    let exact = VARIABLES.iter().find(|variable| variable.name == name);
    let found = exact.or_else(|| VARIABLES.iter().find(|variable| variable.matches(name)));
    found.map(|variable| variable.verdict)
}

const fn variable(of: &'static str, name: &'static str, verdict: Verdict) -> Variable {
    Variable { name, of, verdict }
}

use Verdict::{Common, Ignored, Original, Ours};

const NO_CORS: &str = "pages of other sites may not call";
const NO_SESSIONS: &str =
    "sessions of other systems are not carried over: their users log in again";
const NO_MAIL: &str = "there are no mails yet";
const NO_BACKUPS: &str = "there are no backups yet";
const NO_EVENTS: &str = "there is no event import yet";
const NO_CHAT: &str = "the chat relay is not carried over";
const NO_BOT: &str = "the Discord bot is not carried over";
const NO_AGENT: &str = "the agent that writes code is not carried over";
const IMPORT: &str = "there is no import yet, and the database in use is named by DATABASE_URL";
const GENERAL: &str = "many programs use this name";
const TELEMETRY: &str = "logs go to stderr and traces to otel.endpoint";

/// The table. In the order of the originals; a name that several of them use stands where it comes first.
pub const VARIABLES: &[Variable] = &[
    variable("M A", "GOOGLE_CLIENT_ID", Ours("google.client_id")),
    variable("M A", "GOOGLE_CLIENT_SECRET", Ours("google.client_secret")),
    variable("M", "GOOGLE_REDIRECT_URI", Ours("http.public_url")),
    variable(
        "M",
        "GOOGLE_USER_EMAIL",
        Original(
            "the account that the Google token must belong to; compared where the token tells its mail address",
        ),
    ),
    variable(
        "M",
        "GOOGLE_TOKEN_BASE64",
        Original("the token file in base64, where no --token is given"),
    ),
    variable("M", "CLOCKIFY_API_TOKEN", Original("the Clockify API key")),
    variable("M", "CLOCKIFY_API_BASE", Ours("clockify.url")),
    variable(
        "M",
        "CLOCKIFY_API_DELAY",
        Original("checked, then unused: clockify.budget keeps the pace"),
    ),
    variable(
        "M",
        "SYNC_DAYS",
        Original("days to look back, 1 to 1825; without it as `syncs.days` says"),
    ),
    variable(
        "M",
        "MEET_PROJECT_NAME",
        Original("the Clockify project; without it \"Google Meet\""),
    ),
    variable("M D", "DRY_RUN", Ours("syncs.dry_run")),
    variable("M G C A D", "DATABASE_URL", Ours("database.url")),
    variable("M G D", "REDIS_URL", Ours("redis.url")),
    variable(
        "M",
        "SYNC_SCHEDULE",
        Original(
            "when `serve` runs the sync, by the clock of the process's time zone (TZ); without it `0 * * * *`",
        ),
    ),
    variable("M", "BASIC_AUTH_USERNAME", Ours("auth.basic_username")),
    variable("M", "BASIC_AUTH_PASSWORD", Ours("auth.basic_password")),
    variable("M", "SERVER_PORT", Ours("http.addr")),
    variable("M C A D", "NODE_ENV", Common(GENERAL)),
    variable("G C A D", "PORT", Common(GENERAL)),
    variable("G", "HOST", Common(GENERAL)),
    variable(
        "G D",
        "LOG_LEVEL",
        Common("many programs use this name; ours is log.level"),
    ),
    variable("G", "DATABASE_PATH", Ignored(IMPORT)),
    variable("G D", "JWT_SECRET", Ignored(NO_SESSIONS)),
    variable("G", "SUPABASE_URL", Ignored(NO_SESSIONS)),
    variable("G", "SUPABASE_ANON_KEY", Ignored(NO_SESSIONS)),
    variable("G", "SUPABASE_SERVICE_ROLE_KEY", Ignored(NO_SESSIONS)),
    variable("G", "NATS_URL", Ignored(NO_EVENTS)),
    variable("G", "NATS_API_KEY", Ignored(NO_EVENTS)),
    variable("G", "RESEND_API_KEY", Ignored(NO_MAIL)),
    variable("G", "RESEND_FROM_EMAIL", Ignored(NO_MAIL)),
    variable("G D", "FRONTEND_URL", Common(GENERAL)),
    variable("G", "BACKEND_URL", Common(GENERAL)),
    variable("G", "API_HOST", Common(GENERAL)),
    variable("G", "AXIOM_TOKEN", Ignored(TELEMETRY)),
    variable("G", "AXIOM_API_KEY", Ignored(TELEMETRY)),
    variable("G", "AXIOM_DATASET", Ignored(TELEMETRY)),
    variable("G", "FLY_APP_NAME", Common("the hosting platform sets it")),
    variable("C A", "SESSION_SECRET", Ignored(NO_SESSIONS)),
    variable("C", "N8N_WEBHOOK_URL", Ignored(NO_CHAT)),
    variable("C", "N8N_WEBHOOK_SECRET", Ignored(NO_CHAT)),
    variable("C", "DIRECTUS_URL", Ignored(NO_CHAT)),
    variable("C", "DIRECTUS_TOKEN", Ignored(NO_CHAT)),
    variable("C", "PYTHON_BACKEND_*", Ignored(NO_CHAT)),
    variable(
        "A",
        "USE_DATABASE",
        Ignored("everything is kept in the database, whatever this says"),
    ),
    variable("A", "GEMINI_API_KEY", Ignored(NO_AGENT)),
    variable(
        "A",
        "GOOGLE_*",
        Common("the original read none of them either"),
    ),
    variable(
        "A",
        "FIREBASE_*",
        Common("the original read none of them either"),
    ),
    variable(
        "A",
        "OPENROUTER_*",
        Common("the original read none of them either"),
    ),
    variable("D", "DATABASE_URL_DIRECT", Ours("database.migrate_url")),
    variable("D", "DISCORD_*", Ignored(NO_BOT)),
    variable("D", "BOT_GUILD_IDS", Ignored(NO_BOT)),
    variable("D", "ADMIN_DISCORD_IDS", Ignored(NO_BOT)),
    variable("D", "JWT_REFRESH_SECRET", Ignored(NO_SESSIONS)),
    variable("D", "*_EXPIRES_IN", Ignored(NO_SESSIONS)),
    variable("D", "CORS_ORIGINS", Ignored(NO_CORS)),
    variable("D", "ENABLE_ENCRYPTION", Ignored(NO_BACKUPS)),
    variable("D", "ENABLE_*", Common(GENERAL)),
    variable(
        "D",
        "MAX_REQUEST_SIZE_MB",
        Ignored("the limit is grpc.max_message_bytes"),
    ),
    variable("D", "*_ALERT_WEBHOOK", Ignored("there are no alerts yet")),
    variable("G D", "SENTRY_*", Common(TELEMETRY)),
    variable("D", "GRAFANA_*", Common(GENERAL)),
    variable(
        "D",
        "VITE_*",
        Common("only the build of a web page reads it"),
    ),
    variable("D", "BACKUP_DIR", Ignored(NO_BACKUPS)),
    variable("D", "RETENTION_DAYS", Ignored(NO_BACKUPS)),
    variable("D", "RETENTION_MONTHLY", Ignored(NO_BACKUPS)),
    variable("D", "GPG_RECIPIENT", Ignored(NO_BACKUPS)),
    variable("D", "S3_BUCKET*", Ignored(NO_BACKUPS)),
    variable("D", "S3_STORAGE_CLASS", Ignored(NO_BACKUPS)),
    variable("D", "WAL_ARCHIVE_DIR", Ignored(NO_BACKUPS)),
    variable(
        "D",
        "PGBOUNCER_ADMIN_PASSWORD",
        Ignored("the pooler is not looked into"),
    ),
    variable(
        "D",
        "DB_*",
        Ignored("the database is named by DATABASE_URL"),
    ),
    variable("D", "BATCH_SIZE", Common(GENERAL)),
    variable("D", "SQLITE_DATABASE_URL", Ignored(IMPORT)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    /// What the originals document or read, apart from the table; one line per original.
    const READ_BY_THE_ORIGINALS: [&str; 5] = [
        "GOOGLE_CLIENT_ID GOOGLE_CLIENT_SECRET GOOGLE_REDIRECT_URI GOOGLE_USER_EMAIL CLOCKIFY_API_TOKEN NODE_ENV SYNC_DAYS CLOCKIFY_API_BASE CLOCKIFY_API_DELAY MEET_PROJECT_NAME DRY_RUN DATABASE_URL REDIS_URL SERVER_PORT SYNC_SCHEDULE BASIC_AUTH_USERNAME BASIC_AUTH_PASSWORD GOOGLE_TOKEN_BASE64",
        "DATABASE_URL DATABASE_PATH PORT HOST LOG_LEVEL JWT_SECRET SUPABASE_URL SUPABASE_ANON_KEY SUPABASE_SERVICE_ROLE_KEY NATS_URL NATS_API_KEY RESEND_API_KEY RESEND_FROM_EMAIL FRONTEND_URL BACKEND_URL API_HOST REDIS_URL SENTRY_DSN AXIOM_TOKEN AXIOM_API_KEY AXIOM_DATASET FLY_APP_NAME",
        "DATABASE_URL SESSION_SECRET NODE_ENV PORT N8N_WEBHOOK_URL N8N_WEBHOOK_SECRET DIRECTUS_URL DIRECTUS_TOKEN PYTHON_BACKEND_URL",
        "PORT NODE_ENV SESSION_SECRET USE_DATABASE DATABASE_URL GEMINI_API_KEY GOOGLE_API_KEY FIREBASE_PROJECT_ID OPENROUTER_API_KEY",
        "DISCORD_BOT_TOKEN DISCORD_CLIENT_ID DISCORD_CLIENT_SECRET DISCORD_REDIRECT_URI DISCORD_GUILD_ID DISCORD_ALERT_WEBHOOK SLACK_ALERT_WEBHOOK BOT_GUILD_IDS ADMIN_DISCORD_IDS JWT_SECRET JWT_REFRESH_SECRET JWT_ACCESS_EXPIRES_IN JWT_REFRESH_EXPIRES_IN DATABASE_URL DATABASE_URL_DIRECT REDIS_URL CORS_ORIGINS ENABLE_RATE_LIMITING ENABLE_IP_BLOCKING LOG_LEVEL SENTRY_DSN BACKUP_DIR RETENTION_DAYS RETENTION_MONTHLY ENABLE_ENCRYPTION GPG_RECIPIENT S3_BUCKET S3_BUCKET_SECONDARY S3_STORAGE_CLASS WAL_ARCHIVE_DIR DB_HOST DRY_RUN BATCH_SIZE SQLITE_DATABASE_URL MAX_REQUEST_SIZE_MB PORT NODE_ENV FRONTEND_URL",
    ];

    #[test]
    fn every_variable_of_every_original_has_a_verdict_and_names_the_original() {
        for ((letter, system), names) in SYSTEMS.iter().zip(READ_BY_THE_ORIGINALS) {
            for name in names.split(' ') {
                assert!(verdict(name).is_some(), "{name} of {system}");
                let listed = VARIABLES
                    .iter()
                    .any(|variable| variable.matches(name) && variable.of.contains(letter));
                assert!(listed, "{name} is not listed for {system}");
            }
        }
    }

    #[test]
    fn an_exact_name_counts_before_a_pattern() {
        assert_eq!(verdict("ENABLE_ENCRYPTION"), Some(Ignored(NO_BACKUPS)));
        assert_eq!(verdict("ENABLE_X"), Some(Common(GENERAL)));
        assert_eq!(verdict("DISCORD_ALERT_WEBHOOK"), Some(Ignored(NO_BOT)));
        assert_eq!(verdict("PATH"), None);
    }

    #[test]
    fn ours_are_exactly_the_plain_names_of_keys() {
        for variable in VARIABLES {
            if let Ours(key) = variable.verdict {
                assert!(
                    keys::PLAIN.contains(&(variable.name, key)),
                    "{}",
                    variable.name
                );
            }
        }
        let names: std::collections::BTreeSet<_> =
            VARIABLES.iter().map(|variable| variable.name).collect();
        assert_eq!(names.len(), VARIABLES.len(), "a name is listed twice");
    }
}
