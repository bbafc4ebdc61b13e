//! `syncline doctor`: looks at everything that is known to go wrong, and says what to do.

use super::{Context, Exit, output::table, session::Session};
use crate::{
    api::v1::{CheckTokenRequest, ListTokensRequest},
    base::Clock,
    config::Config,
    db::{Db, Target, guard, migrate},
    startup::{self, Migrate},
};
use chrono::TimeDelta;
use serde::Serialize;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// Clocks that differ by more make people wonder about times in logs.
const LARGEST_SKEW: TimeDelta = TimeDelta::seconds(1);

#[derive(Serialize)]
struct Finding {
    what: String,
    verdict: Verdict,
    message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Verdict {
    Fine,
    /// Worth knowing.
    Note,
    Wrong,
}

#[derive(Default, Serialize)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Findings about one thing stand together, whenever they were made.
    fn add(&mut self, what: &str, verdict: Verdict, message: impl Into<String>) {
        let last = self.0.iter().rposition(|finding| finding.what == what);
        let place = last.map_or(self.0.len(), |last| last + 1);
        let finding = Finding {
            what: what.to_owned(),
            verdict,
            message: message.into(),
        };
        self.0.insert(place, finding);
    }

    fn is_wrong(&self, what: &str) -> bool {
        let mut findings = self.0.iter();
        findings.any(|finding| finding.what == what && finding.verdict == Verdict::Wrong)
    }

    fn fine(&mut self, what: &str, message: impl Into<String>) {
        self.add(what, Verdict::Fine, message);
    }

    fn note(&mut self, what: &str, message: impl Into<String>) {
        self.add(what, Verdict::Note, message);
    }

    fn wrong(&mut self, what: &str, message: impl Into<String>) {
        self.add(what, Verdict::Wrong, message);
    }
}

