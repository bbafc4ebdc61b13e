//! `syncline sync once`: the drop-in for the original's one-off run. It reads the original's variables, keeps their
//! credentials and a definition under ids of its own, runs it, and prints the original's figures.

use super::{Context, Exit, Session, figures, follow::follow, zone};
use crate::{
    api::{
        status::Refusal,
        v1::{
            self, MeetToClockify, Provider, Run, RunState, Sync, SyncResult, Target, Token,
            create_token_request::Credential as New, sync::Definition,
            update_token_request::Credential as Changed,
        },
    },
    base::{Error, Secret, sha256},
    cli::{Usage, output::Output, token},
    config::OneOff,
    syncs::{describe::ORIGINAL, destination::FIRST_WORKSPACE},
};
use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pbjson_types::FieldMask;
use serde_json::json;
use std::path::{Path, PathBuf};
use tonic::Response;
use uuid::Uuid;

/// Ids of what it keeps, so that it meets nobody else's tokens and syncs.
const GOOGLE: &str = "once-google";
const CLOCKIFY: &str = "once-clockify";
const SYNC: &str = "once";
/// Where the original kept its token.
const USUAL_FILE: &str = "token.json";

/// Arguments of `sync once`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The token file; `token.json` is read if it is there
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

/// Always in this process: its settings are the variables of this process.
pub async fn run(args: Args, context: Context) -> anyhow::Result<Exit> {
    let one_off = context
        .one_off
        .as_ref()
        .context("the variables of the one-off run were not read")?;
    for notice in context.notices.iter().filter(|notice| !notice.quiet) {
        context.output.note(format!("note: {notice}"));
    }
    let token_file = token_file(args.token.as_deref(), one_off)?;
    let session = Session::open_here(&context).await?;
    let outcome = steps(token_file, one_off, &session, &context).await;
    session.close().await;
    outcome
}

async fn steps(
    token_file: Option<Secret>,
    one_off: &OneOff,
    session: &Session,
    context: &Context,
) -> anyhow::Result<Exit> {
    google(token_file, one_off, session, context.output).await?;
    clockify(one_off, session).await?;
    define(one_off, session).await?;
    let request = v1::RunSyncRequest {
        name: session.sync(SYNC),
        request_id: Uuid::new_v4().to_string(),
        dry_run: one_off.dry_run,
        ..Default::default()
    };
    let run = session.syncs().run_sync(request).await?.into_inner();
    let run = follow(&run.name, session, context.output).await?;
    context
        .output
        .result(&told(&run), |_| figures::figures(&run))?;
    Ok(figures::exit(&run))
}

/// The original's figures. What needs nothing any more it called skipped, and what has no entry after the run, failed.
fn told(run: &Run) -> serde_json::Value {
    let result = run.result.clone().unwrap_or_default();
    let (status, message) = match run.state() {
        RunState::Succeeded => ("success", message(run, &result)),
        RunState::Partial => ("partial", said(run)),
        _ => ("error", said(run)),
    };
    json!({
        "status": status,
        "message": message,
        "meetings_found": result.meetings_found,
        "synced": result.created + result.updated,
        "skipped": result.skipped + result.adopted,
        "failed": result.failed + result.unresolved,
        "total_in_clockify": result.total_in_destination,
        "dry_run": run.dry_run,
    })
}

fn message(run: &Run, result: &SyncResult) -> String {
    match (result.meetings_found, run.dry_run) {
        (0, _) => "No meetings found".to_owned(),
        (_, true) => format!("would create {}", result.created),
        (found, false) => format!("{found} meetings are in Clockify"),
    }
}

fn said(run: &Run) -> String {
    let error = run
        .error
        .as_ref()
        .map(|error| format!("{}: {}", error.reason, error.message));
    error.unwrap_or_else(|| figures::state(run))
}

/// The content of the token file that was named, else of the variable, else of the usual file.
fn token_file(named: Option<&Path>, one_off: &OneOff) -> anyhow::Result<Option<Secret>> {
    if let Some(file) = named {
        return Ok(Some(Secret::new(token::text_of(file)?)));
    }
    if let Some(encoded) = &one_off.google_token_base64 {
        let wrong = || Usage("GOOGLE_TOKEN_BASE64: expected a token file in base64".to_owned());
        let compact: String = encoded.expose().split_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(compact).map_err(|_| wrong())?;
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        return Ok(Some(Secret::new(text)));
    }
    match Path::new(USUAL_FILE).exists() {
        true => Ok(Some(Secret::new(token::text_of(Path::new(USUAL_FILE))?))),
        false => Ok(None),
    }
}

