//! `syncline demo`: everything at once, with simulated providers. It works in a folder of its own, which is gone
//! afterwards, and touches nobody's database.

use super::{Context, Exit, Output, output::table, session::Session, signals, sync, time};
use crate::{
    api::v1::{
        self, MeetToClockify, Provider, Run, RunState, Sync, Token,
        create_token_request::Credential, sync::Definition,
    },
    base::{Clock, ResourceId, Secret},
    config::Config,
    serve::{self, Listeners, Start},
    simulator::{
        Now, Options, Simulator,
        world::{CLIENT_ID, CLIENT_SECRET},
    },
    startup::{self, Migrate},
};
use anyhow::{Context as _, ensure};
use serde_json::json;
use std::{collections::HashSet, net::SocketAddr, path::Path};
use tokio::net::TcpListener;

/// Entries that are shown.
const SHOWN: usize = 10;
/// Ports that are tried when the usual one is taken.
const PORTS: u16 = 20;
/// What the demo's sync does besides its default.
const RULES: [&str; 3] = [
    "name=customers & title~^Customer call => Customers #call $",
    "name=hiring & title~Hiring|Interview => Recruiting",
    "name=private & title=Book club => skip",
];

/// Arguments of `demo`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// End after the runs, with an exit code that tells the truth
    #[arg(long)]
    exit: bool,
    /// Decides all made-up data
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(args: Args, context: Context) -> anyhow::Result<Exit> {
    let output = context.output;
    let folder = tempfile::Builder::new()
        .prefix("syncline-demo-")
        .tempdir()?;
    let mut options = Options::new(Now::Running(Clock::system().now()));
    options.seed = args.seed;
    let simulator = Simulator::start(options)?;
    let config = config(folder.path(), &simulator, &context.config);
    let app = startup::open(config, Clock::system(), Migrate::Apply).await?;
    let session = Session::in_process(app.clone(), ResourceId::default_tenant())?;
    output.say(format!(
        "Simulated Google and Clockify answer at http://{}.",
        simulator.address()
    ));

    tokens(&session, &simulator, output).await?;
    define(&session).await?;
    output.say("Sync \"demo\" takes Google Meet attendance to Clockify, by these rules:");
    for rule in RULES {
        output.say(format!("  {rule}"));
    }
    output.say("\nFirst run:");
    let first = one_run(&session, output).await?;
    output.say(format!(
        "\nWhat Clockify has now:\n\n{}",
        entries(&simulator)
    ));
    output.say("\nSecond run, nothing is new:");
    let second = one_run(&session, output).await?;
    let exit = verdict(&first, &second, &simulator, output);
    drop(session);
    if args.exit {
        document(&first, &second, None, output)?;
        app.db.close().await;
        return Ok(exit);
    }
    let shutdown = signals::shutdown()?;
    let listeners = Listeners {
        grpc: Some(listen(context.config.grpc.addr).await?),
        http: listen(context.config.http.addr).await?,
    };
    let address = listeners.grpc_address()?;
    let http_address = listeners.http_address()?;
    document(&first, &second, address, output)?;
    if let Some(address) = address {
        output.say(advice(address, context.config.grpc.addr, http_address));
    }
    serve::run(Start::Open(app), listeners, shutdown).await?;
    Ok(exit)
}

/// The defaults, pointed at the simulator. Of the user's settings only how to log and where to listen count.
fn config(folder: &Path, simulator: &Simulator, given: &Config) -> Config {
    let mut config = Config::with_defaults(folder);
    config.log.clone_from(&given.log);
    config.grpc.clone_from(&given.grpc);
    config.http.clone_from(&given.http);
    config.auth.clone_from(&given.auth);
    let endpoints = simulator.endpoints();
    config.google.auth_url = endpoints.google_auth;
    config.google.token_url = endpoints.google_token;
    config.google.revoke_url = endpoints.google_revoke;
    config.google.userinfo_url = endpoints.google_userinfo;
    config.google.meet_url = endpoints.google_meet;
    config.google.calendar_url = endpoints.google_calendar;
    config.google.client_id = Some(CLIENT_ID.to_owned());
    config.google.client_secret = Some(Secret::new(CLIENT_SECRET));
    config.clockify.url = endpoints.clockify;
    config
}

/// Google by a whole consent, Clockify by its key.
async fn tokens(session: &Session, simulator: &Simulator, output: Output) -> anyhow::Result<()> {
    let name = session.token("google");
    let request = v1::BeginAuthorizationRequest {
        name: name.clone(),
        redirect_uri: "http://127.0.0.1:1".to_owned(),
        ..Default::default()
    };
    let begun = session
        .tokens()
        .begin_authorization(request)
        .await?
        .into_inner();
    let redirect_url = consent(&begun.authorization_url).await?;
    let request = v1::CompleteAuthorizationRequest {
        name,
        redirect_url,
        ..Default::default()
    };
    let google = session
        .tokens()
        .complete_authorization(request)
        .await?
        .into_inner();
    output.say(format!(
        "Token \"google\": consent given, {} scopes granted.",
        google.scopes.len()
    ));

    let key = simulator
        .world()
        .clockify
        .users
        .first()
        .map(|user| user.api_key.clone());
    let mut token = Token::default();
    token.set_provider(Provider::Clockify);
    let request = v1::CreateTokenRequest {
        parent: session.parent(),
        token: Some(token),
        credential: Some(Credential::ApiKey(
            key.context("the simulator has a Clockify user")?,
        )),
        ..Default::default()
    };
    session.tokens().create_token(request).await?;
    output.say("Token \"clockify\": API key stored, sealed.");
    Ok(())
}