pub async fn run(context: Context) -> anyhow::Result<Exit> {
    let mut findings = Findings::default();
    // Wrong settings ended the program before; what is left are the notices.
    findings.fine("settings", "everything can be read");
    for notice in context.notices.iter().filter(|notice| !notice.quiet) {
        findings.note("settings", notice.text.clone());
    }
    let config = &context.config;
    if let Some(warning) = config.in_clear() {
        findings.note("network", warning);
    }
    folder(&mut findings, &config.data.dir);
    key_file(&mut findings, config);
    google_client(&mut findings, config);
    if database(&mut findings, config).await {
        installation(&mut findings, &context).await?;
    }
    let healthy = findings
        .0
        .iter()
        .all(|finding| finding.verdict != Verdict::Wrong);
    let document = serde_json::json!({ "healthy": healthy, "findings": findings });
    context.output.result(&document, |_| {
        let rows = findings.0.iter().map(|finding| {
            let mark = match finding.verdict {
                Verdict::Fine => "ok",
                Verdict::Note => "note",
                Verdict::Wrong => "WRONG",
            };
            [
                mark.to_owned(),
                finding.what.clone(),
                finding.message.clone(),
            ]
        });
        table(["", "", ""], rows)
    })?;
    Ok(match healthy {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn folder(findings: &mut Findings, folder: &Path) {
    let shown = folder.display();
    let what = "data directory";
    match fs::metadata(folder) {
        Err(_) => findings.note(what, format!("{shown} is not there yet; it is made at the first start")),
        Ok(about) if !about.is_dir() => findings.wrong(what, format!("{shown} is no directory: set SYNCLINE_DATA_DIR to one")),
        Ok(_) => match tempfile::tempfile_in(folder) {
            Ok(_) => findings.fine(what, format!("{shown} can be written")),
            Err(cause) => findings.wrong(what, format!("{shown} cannot be written ({cause}): give it to the user who runs Syncline, or set SYNCLINE_DATA_DIR")),
        },
    }
}

fn key_file(findings: &mut Findings, config: &Config) {
    let what = "key";
    if config.key.is_some() {
        return findings.fine(what, "comes from SYNCLINE_KEY");
    }
    let file = config.data.key_file();
    let shown = file.display();
    match fs::metadata(&file) {
        Err(_) => findings.note(what, format!("{shown} is not there yet; it is made at the first start. Keep a copy: without it no stored token can be read")),
        Ok(about) if about.permissions().mode() & 0o077 != 0 => {
            findings.wrong(what, format!("others may read {shown}: chmod 600 {shown}"));
        }
        Ok(_) => findings.fine(what, format!("{shown} is there, and only its owner may read it")),
    }
}

fn google_client(findings: &mut Findings, config: &Config) {
    let what = "Google client";
    match (&config.google.client_id, &config.google.client_secret) {
        (Some(_), Some(_)) => findings.fine(what, "is set"),
        _ => findings.note(what, "is not set: `syncline token login google` needs SYNCLINE_GOOGLE_CLIENT_ID and SYNCLINE_GOOGLE_CLIENT_SECRET of a desktop app in the Google Cloud console"),
    }
}

/// Whether the rest makes sense.
async fn database(findings: &mut Findings, config: &Config) -> bool {
    let what = "database";
    let options = startup::database_options(config);
    if let Target::Sqlite(file) = &options.target
        && !file.exists()
    {
        findings.note(
            what,
            format!(
                "{} is not there yet; it is made at the first start",
                file.display()
            ),
        );
        return false;
    }
    let db = match Db::connect(options, Clock::system()).await {
        Ok(db) => db,
        Err(error) => {
            findings.wrong(
                what,
                format!("{error}: check DATABASE_URL, and that the server runs"),
            );
            return false;
        }
    };
    findings.fine(what, "answers");
    let skew = db.skew();
    match skew.abs() > LARGEST_SKEW {
        true => findings.wrong(
            "clock",
            format!(
                "the database's clock is {} ms ahead of this machine's: set both by NTP",
                skew.num_milliseconds()
            ),
        ),
        false => findings.fine("clock", "agrees with the database's"),
    }
    let outcome = migrate::status(&db)
        .await
        .and_then(|status| status.check().map(|()| status));
    let guarded = guard::check(&db, config.database.allow_superuser).await;
    db.close().await;
    if outcome.is_ok()
        && let Err(error) = guarded
    {
        findings.wrong("database roles", error.to_string());
        return false;
    }
    match outcome {
        Ok(status) => {
            findings.fine("schema", format!("is {}, the current one", status.applied));
            true
        }
        Err(error) => {
            findings.wrong("schema", error.to_string());
            false
        }
    }
}

/// The keys against what is stored, and each token against its provider.
async fn installation(findings: &mut Findings, context: &Context) -> anyhow::Result<()> {
    let app = match startup::open(context.config.clone(), Clock::system(), Migrate::Refuse).await {
        Ok(app) => app,
        // What is wrong with the file was said already.
        Err(_) if findings.is_wrong("key") => return Ok(()),
        Err(error) => {
            findings.wrong("key", error.to_string());
            return Ok(());
        }
    };
    findings.fine(
        "key",
        format!("{} opens everything that is stored", app.keys.newest()),
    );
    let session = Session::in_process(app, context.global.tenant.clone())?;
    tokens(findings, &session).await?;
    session.close().await;
    Ok(())
}

async fn tokens(findings: &mut Findings, session: &Session) -> anyhow::Result<()> {
    let request = ListTokensRequest {
        parent: session.parent(),
        page_size: 500,
        ..Default::default()
    };
    let tokens = session
        .tokens()
        .list_tokens(request)
        .await?
        .into_inner()
        .tokens;
    if tokens.is_empty() {
        findings.note(
            "tokens",
            "there are none yet: `syncline token login google`, `syncline token add clockify`",
        );
    }
    for token in tokens {
        let request = CheckTokenRequest {
            name: token.name.clone(),
        };
        match session
            .tokens()
            .check_token(request)
            .await
            .map(tonic::Response::into_inner)
        {
            Ok(checked) if checked.usable => findings.fine(&token.name, "works"),
            Ok(checked) => findings.wrong(&token.name, checked.problems.join("; ")),
            Err(status) => findings.wrong(&token.name, status.message()),
        }
    }
    Ok(())
}
