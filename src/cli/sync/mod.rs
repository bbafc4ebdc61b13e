//! `syncline sync`: define syncs, run them, look at what they did.

mod cleanup;
mod define;
mod figures;
mod follow;
mod once;
mod preview;
mod rule;
mod run;
mod runs;
mod schedule;

use super::{
    Context, Exit,
    output::{Output, table},
    session::Session,
    time,
};
use crate::api::v1;

pub use figures::figures;
pub use follow::follow;
pub use rule::parse as rule;

/// What `sync` can do.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Define a sync
    #[command(subcommand)]
    Create(define::Create),
    /// Change a sync's definition; what is not given stays
    Update(define::Update),
    /// List the syncs
    List,
    /// Show a sync's definition
    Show {
        /// Its id
        id: String,
    },
    /// Forget a sync; what it wrote stays, and is not written again
    Rm {
        /// Its id
        id: String,
    },
    /// Say what a run would do, and why, without one writing call
    Preview(preview::Args),
    /// Run a sync and follow it to its end
    Run(run::Args),
    /// Run as meet-clockify-sync did: from its variables and its token file, with its figures
    Once(once::Args),
    /// List runs, newest first
    Runs(runs::List),
    /// Follow a run to its end
    Watch {
        /// The run's id
        run: String,
    },
    /// Ask a run to stop
    Cancel {
        /// The run's id
        run: String,
    },
    /// Run a failed, partial or cancelled run again
    Retry {
        /// The run's id
        run: String,
    },
    /// What a run said, oldest first
    Logs {
        /// The run's id
        run: String,
    },
    /// Let a sync's schedule rest; runs that were accepted go on
    Pause {
        /// The sync's id
        id: String,
        /// Why, for people
        #[arg(long, value_name = "TEXT", default_value_t)]
        note: String,
    },
    /// Let a sync's schedule fire again, from now on
    Resume {
        /// The sync's id
        id: String,
    },
    /// Run the times of a sync's schedule in a range of the past that have no run
    Backfill(schedule::Backfill),
    /// What became of every time of a sync's schedule, newest first
    Occurrences(schedule::Occurrences),
    /// When a schedule runs next, and what the clock does then; stores nothing
    Times(Box<schedule::Times>),
    /// Look for second copies, edited and deleted entries at the destination; changes nothing
    Duplicates {
        /// The sync's id
        id: String,
        /// Look back so many days
        #[arg(long)]
        days: Option<i32>,
    },
    /// Delete our own entries of a window, after typing their number
    Cleanup(cleanup::Args),
}

pub async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    if let Command::Once(args) = command {
        return once::run(args, context).await;
    }
    let ready = define::read(command)?;
    let session = Session::open(&context).await?;
    let outcome = on(ready, &session, context.output).await;
    session.close().await;
    outcome
}

async fn on(ready: define::Ready, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let command = match ready {
        define::Ready::Definition(wanted) => return define::write(wanted, session, output).await,
        define::Ready::Other(command) => command,
    };
    match command {
        Command::List => list(session, output).await,
        Command::Show { id } => {
            let sync = define::get(&session.sync(&id), session).await?;
            output.result(&sync, define::shown)?;
            Ok(Exit::Done)
        }
        Command::Rm { id } => {
            let name = session.sync(&id);
            let request = v1::DeleteSyncRequest {
                name: name.clone(),
                etag: String::new(),
            };
            let gone = session.syncs().delete_sync(request).await?.into_inner();
            output.result(&gone, |_| {
                format!("{name} is forgotten; what it wrote stays")
            })?;
            Ok(Exit::Done)
        }
        Command::Preview(args) => preview::run(args, session, output).await,
        Command::Run(args) => run::run(args, session, output).await,
        Command::Runs(args) => runs::list(args, session, output).await,
        Command::Watch { run } => runs::watch(&run, session, output).await,
        Command::Cancel { run } => runs::cancel(&run, session, output).await,
        Command::Retry { run } => runs::retry(&run, session, output).await,
        Command::Logs { run } => runs::logs(&run, session, output).await,
        Command::Pause { id, note } => schedule::pause(&id, note, session, output).await,
        Command::Resume { id } => schedule::resume(&id, session, output).await,
        Command::Backfill(args) => schedule::backfill(args, session, output).await,
        Command::Occurrences(args) => schedule::occurrences(args, session, output).await,
        Command::Times(args) => schedule::times(*args, session, output).await,
        Command::Duplicates { id, days } => cleanup::duplicates(&id, days, session, output).await,
        Command::Cleanup(args) => cleanup::run(args, session, output).await,
        Command::Create(_) | Command::Update(_) | Command::Once(_) => unreachable!("done before"),
    }
}

async fn list(session: &Session, output: Output) -> anyhow::Result<Exit> {
    let mut all = v1::ListSyncsResponse::default();
    loop {
        let request = v1::ListSyncsRequest {
            parent: session.parent(),
            page_size: 500,
            page_token: std::mem::take(&mut all.next_page_token),
        };
        let page = session.syncs().list_syncs(request).await?.into_inner();
        all.syncs.extend(page.syncs);
        if page.next_page_token.is_empty() {
            break;
        }
        all.next_page_token = page.next_page_token;
    }
    output.result(&all, |all| match all.syncs.is_empty() {
        true => "no syncs yet: `syncline sync create meet-to-clockify ID`".to_owned(),
        false => table(
            [
                "SYNC",
                "FROM",
                "TO",
                "RULES",
                "READ UNTIL (UTC)",
                "NEXT RUN (UTC)",
            ],
            all.syncs.iter().map(|sync| {
                [
                    last(&sync.name),
                    last(&sync.source_token),
                    last(&sync.destination_token),
                    define::meet(sync)
                        .map_or(0, |definition| definition.rules.len())
                        .to_string(),
                    time::moment(sync.watermark.as_ref()),
                    match &sync.schedule {
                        Some(schedule) if schedule.pause.is_some() => "paused".to_owned(),
                        schedule => schedule.as_ref().map(schedule::next).unwrap_or_default(),
                    },
                ]
            }),
        ),
    })?;
    Ok(Exit::Done)
}

/// The last part of a resource name.
fn last(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}
