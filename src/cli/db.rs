//! `syncline db`: the database's schema.

use super::{Context, Exit};
use crate::{
    base::Clock,
    db::{Db, Engine, Target, migrate},
    startup,
};
use serde_json::json;

/// What `db` can do.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Bring the database to this version's schema
    Migrate,
    /// Say how the database stands to this version; changes nothing, fails when it is not current
    Status,
}

pub async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    let options = startup::database_options(&context.config);
    if let (Command::Status, Target::Sqlite(file)) = (&command, &options.target)
        && !file.exists()
    {
        let message = format!(
            "there is no database yet: {} is made by `syncline db migrate`, or at the first start",
            file.display()
        );
        let status =
            json!({ "engine": "SQLITE", "applied": 0, "current": false, "message": message });
        context.output.result(&status, |_| message.clone())?;
        return Ok(Exit::Failed);
    }
    if let Command::Migrate = command {
        startup::make_folder(&options)?;
    }
    let db = Db::connect(options, Clock::system()).await?;
    let status = match command {
        Command::Migrate => migrate::run(&db).await,
        Command::Status => migrate::status(&db).await,
    };
    let engine = db.engine();
    db.close().await;
    let status = status?;
    let message = match status.check() {
        Ok(()) => format!(
            "the database is at schema {}, which is current",
            status.applied
        ),
        Err(error) => error.to_string(),
    };
    let document = json!({
        "engine": match engine { Engine::Sqlite => "SQLITE", Engine::Postgres => "POSTGRES" },
        "applied": status.applied,
        "known": status.known,
        "current": status.is_current(),
        "message": message,
    });
    context.output.result(&document, |_| message.clone())?;
    Ok(match status.is_current() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}
