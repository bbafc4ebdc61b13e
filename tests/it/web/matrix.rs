//! Every RPC that the server says it has, against every kind of caller.

use super::{NAME, PASSWORD, Server, guarded};
use crate::{cli::Stage, kit::Builder};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost::Message;
use reqwest::Client;
use std::collections::BTreeSet;
use syncline::{
    api::{
        needs,
        status::Refusal,
        v1::{ListSyncsRequest, sync_service_client::SyncServiceClient},
    },
    base::Needs,
};
use tokio_stream::StreamExt as _;
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

/// gRPC's code for who is not known.
const UNAUTHENTICATED: &str = "16";
/// An empty message: not compressed, no bytes.
const EMPTY: [u8; 5] = [0; 5];
const HEALTH: &str = "grpc.health.v1.Health";

/// What is needed of a file of descriptors.
#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<Method>,
}

#[derive(Clone, PartialEq, Message)]
struct Method {
    #[prost(string, tag = "1")]
    name: String,
}

/// Shows its answer to every wrong credential, however many come.
fn patient(stage: &Stage) -> Builder {
    guarded(stage.command(&["--json", "serve"])).env("SYNCLINE_AUTH_ATTEMPTS", "none")
}

fn basic(name: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{name}:{password}"))
    )
}

async fn reflect(channel: &Channel, ask: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(ask),
    };
    let mut request = Request::new(tokio_stream::once(request));
    let shown: MetadataValue<Ascii> = basic(NAME, PASSWORD).parse().unwrap();
    request.metadata_mut().insert("authorization", shown);
    let mut client = ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(request).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    answer.message_response.unwrap()
}

/// The paths of all methods, as the server itself tells them.
async fn methods(channel: &Channel) -> BTreeSet<String> {
    let ask = MessageRequest::ListServices(String::new());
    let MessageResponse::ListServicesResponse(list) = reflect(channel, ask).await else {
        panic!("no list of services");
    };
    let mut paths = BTreeSet::new();
    for service in list.service {
        let ask = MessageRequest::FileContainingSymbol(service.name.clone());
        let MessageResponse::FileDescriptorResponse(files) = reflect(channel, ask).await else {
            panic!("no file for {}", service.name);
        };
        for file in &files.file_descriptor_proto {
            let file = File::decode(file.as_slice()).unwrap();
            for other in &file.services {
                let full = format!("{}.{}", file.package, other.name);
                if full == service.name {
                    let names = other.methods.iter();
                    paths.extend(names.map(|method| format!("/{full}/{}", method.name)));
                }
            }
        }
    }
    paths
}

/// The code in the headers of the answer. One that is not there stands in the trailers of a call that was let in.
async fn code(client: &Client, url: &str, path: &str, shown: Option<&str>) -> Option<String> {
    let mut request = client
        .post(format!("{url}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(EMPTY.to_vec());
    if let Some(shown) = shown {
        request = request.header("authorization", shown);
    }
    let answer = request.send().await.unwrap();
    let code = answer.headers().get("grpc-status");
    code.map(|code| code.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_rpc_asks_every_caller_and_only_health_does_not() {
    let stage = Stage::new();
    let server = Server::ready(patient(&stage)).await;
    let mut methods = methods(&server.channel().await).await;
    for expected in [
        "/syncline.v1.SyncService/RunSync",
        "/syncline.v1.TokenService/IssueAccessToken",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ] {
        assert!(methods.contains(expected), "{expected} in {methods:?}");
    }
    // Each version of it knows only itself.
    let older = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    methods.insert(older.to_owned());
    let client = Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    let url = server.grpc_url();
    let right = basic(NAME, PASSWORD);
    let wrong = [
        None,
        Some(basic(NAME, "wrong")),
        Some(basic("bob", PASSWORD)),
        Some(basic(NAME, "")),
        Some(format!("Bearer {PASSWORD}")),
        Some("Basic ?".to_owned()),
        Some(right.replace("Basic", "Digest")),
    ];
    // Who logs in has nothing to show yet.
    methods.retain(|path| needs::of(path) != Needs::Nothing);
    for path in &methods {
        let is_open = path.contains(HEALTH);
        for shown in &wrong {
            let code = code(&client, url, path, shown.as_deref()).await;
            let refused = code.as_deref() == Some(UNAUTHENTICATED);
            assert_eq!(refused, !is_open, "{path} {shown:?}: {code:?}");
        }
        let code = code(&client, url, path, Some(&right)).await;
        assert_ne!(code.as_deref(), Some(UNAUTHENTICATED), "{path}");
    }
    println!(
        "{} methods, {} kinds of wrong callers each",
        methods.len(),
        wrong.len()
    );
}

#[tokio::test]
async fn a_refused_caller_reads_a_reason() {
    let stage = Stage::new();
    let server = Server::ready(patient(&stage)).await;
    let mut syncs = SyncServiceClient::new(server.channel().await);
    let refused = syncs
        .list_syncs(ListSyncsRequest::default())
        .await
        .unwrap_err();
    let refusal = Refusal::from(&refused);
    assert_eq!(
        (refusal.code.as_str(), refusal.reason.as_str()),
        ("UNAUTHENTICATED", "CREDENTIALS_MISSING")
    );
}