/// Keeps the grant of the file. A file that was taken before is not taken again: the provider may have given a newer
/// refresh token since, and the file still holds the old one.
async fn google(
    file: Option<Secret>,
    one_off: &OneOff,
    session: &Session,
    output: Output,
) -> anyhow::Result<()> {
    let known = find(GOOGLE, session).await?;
    match (&known, file) {
        (None, None) => {
            let message = format!(
                "there is no Google token yet: give the file with --token, or consent with `syncline token login google --id {GOOGLE}`"
            );
            return Err(Error::precondition("TOKEN_MISSING", message).into());
        }
        (_, Some(file)) => {
            let refresh_token = refresh_token(file.expose());
            let mark = mark("token.json", refresh_token.as_deref().unwrap_or_default());
            // A file without one is judged, and refused with the reason, by the service.
            let known = known.filter(|_| refresh_token.is_some());
            keep(
                GOOGLE,
                Provider::Google,
                &mark,
                Given::Json(file),
                known,
                session,
            )
            .await?;
        }
        (Some(_), None) => {}
    }
    owner(one_off, session, output).await
}

/// Makes sure that the grant is of the account that was named, where one was. Grants of the original's consent page do
/// not tell their mail address; refusing them would stop what ran before, so it is said that nothing was compared.
async fn owner(one_off: &OneOff, session: &Session, output: Output) -> anyhow::Result<()> {
    let Some(wanted) = &one_off.google_user_email else {
        return Ok(());
    };
    let name = session.token(GOOGLE);
    let request = v1::GetTokenRequest { name: name.clone() };
    let mut token = session.tokens().get_token(request).await?.into_inner();
    // Known, but without a mail address: the provider was asked, and does not say.
    if token.account_id.is_empty() {
        let request = v1::CheckTokenRequest { name };
        let checked = session.tokens().check_token(request).await?.into_inner();
        token = checked.token.unwrap_or_default();
    }
    if token.account_label.is_empty() {
        let why = match token.account_id.is_empty() {
            true => "it could not be found out whose Google token it is".to_owned(),
            false => format!(
                "the Google token may not tell its mail address (scope email). To have it compared, consent again with \
                 `syncline token login google --id {GOOGLE}`"
            ),
        };
        output.note(format!("note: GOOGLE_USER_EMAIL was not compared: {why}"));
        return Ok(());
    }
    match token.account_label.eq_ignore_ascii_case(wanted.expose()) {
        true => Ok(()),
        false => Err(Error::precondition(
            "ACCOUNT_MISMATCH",
            "the Google token belongs to another account than GOOGLE_USER_EMAIL: consent with that one, or change the variable",
        )
        .into()),
    }
}

async fn clockify(one_off: &OneOff, session: &Session) -> anyhow::Result<()> {
    let key = &one_off.clockify_api_token;
    let mark = mark("CLOCKIFY_API_TOKEN", key.expose());
    let known = find(CLOCKIFY, session).await?;
    let given = Given::Key(key.clone());
    keep(CLOCKIFY, Provider::Clockify, &mark, given, known, session).await
}

#[derive(Clone)]
enum Given {
    Json(Secret),
    Key(Secret),
}

/// Keeps a credential, unless what is known was made from this very one.
async fn keep(
    id: &str,
    provider: Provider,
    mark: &str,
    given: Given,
    mut known: Option<Token>,
    session: &Session,
) -> anyhow::Result<()> {
    let mut token = Token {
        display_name: mark.to_owned(),
        ..Token::default()
    };
    token.set_provider(provider);
    if known.is_none() {
        let request = v1::CreateTokenRequest {
            parent: session.parent(),
            token_id: id.to_owned(),
            token: Some(token.clone()),
            credential: Some(match given.clone() {
                Given::Json(text) => New::TokenJson(text.expose().to_owned()),
                Given::Key(key) => New::ApiKey(key.expose().to_owned()),
            }),
            validate_only: false,
        };
        match session.tokens().create_token(request).await {
            Ok(_) => return Ok(()),
            // Another process was quicker. Its token may have been refreshed since, so it must not get the file's again.
            Err(status) if Refusal::is_taken(&status) => known = find(id, session).await?,
            Err(status) => return Err(status.into()),
        }
    }
    if known.is_some_and(|known| known.display_name == mark) {
        return Ok(());
    }
    token.name = session.token(id);
    let request = v1::UpdateTokenRequest {
        token: Some(token),
        update_mask: Some(FieldMask {
            paths: vec!["display_name".to_owned(), "credential".to_owned()],
        }),
        credential: Some(match given {
            Given::Json(text) => Changed::TokenJson(text.expose().to_owned()),
            Given::Key(key) => Changed::ApiKey(key.expose().to_owned()),
        }),
    };
    session.tokens().update_token(request).await?;
    Ok(())
}

