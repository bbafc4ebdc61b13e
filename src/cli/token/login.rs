//! `syncline token login`: Google's consent. The browser comes back to a port of this machine; where there is no browser
//! on it, the address that the browser ended at can be pasted.

use super::{Context, Exit, Session, show};
use crate::{
    api::v1::{BeginAuthorizationRequest, CompleteAuthorizationRequest, Token},
    base::Error,
    cli::{Usage, output::Output, time},
};
use axum::{Router, extract::State, http::StatusCode, response::Html};
use http::Uri;
use std::{
    io::{BufRead as _, IsTerminal as _},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

/// How long a person may take when the server does not say.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long the last page may take to reach the browser.
const LAST_PAGE: Duration = Duration::from_secs(1);

/// Arguments of `token login`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Whose consent: google
    #[arg(value_parser = ["google"])]
    provider: String,
    /// The token's id
    #[arg(long, default_value = "google")]
    id: String,
    /// Only print the address, do not open a browser
    #[arg(long)]
    no_browser: bool,
    /// Wait for the browser on this port of this machine; a free one when it is 0
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Print a link that is good for ten minutes and one use, for whoever owns the account: it needs no login, opens a page
    /// with one button, and the running server ends what that begins
    #[arg(long, conflicts_with_all = ["no_browser", "port"])]
    link: bool,
    /// Have Google ask again, although it has agreed before, as to connect another account
    #[arg(long)]
    ask_again: bool,
    /// Account to suggest to the person
    #[arg(long, value_name = "ADDRESS")]
    login_hint: Option<String>,
}

pub async fn run(args: Args, session: &Session, context: &Context) -> anyhow::Result<Exit> {
    let output = context.output;
    if args.link {
        return link(args, session, output).await;
    }
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .map_err(|cause| {
            Usage(format!(
                "cannot listen on port {} of this machine: {cause}; choose another with --port",
                args.port
            ))
        })?;
    let name = session.token(&args.id);
    let begun = BeginAuthorizationRequest {
        name: name.clone(),
        redirect_uri: format!("http://{}", listener.local_addr()?),
        login_hint: args.login_hint.unwrap_or_default(),
        ask_again: args.ask_again,
        ..BeginAuthorizationRequest::default()
    };
    let begun = session
        .tokens()
        .begin_authorization(begun)
        .await?
        .into_inner();
    output.note(format!(
        "Open this address in a browser and give your consent:\n\n{}\n",
        begun.authorization_url
    ));
    output.note(
        "If the browser is on another machine, paste here the address it ends at, and press Enter.",
    );
    if !args.no_browser && std::io::stderr().is_terminal() {
        open(&begun.authorization_url);
    }
    let redirect_url = redirect(listener, &begun.state, output).await?;
    let request = CompleteAuthorizationRequest {
        name,
        redirect_url,
        ..Default::default()
    };
    let token = session
        .tokens()
        .complete_authorization(request)
        .await?
        .into_inner();
    finish(&token, output)
}

/// Prints where somebody else may give the consent.
async fn link(args: Args, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = BeginAuthorizationRequest {
        name: session.token(&args.id),
        login_hint: args.login_hint.unwrap_or_default(),
        ask_again: args.ask_again,
        link: true,
        ..BeginAuthorizationRequest::default()
    };
    let made = session.tokens().begin_authorization(request).await?;
    let made = made.into_inner();
    output.result(&made, |made| {
        let until = time::moment(made.expire_time.as_ref());
        let only_there = match is_of_its_own_machine(&made.authorization_url) {
            true => {
                " That address leads to the server only on its own machine: for browsers elsewhere set SYNCLINE_HTTP_PUBLIC_URL there."
            }
            false => "",
        };
        format!(
            "{}\n\nGood once, until {until} (UTC). It opens a page with one button; only the button uses it up.{only_there}",
            made.authorization_url
        )
    })?;
    Ok(Exit::Done)
}

fn is_of_its_own_machine(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn finish(token: &Token, output: Output) -> anyhow::Result<Exit> {
    output.result(token, show::token)?;
    if token.missing_scopes.is_empty() {
        return Ok(Exit::Done);
    }
    output.note(
        "\nNot everything was granted, and syncs need it: log in again and leave all boxes ticked.",
    );
    Ok(Exit::Partial)
}

/// The address that the browser was sent to, from the browser itself or from a person.
async fn redirect(listener: TcpListener, state: &str, output: Output) -> anyhow::Result<String> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let local = listener.local_addr()?;
    let waiting = Waiting {
        sender: sender.clone(),
        state: state.to_owned(),
        origin: format!("http://{local}"),
    };
    let done = CancellationToken::new();
    let pages = Router::new().fallback(answer).with_state(waiting);
    let server =
        axum::serve(listener, pages).with_graceful_shutdown(done.clone().cancelled_owned());
    let server = tokio::spawn(server.into_future());
    paste(sender);
    let received = loop {
        let received = tokio::time::timeout(PATIENCE, receiver.recv()).await;
        match received {
            Ok(Some(url)) if state_of(&url).as_deref() == Some(state) => break Some(url),
            Ok(Some(_)) => output
                .note("That is not the address of this consent: it holds another state, or none."),
            Ok(None) | Err(_) => break None,
        }
    };
    done.cancel();
    // The page may be on its way to the browser still; a browser that keeps its connection is not waited for.
    let _ = tokio::time::timeout(LAST_PAGE, server).await;
    received.ok_or_else(|| {
        let message = format!(
            "nobody came back within {}",
            time::hours_and_minutes(chrono::TimeDelta::minutes(10))
        );
        Error::precondition("AUTHORIZATION_UNKNOWN", message).into()
    })
}

#[derive(Clone)]
struct Waiting {
    sender: mpsc::UnboundedSender<String>,
    state: String,
    origin: String,
}

/// Answers the browser. Only the address with our state counts: any page could send a browser here.
async fn answer(State(waiting): State<Waiting>, uri: Uri) -> (StatusCode, Html<&'static str>) {
    let url = format!("{}{uri}", waiting.origin);
    match state_of(&url).as_deref() == Some(waiting.state.as_str()) {
        true => {
            // The other end is gone when it has its answer already.
            let _ = waiting.sender.send(url);
            (StatusCode::OK, Html(include_str!("login.html")))
        }
        false => (
            StatusCode::NOT_FOUND,
            Html("<!doctype html><title>Syncline</title><p>Nothing to see here."),
        ),
    }
}

fn state_of(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    let state = url.query_pairs().find(|(name, _)| name == "state")?;
    Some(state.1.into_owned())
}

/// Hands on what is pasted, line by line. The thread ends with the process at the latest.
fn paste(sender: mpsc::UnboundedSender<String>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            match line {
                Ok(line) if line.trim().is_empty() => {}
                // Nobody listens any more once the answer is there.
                Ok(line) => drop(sender.send(line)),
                Err(_) => return,
            }
        }
    });
}

/// Opens a browser, where there is one.
fn open(url: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let quiet = || Stdio::null();
    // Without one the person reads the address that was printed.
    let _ = Command::new(program)
        .arg(url)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_from_a_pasted_address() {
        assert_eq!(
            state_of(" http://127.0.0.1:1/?code=a&state=b%2B ").as_deref(),
            Some("b+")
        );
        assert_eq!(state_of("code=a&state=b"), None);
        assert_eq!(state_of("http://127.0.0.1:1/?code=a"), None);
    }
}
