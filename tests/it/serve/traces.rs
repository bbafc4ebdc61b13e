//! One trace leads from a caller through our call and the run that it started to the providers.

use super::{CREATE, Server, Site, WORK, collector::Collector, collector::Span};
use crate::cli::LONG;
use std::collections::{BTreeMap, BTreeSet};
use syncline::{
    api::v1,
    simulator::{
        faults::{Canned, Effect, Rule, When},
        world::CLIENT_SECRET,
    },
};
use tonic::Request;

const CALLER_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN: &str = "b7ad6b7169203331";

async fn site(collector: &Collector) -> Site {
    Site::of(2)
        .with_sync()
        .await
        .with("SYNCLINE_OTEL_ENDPOINT", &collector.endpoint)
}

/// Starts a run as part of somebody's trace, and waits for its end.
async fn run_within(server: &Server, traceparent: &str) {
    let mut request = Request::new(v1::RunSyncRequest {
        name: WORK.to_owned(),
        ..Default::default()
    });
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", traceparent.parse().expect("a header"));
    let run = server.syncs().run_sync(request).await.expect("accepted");
    server.finished(&run.into_inner().name).await;
}

/// Ends a server, which then sends its last spans.
async fn end(mut server: Server) {
    server.process.terminate();
    let status = server.process.wait_exit(LONG).await;
    assert!(status.success(), "{}", server.process.output());
}

/// The one span of this name and, where it is given, this method.
fn the<'a>(spans: &'a [Span], name: &str, method: &str) -> &'a Span {
    let mut found = spans
        .iter()
        .filter(|span| span.name == name && span.attribute("rpc.method") == method);
    let first = found.next().expect("there is one");
    assert_eq!(found.next(), None, "there is one {name} {method}");
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_the_caller_through_the_run_to_the_providers() {
    let collector = Collector::start();
    let site = site(&collector).await;
    let server = site.serve().await;
    site.stage.simulator.calls().clear();
    // The access token has ended, so the run renews it: that belongs to the trace, too.
    site.stage.simulator.world().expire_access_tokens();
    run_within(&server, &format!("00-{CALLER_TRACE}-{CALLER_SPAN}-01")).await;
    let meetings = site.assert_all_once("traced");
    end(server).await;

    let all = collector.spans();
    let spans: Vec<_> = all
        .iter()
        .filter(|span| span.trace() == CALLER_TRACE)
        .cloned()
        .collect();
    let rpc = the(&spans, "rpc", "RunSync");
    assert_eq!(rpc.parent(), CALLER_SPAN);
    let run = the(&spans, "run", "");
    assert_eq!(run.parent(), rpc.id());
    let outbound: BTreeMap<String, &Span> = all
        .iter()
        .filter(|span| span.name == "outbound")
        .map(|span| (span.id(), span))
        .collect();
    for span in outbound.values() {
        let endpoint = span.attribute("endpoint");
        assert_eq!(span.trace(), CALLER_TRACE, "{endpoint}");
        assert_eq!(span.parent(), run.id(), "{endpoint}");
    }

    // The providers were told, each call which span it is.
    let calls = site.stage.simulator.calls().all().to_vec();
    let mut told = BTreeSet::new();
    for call in &calls {
        let header = call.traceparent.as_deref().unwrap_or_default();
        let parts: Vec<_> = header.split('-').collect();
        assert_eq!(parts[..2], ["00", CALLER_TRACE], "{}", call.endpoint);
        assert!(outbound.contains_key(parts[2]), "{}", call.endpoint);
        told.insert(parts[2].to_owned());
    }
    assert_eq!(told.len(), outbound.len(), "one span a call");
    let endpoints: BTreeSet<_> = calls.iter().map(|call| call.endpoint.as_str()).collect();
    assert!(
        endpoints.contains(CREATE) && endpoints.contains("oauth.token"),
        "{endpoints:?}"
    );
    println!(
        "{meetings} meetings: {} spans in the caller's trace, {} of them calls to {} endpoints of providers",
        spans.len(),
        outbound.len(),
        endpoints.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_caller_s_trace_the_call_begins_one_and_where_the_caller_says_no_there_is_none() {
    let collector = Collector::start();
    let site = site(&collector).await;
    let server = site.serve().await;
    run_within(&server, &format!("00-{CALLER_TRACE}-{CALLER_SPAN}-00")).await;
    let run = server.run().await;
    server.finished(&run).await;
    end(server).await;

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.trace() != CALLER_TRACE));
    let rpc = the(&spans, "rpc", "RunSync");
    assert_eq!(rpc.parent(), "");
    let run = the(&spans, "run", "");
    assert_eq!((run.trace(), run.parent()), (rpc.trace(), rpc.id()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_and_no_mail_address_is_in_a_span() {
    let collector = Collector::start();
    let site = site(&collector).await;
    let simulator = &site.stage.simulator;
    let key = simulator.world().clockify_me().api_key;
    let me = simulator.world().me().email;
    let server = site.serve().await;
    run_within(&server, &format!("00-{CALLER_TRACE}-{CALLER_SPAN}-01")).await;
    // The providers repeat in their refusals what they were sent.
    let refresh_token = simulator.world().grants()[0].refresh_token.clone();
    let refresh_token = refresh_token.expect("offline access");
    for (endpoint, status) in [
        ("oauth.token", 400),
        ("meet.*", 403),
        ("clockify.*", 401),
        (CREATE, 400),
    ] {
        simulator.faults().clear();
        simulator.world().expire_access_tokens();
        let body = format!(
            r#"{{"error":"invalid_client","message":"{me} {key} {refresh_token} {CLIENT_SECRET}"}}"#
        );
        let effect = Effect::Reply(Canned {
            status,
            body,
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
        });
        simulator
            .faults()
            .add(Rule::on(endpoint, When::Always, effect));
        let request = v1::RunSyncRequest {
            name: WORK.to_owned(),
            full: true,
            ..Default::default()
        };
        let run = server.syncs().run_sync(request).await.expect("accepted");
        server.finished(&run.into_inner().name).await;
    }
    end(server).await;

    let text = collector.text();
    let mut canaries = vec![
        "ya29.".to_owned(),
        "1//0".to_owned(),
        CLIENT_SECRET.to_owned(),
        key,
    ];
    {
        let world = simulator.world();
        let grants = world.grants().iter();
        canaries.extend(grants.filter_map(|grant| grant.refresh_token.clone()));
        let people = world.google.people.iter();
        canaries.extend(people.flat_map(|person| [person.email.clone(), person.name.clone()]));
        let calendars = world.google.calendars.iter();
        let titles = calendars.flat_map(|calendar| {
            calendar
                .events
                .iter()
                .filter_map(|event| event.summary.clone())
        });
        canaries.extend(titles.filter(|title| !title.is_empty()));
    }
    assert!(
        text.contains("meet.conferenceRecords.list"),
        "it is all there"
    );
    for canary in &canaries {
        assert!(!text.contains(canary), "{canary} is in a span");
    }
    println!(
        "{} spans in {} KiB, {} canaries: 0 hits",
        collector.spans().len(),
        text.len() / 1024,
        canaries.len()
    );
}
