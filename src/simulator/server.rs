//! The HTTP server: takes requests in, logs them, lets time pass, applies quotas and faults, and has the rest carried out.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use futures::stream;
use tokio_util::sync::CancellationToken;

use super::calls::Call;
use super::connection::{Cut, Cuttable};
use super::faults::{Canned, Effect, Rule};
use super::http::{Reply, Request};
use super::routes::{self, Endpoint, Provider};
use super::{Shared, clockify, control, google, lock};

/// Larger request bodies are answered with 413.
const MAX_BODY: usize = 16 << 20;

/// The server's thread.
#[derive(Debug)]
pub(super) struct Running {
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Running {
    /// Cuts all connections and waits for the thread's end.
    pub fn stop(self) {
        self.stop.cancel();
        // A panic in the thread was already printed; there is nobody to tell a second time.
        let _ = self.thread.join();
    }
}

/// Serves on a thread of its own, so that a test which blocks its thread (waiting for a child process) still gets answers.
pub(super) fn start(listener: TcpListener, shared: Arc<Shared>) -> io::Result<Running> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        Cuttable(tokio::net::TcpListener::from_std(listener)?)
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let thread = thread::Builder::new()
        .name("simulator".to_owned())
        .spawn(move || {
            let app = Router::new().fallback(answer).with_state(shared);
            let service = app.into_make_service_with_connect_info::<Cut>();
            runtime.block_on(async move {
                tokio::select! {
                    // Serving ends only with an error of the listener.
                    _ = axum::serve(listener, service) => {}
                    () = stopped.cancelled() => {}
                }
            });
            // Connections are tasks of their own; they end with the runtime.
            runtime.shutdown_background();
        })?;
    Ok(Running { stop, thread })
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: HttpRequest,
) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return Ok(respond(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE)));
    };
    let query = parts.uri.query().unwrap_or_default();
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        params: Vec::new(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: parts.headers,
        body,
        tweak: None,
    };
    if request.path.starts_with(control::PREFIX) {
        return Ok(respond(control::answer(&shared, &request)));
    }
    let number = log(&shared, &request);
    let mut open = OpenCall {
        shared: &shared,
        number,
        status: None,
    };
    // A task of its own: what arrived is carried out even if the client goes away meanwhile, as real servers do.
    let task = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { carry_out(&shared, request, number).await }
    });
    Ok(match task.await.unwrap_or(Outcome::NoAnswer) {
        Outcome::Never => std::future::pending().await,
        Outcome::Answer(reply) => {
            open.status = Some(reply.status.as_u16());
            respond(reply)
        }
        Outcome::HalfAnswer(reply) => {
            open.status = Some(reply.status.as_u16());
            respond_half(reply)
        }
        Outcome::NoAnswer => {
            cut.cut();
            Response::new(Body::empty())
        }
    })
}

/// Ends the call in the log, also when the client went away and the handler was dropped.
struct OpenCall<'a> {
    shared: &'a Shared,
    number: u64,
    status: Option<u16>,
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        lock(&self.shared.calls).end(self.number, self.status);
    }
}

enum Outcome {
    Answer(Reply),
    HalfAnswer(Reply),
    /// The connection is closed.
    NoAnswer,
    /// The connection stays open until the client gives up.
    Never,
}

async fn carry_out(shared: &Shared, mut request: Request, number: u64) -> Outcome {
    let half = *lock(&shared.latency) / 2;
    pause(half).await;
    let Some((endpoint, params)) = routes::find(&request.method, &request.path) else {
        pause(half).await;
        return Outcome::Answer(routes::not_found(&request.method, &request.path));
    };
    request.params = params;
    if let Some(refusal) = over_quota(shared, endpoint, &request) {
        lock(&shared.calls).note_fault(number, "quota");
        pause(half).await;
        return Outcome::Answer(refusal);
    }
    let fault = lock(&shared.faults).strike(&request.method, endpoint.name, &request.path);
    let outcome = match fault {
        None => Outcome::Answer(handle(shared, endpoint, &request)),
        Some(rule) => {
            lock(&shared.calls).note_fault(number, &rule.name);
            strike(shared, endpoint, request, rule).await
        }
    };
    pause(half).await;
    outcome
}