/// The simulated person consents at once: the answer is the redirect that a browser would follow.
async fn consent(url: &str) -> anyhow::Result<String> {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let answer = browser.get(url).send().await?;
    let location = answer
        .headers()
        .get("location")
        .and_then(|location| location.to_str().ok());
    Ok(location
        .context("the simulated Google asks instead of consenting")?
        .to_owned())
}

async fn define(session: &Session) -> anyhow::Result<()> {
    let rules = RULES
        .iter()
        .map(|rule| sync::rule(rule).map_err(anyhow::Error::msg));
    let definition = MeetToClockify {
        rules: rules.collect::<anyhow::Result<_>>()?,
        time_zone: "Europe/Zurich".to_owned(),
        ..MeetToClockify::default()
    };
    let request = v1::CreateSyncRequest {
        parent: session.parent(),
        sync_id: "demo".to_owned(),
        sync: Some(Sync {
            definition: Some(Definition::MeetToClockify(definition)),
            ..Sync::default()
        }),
        validate_only: false,
    };
    session.syncs().create_sync(request).await?;
    Ok(())
}

async fn one_run(session: &Session, output: Output) -> anyhow::Result<Run> {
    let request = v1::RunSyncRequest {
        name: session.sync("demo"),
        ..Default::default()
    };
    let run = session.syncs().run_sync(request).await?.into_inner();
    let run = sync::follow(&run.name, session, output).await?;
    output.say(sync::figures(&run));
    Ok(run)
}

/// What the simulated Clockify really holds, newest last.
fn entries(simulator: &Simulator) -> String {
    let world = simulator.world();
    let all = &world.clockify.entries;
    let project = |id: &Option<String>| {
        let projects = &world.clockify.projects;
        projects
            .iter()
            .find(|project| Some(&project.id) == id.as_ref())
            .map(|project| project.name.clone())
    };
    let rows = all.iter().take(SHOWN).map(|entry| {
        let length = entry
            .span
            .end
            .map(|end| time::hours_and_minutes(end - entry.span.start));
        [
            entry.span.start.format("%Y-%m-%d %H:%M").to_string(),
            length.unwrap_or_default(),
            project(&entry.project).unwrap_or_default(),
            entry.description.clone(),
        ]
    });
    let mut text = table(["START (UTC)", "LENGTH", "PROJECT", "DESCRIPTION"], rows);
    if all.len() > SHOWN {
        text.push_str(&format!("\n… {} more", all.len() - SHOWN));
    }
    text
}

/// Whether the demo shows what it is meant to show.
fn verdict(first: &Run, second: &Run, simulator: &Simulator, output: Output) -> Exit {
    match judge(first, second, simulator) {
        Ok(()) => {
            output.say("\nNothing was doubled, nothing is missing.");
            Exit::Done
        }
        Err(why) => {
            output.note(format!("\nThis is not as it should be: {why}."));
            Exit::Failed
        }
    }
}

fn judge(first: &Run, second: &Run, simulator: &Simulator) -> anyhow::Result<()> {
    for run in [first, second] {
        ensure!(
            run.state() == RunState::Succeeded,
            "a run is {}",
            run.state().as_str_name()
        );
    }
    let (first, second) = (
        first.result.clone().unwrap_or_default(),
        second.result.clone().unwrap_or_default(),
    );
    ensure!(first.created > 0, "the first run wrote nothing");
    ensure!(
        second.created == 0,
        "the second run wrote {} entries again",
        second.created
    );
    let world = simulator.world();
    let written = i64::try_from(world.clockify.entries.len())?;
    ensure!(
        written == first.created,
        "{} entries were written and {written} are there",
        first.created
    );
    let marks: HashSet<_> = world
        .clockify
        .entries
        .iter()
        .map(|entry| entry.description.rsplit('[').next())
        .collect();
    ensure!(
        marks.len() == world.clockify.entries.len(),
        "there are second copies"
    );
    Ok(())
}

fn document(
    first: &Run,
    second: &Run,
    address: Option<SocketAddr>,
    output: Output,
) -> anyhow::Result<()> {
    if output.is_json() {
        let address = address.map(|address| address.to_string());
        output.result(
            &json!({ "runs": [first, second], "address": address }),
            |_| String::new(),
        )?;
    }
    Ok(())
}

/// The usual port, or the next free one.
async fn listen(usual: SocketAddr) -> anyhow::Result<TcpListener> {
    for offset in 0..PORTS {
        let address = SocketAddr::new(usual.ip(), usual.port().saturating_add(offset));
        if let Ok(listener) = TcpListener::bind(address).await {
            return Ok(listener);
        }
    }
    anyhow::bail!(
        "no port from {} to {} is free",
        usual.port(),
        usual.port().saturating_add(PORTS - 1)
    )
}

fn advice(address: SocketAddr, usual: SocketAddr, http: SocketAddr) -> String {
    let taken = match address == usual || usual.port() == 0 {
        true => String::new(),
        false => format!(" (port {} is taken)", usual.port()),
    };
    format!(
        "\nServing gRPC on {address}{taken} until Ctrl-C. Try:\n\n\
         \x20 grpcurl -plaintext {address} list\n\
         \x20 grpcurl -plaintext {address} syncline.v1.SyncService/ListSyncs\n\
         \x20 grpcurl -plaintext -d '{{\"name\": \"tenants/default/syncs/demo\"}}' {address} syncline.v1.SyncService/RunSync\n\
         \x20 curl -X POST 'http://{http}/sync?sync=tenants/default/syncs/demo'"
    )
}