async fn find(id: &str, session: &Session) -> anyhow::Result<Option<Token>> {
    let request = v1::GetTokenRequest {
        name: session.token(id),
    };
    Ok(found(session.tokens().get_token(request).await)?)
}

fn found<T>(answer: Result<Response<T>, tonic::Status>) -> Result<Option<T>, tonic::Status> {
    match answer {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) if Refusal::is_not_found(&status) => Ok(None),
        Err(status) => Err(status),
    }
}

fn refresh_token(text: &str) -> Option<String> {
    let file: serde_json::Value = serde_json::from_str(text).ok()?;
    file["refresh_token"]
        .as_str()
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
}

/// Tells which secret a token was made from, without holding it.
fn mark(from: &str, secret: &str) -> String {
    const BYTES: usize = 8;
    let hex: String = sha256(secret)
        .iter()
        .take(BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{from} of sync once, sha256 {hex}")
}

/// Makes the sync, or brings it to what the variables say.
async fn define(one_off: &OneOff, session: &Session) -> anyhow::Result<()> {
    let name = session.sync(SYNC);
    let wanted = Sync {
        name: name.clone(),
        source_token: session.token(GOOGLE),
        destination_token: session.token(CLOCKIFY),
        definition: Some(Definition::MeetToClockify(MeetToClockify {
            days: i32::try_from(one_off.days).unwrap_or(i32::MAX),
            workspace_id: FIRST_WORKSPACE.to_owned(),
            default_target: Some(Target {
                project: one_off.project.clone(),
                ..Target::default()
            }),
            description_template: ORIGINAL.to_owned(),
            time_zone: zone::of_process(),
            ..MeetToClockify::default()
        })),
        ..Sync::default()
    };
    match found(session.syncs().get_sync(v1::GetSyncRequest { name }).await)? {
        None => {
            let request = v1::CreateSyncRequest {
                parent: session.parent(),
                sync_id: SYNC.to_owned(),
                sync: Some(wanted),
                validate_only: false,
            };
            match session.syncs().create_sync(request).await {
                // Another process was quicker, and had perhaps other variables.
                Err(status) if Refusal::is_taken(&status) => {
                    return Box::pin(define(one_off, session)).await;
                }
                outcome => drop(outcome?),
            }
        }
        Some(known) if known.definition == wanted.definition => {}
        Some(_) => {
            let request = v1::UpdateSyncRequest {
                sync: Some(wanted),
                update_mask: Some(FieldMask {
                    paths: vec!["meet_to_clockify".to_owned()],
                }),
                validate_only: false,
            };
            session.syncs().update_sync(request).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meeting_is_synced_skipped_or_failed() {
        let result = SyncResult {
            meetings_found: 21,
            created: 1,
            updated: 2,
            adopted: 3,
            skipped: 4,
            failed: 5,
            unresolved: 6,
            total_in_destination: 10,
            ..SyncResult::default()
        };
        let told = told(&Run {
            result: Some(result),
            ..Run::default()
        });
        let figure = |name: &str| told[name].as_i64().unwrap();
        assert_eq!(
            figure("synced") + figure("skipped") + figure("failed"),
            figure("meetings_found")
        );
        assert_eq!(figure("total_in_clockify"), 10);
    }

    #[test]
    fn a_mark_tells_secrets_apart_and_holds_none() {
        let text = mark("token.json", "composed-secret");
        assert_ne!(text, mark("token.json", "composed-other"));
        assert!(!text.contains("composed"));
        assert!(text.len() <= 100);
    }
}