async fn strike(shared: &Shared, endpoint: &Endpoint, mut request: Request, rule: Rule) -> Outcome {
    match rule.effect {
        Effect::Reply(canned) => Outcome::Answer(can(canned)),
        Effect::CommitThenReply(canned) => {
            handle(shared, endpoint, &request);
            Outcome::Answer(can(canned))
        }
        Effect::Drop => Outcome::NoAnswer,
        Effect::CommitThenDrop => {
            handle(shared, endpoint, &request);
            Outcome::NoAnswer
        }
        Effect::Hang => Outcome::Never,
        Effect::CommitThenHang => {
            handle(shared, endpoint, &request);
            Outcome::Never
        }
        Effect::Delay { millis } => {
            pause(Duration::from_millis(millis)).await;
            Outcome::Answer(handle(shared, endpoint, &request))
        }
        Effect::CommitThenDelay { millis } => {
            let reply = handle(shared, endpoint, &request);
            pause(Duration::from_millis(millis)).await;
            Outcome::Answer(reply)
        }
        Effect::Truncate => Outcome::HalfAnswer(handle(shared, endpoint, &request)),
        Effect::Tweak(tweak) => {
            request.tweak = Some(tweak);
            Outcome::Answer(handle(shared, endpoint, &request))
        }
    }
}

fn handle(shared: &Shared, endpoint: &Endpoint, request: &Request) -> Reply {
    (endpoint.handle)(&mut lock(&shared.world), request)
}

fn over_quota(shared: &Shared, endpoint: &Endpoint, request: &Request) -> Option<Reply> {
    let account = {
        let world = lock(&shared.world);
        match endpoint.provider {
            Provider::OAuth => return None,
            Provider::Meet | Provider::Calendar => google::account(&world, request),
            Provider::Clockify => clockify::account(&world, request),
        }
    }?;
    let admitted = lock(&shared.meter).admit(endpoint.provider, &account, shared.now());
    if admitted {
        return None;
    }
    Some(match endpoint.provider {
        Provider::Calendar => google::errors::calendar_rate_limited(),
        Provider::Clockify => clockify::errors::too_many_requests(),
        Provider::OAuth | Provider::Meet => google::errors::rate_limited(),
    })
}

fn log(shared: &Shared, request: &Request) -> u64 {
    let found = routes::find(&request.method, &request.path);
    let (endpoint, template, writes) = match found {
        Some((endpoint, _)) => (endpoint.name, endpoint.template, endpoint.writes),
        None => ("unknown", request.path.as_str(), false),
    };
    let blank = |(name, value): &(String, String)| {
        let secret = matches!(
            name.as_str(),
            "token" | "code" | "access_token" | "id_token"
        );
        (
            name.clone(),
            if secret { String::new() } else { value.clone() },
        )
    };
    let traceparent = request.headers.get("traceparent");
    let call = Call {
        number: 0,
        at: shared.now(),
        method: request.method.to_string(),
        endpoint: endpoint.to_owned(),
        template: template.to_owned(),
        path: request.path.clone(),
        query: request.query.iter().map(blank).collect(),
        writes,
        traceparent: traceparent
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        status: None,
        fault: None,
    };
    lock(&shared.calls).begin(call)
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn can(canned: Canned) -> Reply {
    Reply {
        status: StatusCode::from_u16(canned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        content_type: canned.content_type.into(),
        headers: canned.headers,
        body: canned.body,
    }
}

fn respond(reply: Reply) -> Response {
    let mut response = Response::builder().status(reply.status);
    if !reply.content_type.is_empty() {
        response = response.header(CONTENT_TYPE, &*reply.content_type);
    }
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Body::from(reply.body))
        .unwrap_or_else(|_| impossible_reply())
}

/// Announces the whole body, sends half of it and breaks off.
fn respond_half(reply: Reply) -> Response {
    let half = Bytes::copy_from_slice(&reply.body.as_bytes()[..reply.body.len() / 2]);
    let parts = stream::iter([Ok(half), Err(io::Error::other("cut"))]);
    Response::builder()
        .status(reply.status)
        .header(CONTENT_TYPE, &*reply.content_type)
        .header(CONTENT_LENGTH, reply.body.len().max(1))
        .body(Body::from_stream(parts))
        .unwrap_or_else(|_| impossible_reply())
}

/// A scripted answer had a header that HTTP does not allow.
fn impossible_reply() -> Response {
    let mut response = Response::new(Body::from("the scripted answer is not valid HTTP"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
