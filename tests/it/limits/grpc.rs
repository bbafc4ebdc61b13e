//! The limits of gRPC.

use super::{GOOD, Server, from, is_cut, serve};
use crate::{
    cli::{LONG, Stage},
    kit::temp_dir,
};
use prost::Message as _;
use std::time::Duration;
use syncline::{
    api::{
        status::Refusal,
        v1::{
            CheckTokenRequest, CreateTenantRequest, CreateTokenRequest, ListTenantsRequest,
            ListTokensRequest, Tenant, create_token_request::Credential,
            tenant_service_client::TenantServiceClient, token_service_client::TokenServiceClient,
        },
    },
    base::Clock,
    simulator::{Now, Options, Simulator, WorldSpec},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_stream::StreamExt as _;
use tonic::{
    Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Long enough for a second to pass, and far less than a connection may be silent for other reasons.
const STALLED: Duration = Duration::from_secs(20);

async fn channel(server: &Server) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap();
    endpoint.connect().await.unwrap()
}

/// A call of somebody who means well.
async fn lists(server: &Server) {
    let mut tokens = TokenServiceClient::new(channel(server).await);
    let listed = tokens.list_tokens(ListTokensRequest::default());
    let listed = timeout(LONG, listed).await.expect("an answer in time");
    listed.unwrap_or_else(|status| panic!("{status}\n{}", server.process.output()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_five_megabytes_is_refused_by_name() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage)).await;
    let mut tokens = TokenServiceClient::new(channel(&server).await);
    let request = CreateTokenRequest {
        credential: Some(Credential::TokenJson("a".repeat(5 << 20))),
        ..CreateTokenRequest::default()
    };
    let refused = Refusal::from(&tokens.create_token(request).await.unwrap_err());
    assert_eq!(refused.reason, "MESSAGE_TOO_LARGE");
    assert!(refused.message.contains("grpc.max_message_bytes"));
    lists(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_that_is_too_large_is_refused() {
    let stage = Stage::new();
    let server = Server::start(serve(&stage)).await;
    let mut tokens = TokenServiceClient::new(channel(&server).await);
    let mut request = Request::new(ListTokensRequest::default());
    let large = "a".repeat(64 << 10).parse().unwrap();
    request.metadata_mut().insert("x-large", large);
    assert!(tokens.list_tokens(request).await.is_err());
    lists(&server).await;
}

/// What the server makes of a deadline: a client of gRPC would go by its own clock.
async fn check_token(server: &Server, deadline: Option<&str>) -> Status {
    let message = CheckTokenRequest {
        name: "tenants/default/tokens/clockify".to_owned(),
    };
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy();
    let url = format!("http://{}/syncline.v1.TokenService/CheckToken", server.grpc);
    let mut request = client
        .build()
        .unwrap()
        .post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body([&[0][..], &length, &message].concat());
    if let Some(deadline) = deadline {
        request = request.header("grpc-timeout", deadline);
    }
    let answer = request.send().await.unwrap();
    Status::from_header_map(answer.headers()).expect("no message, only a status")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_at_its_callers_deadline_and_at_ours() {
    let options = Options {
        world: WorldSpec::of(1, 1),
        latency: Duration::from_secs(20),
        ..Options::new(Now::Running(Clock::system().now()))
    };
    let stage = Stage {
        simulator: Simulator::start(options).unwrap(),
        folder: temp_dir(),
    };
    let key = stage.simulator.world().clockify_me().api_key;
    let input = format!("{key}\n");
    let added = stage.run_with(&["token", "add", "clockify"], &input);
    assert_eq!(added.await.code, 0);
    let server = Server::start(serve(&stage).env("SYNCLINE_GRPC_CALL_TIME", "1s")).await;
    for (deadline, expected) in [
        (Some("500m"), "grpc-timeout"),
        (Some("10S"), "grpc.call_time"),
        (None, "grpc.call_time"),
    ] {
        let refused = timeout(LONG, check_token(&server, deadline)).await;
        let refused = Refusal::from(&refused.expect("in time"));
        assert_eq!(refused.code, "DEADLINE_EXCEEDED", "{refused:?}");
        assert_eq!(refused.reason, "DEADLINE_EXCEEDED", "{refused:?}");
        assert!(refused.message.contains(expected), "{refused:?}");
    }
    lists(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_outlive_the_longest_call_and_count_as_calls() {
    let stage = Stage::new();
    let command = serve(&stage)
        .env("SYNCLINE_GRPC_CALL_TIME", "1s")
        .env("SYNCLINE_GRPC_CALLS_PER_CONNECTION", "2");
    let server = Server::start(command).await;
    let mut health = HealthClient::new(channel(&server).await);
    let asked = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let mut first = health.watch(asked("liveness")).await.unwrap().into_inner();
    first.next().await.unwrap().unwrap();
    let second = health.watch(asked("liveness")).await.unwrap();
    let waits = timeout(Duration::from_millis(1500), health.check(asked("liveness"))).await;
    assert!(waits.is_err(), "a third call waits");
    let goes_on = timeout(Duration::from_millis(1), first.next()).await;
    assert!(goes_on.is_err(), "the stream is open still");
    lists(&server).await;
    drop(second);
    let answered = timeout(LONG, health.check(asked("liveness"))).await;
    answered.expect("there is room").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_is_cut() {
    let stage = Stage::new();
    let command = serve(&stage)
        .env("SYNCLINE_LIMITS_HANDSHAKE", "3s")
        .env("SYNCLINE_LIMITS_CONNECTIONS", "300")
        .env("SYNCLINE_LIMITS_CONNECTIONS_PER_ADDRESS", "200");
    let server = Server::start(command).await;
    let mut silent = Vec::new();
    for _ in 0..150 {
        silent.push(TcpStream::connect(server.grpc).await.unwrap());
    }
    silent.push(from(GOOD, server.grpc).await);
    lists(&server).await;
    for connection in silent {
        is_cut(connection).await;
    }
    lists(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_too_large_is_refused_by_name_and_a_smaller_page_is_not() {
    let stage = Stage::new();
    let command = serve(&stage).env("SYNCLINE_GRPC_MAX_ANSWER_BYTES", "1MiB");
    let server = Server::start(command).await;
    let mut tenants = TenantServiceClient::new(channel(&server).await);
    let label = "a".repeat(60);
    let domains = (0..100).map(|number| format!("{label}.{label}.{label}.n{number}.example.org"));
    let tenant = Tenant {
        allowed_domains: domains.collect(),
        ..Tenant::default()
    };
    for number in 0..60 {
        let request = CreateTenantRequest {
            tenant_id: format!("tenant-{number}"),
            tenant: Some(tenant.clone()),
        };
        tenants.create_tenant(request).await.unwrap();
    }
    let page = |page_size| ListTenantsRequest {
        page_size,
        ..ListTenantsRequest::default()
    };
    let refused = Refusal::from(&tenants.list_tenants(page(100)).await.unwrap_err());
    assert_eq!(
        (refused.code.as_str(), refused.reason.as_str()),
        ("RESOURCE_EXHAUSTED", "ANSWER_TOO_LARGE")
    );
    assert!(
        refused.message.contains("the answer has")
            && refused.message.contains("grpc.max_answer_bytes"),
        "{refused:?}"
    );
    let listed = tenants.list_tenants(page(10)).await.unwrap();
    assert_eq!(listed.into_inner().tenants.len(), 10);
    lists(&server).await;
}

/// By HTTP/2's rules every ping is answered, whether the caller reads the answers or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_never_reads_is_cut() {
    const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0composed";
    let stage = Stage::new();
    let command = serve(&stage).env("SYNCLINE_LIMITS_STALL", "1s");
    let server = Server::start(command).await;
    let mut deaf = TcpStream::connect(server.grpc).await.unwrap();
    deaf.write_all(HELLO).await.unwrap();
    let pings = PING.repeat(1000);
    let talking = async { while deaf.write_all(&pings).await.is_ok() {} };
    timeout(STALLED, talking).await.expect("it is cut");
    lists(&server).await;
}
