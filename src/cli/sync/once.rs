//! `syncline sync once`: the drop-in for the original's one-off run. It reads the original's variables, keeps their
//! credentials and a definition under ids of its own, runs it, and prints the original's figures.

use super::{Context, Exit, Session, figures, follow::follow};
use crate::{
    api::v1::{self, Run, RunState, SyncResult},
    app::App,
    base::{Error, ResourceId, Secret, SyncName, TenantId},
    cli::token_file,
    config::MeetClockify,
    db::Scope,
    startup::original::{self, Shelf},
    syncs::{
        create::{self, Create},
        store,
        update::{self, Update},
    },
};
use anyhow::Context as _;
use serde_json::json;
use std::path::PathBuf;
use uuid::Uuid;

/// Id of the sync that it keeps, so that it meets nobody else's.
const SYNC: &str = "once";

/// Arguments of `sync once`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The token file; `token.json` is read if it is there
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

/// Always in this process: its settings are the variables of this process.
pub async fn run(args: Args, context: Context) -> anyhow::Result<Exit> {
    let said = context
        .original
        .as_ref()
        .context("the variables of the one-off run were not read")?;
    for notice in context.notices.iter().filter(|notice| !notice.quiet) {
        context.output.note(format!("note: {notice}"));
    }
    let token_file = token_file::content(args.token.as_deref(), said)?;
    let session = Session::open_here(&context).await?;
    let outcome = steps(token_file, said, &session, &context).await;
    session.close().await;
    outcome
}

async fn steps(
    token_file: Option<Secret>,
    said: &MeetClockify,
    session: &Session,
    context: &Context,
) -> anyhow::Result<Exit> {
    let app = session.app().context("it works in this process")?;
    let tenant = &context.global.tenant;
    let shelf = Shelf::of_one_off(app, tenant.clone())?;
    shelf.keep_google(token_file.as_ref()).await?;
    if let Some(note) = shelf.check_owner(said).await? {
        context.output.note(format!("note: {note}"));
    }
    shelf.keep_clockify(said).await?;
    define(said, &shelf, tenant, app).await?;
    let request = v1::RunSyncRequest {
        name: session.sync(SYNC),
        request_id: Uuid::new_v4().to_string(),
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

/// Makes the sync, or brings it to what the variables say.
async fn define(
    said: &MeetClockify,
    shelf: &Shelf,
    tenant: &TenantId,
    app: &App,
) -> anyhow::Result<()> {
    let name = SyncName::new(tenant.clone(), ResourceId::parse("id", SYNC)?);
    let definition = original::definition(said);
    let create = Create {
        name: name.clone(),
        display_name: String::new(),
        source: shelf.google().clone(),
        destination: shelf.clockify().clone(),
        definition: definition.clone(),
        schedule: None,
        validate_only: false,
    };
    match create::create(app, create).await {
        // It was made before, or by a quicker process, perhaps of other variables.
        Err(Error::Exists { .. }) => {}
        made => return Ok(made.map(drop)?),
    }
    let mut tx = app.db.read(Scope::Tenant(tenant.clone())).await?;
    let known = store::syncs::get(&mut tx, &name).await?;
    drop(tx);
    if known.is_some_and(|known| known.definition != definition) {
        let update = Update {
            name,
            display_name: None,
            source: None,
            destination: None,
            definition: Some(definition),
            schedule: None,
            etag: String::new(),
            validate_only: false,
        };
        update::update(app, update).await?;
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
}
