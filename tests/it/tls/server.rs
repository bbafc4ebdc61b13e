//! A server that shows a certificate, and one that asks for one.

use super::{Authority, Secured, with};
use crate::cli::{LONG, Stage, ended};
use std::{fs, os::unix::fs::PermissionsExt as _};
use syncline::api::v1::{
    CreateTenantRequest, ListTokensRequest, tenant_service_client::TenantServiceClient,
    token_service_client::TokenServiceClient,
};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_faces_speak_tls_and_nothing_else() {
    let (stage, authority) = (Stage::new(), Authority::new());
    let server = Secured::start(with(&stage, &authority.sign("a", &["localhost"]))).await;
    let page = authority
        .http(None)
        .get(server.url("/health/live"))
        .send()
        .await;
    assert_eq!(page.unwrap().status(), 200);
    let channel = authority.grpc(&server.grpc, None).connect().await.unwrap();
    let listed = TokenServiceClient::new(channel)
        .list_tokens(ListTokensRequest::default())
        .await;
    assert!(listed.unwrap().into_inner().tokens.is_empty());

    let plain = format!("http://{}/health/live", server.http);
    assert!(reqwest::get(plain).await.is_err());
    let stranger = Authority::new();
    assert!(
        stranger
            .http(None)
            .get(server.url("/"))
            .send()
            .await
            .is_err()
    );
    assert!(stranger.grpc(&server.grpc, None).connect().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_without_the_right_certificate_are_refused_where_one_is_required() {
    let (stage, authority, stranger) = (Stage::new(), Authority::new(), Authority::new());
    let command = with(&stage, &authority.sign("a", &["localhost"]))
        .env("SYNCLINE_TLS_CLIENT_CA", authority.ca())
        .env("SYNCLINE_TLS_CLIENT_AUTH", "required");
    let server = Secured::start(command).await;
    let (known, unknown) = (
        authority.sign("known", &["client"]),
        stranger.sign("unknown", &["client"]),
    );
    for (identity, is_let_in) in [(Some(&known), true), (Some(&unknown), false), (None, false)] {
        let page = authority.http(identity).get(server.url("/health/live"));
        assert_eq!(page.send().await.is_ok(), is_let_in, "{identity:?}");
        let call = async {
            let channel = authority
                .grpc(&server.grpc, identity)
                .connect()
                .await
                .ok()?;
            let mut tokens = TokenServiceClient::new(channel);
            tokens.list_tokens(ListTokensRequest::default()).await.ok()
        };
        assert_eq!(call.await.is_some(), is_let_in, "{identity:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_says_which_certificate_a_caller_showed() {
    let (stage, authority) = (Stage::new(), Authority::new());
    let command = with(&stage, &authority.sign("a", &["localhost"]))
        .env("SYNCLINE_TLS_CLIENT_CA", authority.ca())
        .env("SYNCLINE_TLS_CLIENT_AUTH", "optional");
    let server = Secured::start(command).await;
    let billing = authority.sign("billing", &["client"]);
    for (id, identity) in [("shown", Some(&billing)), ("none", None)] {
        let channel = authority.grpc(&server.grpc, identity).connect().await;
        let request = CreateTenantRequest {
            tenant_id: id.to_owned(),
            tenant: None,
        };
        let mut tenants = TenantServiceClient::new(channel.unwrap());
        tenants.create_tenant(request).await.unwrap();
    }
    let made = async |id: &str| {
        let of = [
            "--json",
            "--tenant",
            id,
            "audit",
            "--action",
            "tenant.create",
        ];
        let listed = ended(stage.command(&of)).await.json();
        let entry = &listed["auditEntries"][0];
        assert_eq!(entry["resource"], format!("tenants/{id}"), "{listed}");
        entry["detail"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(made("shown").await, "certificate \"billing\"");
    assert_eq!(made("none").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_optional_certificate_may_be_absent_and_not_wrong() {
    let (stage, authority, stranger) = (Stage::new(), Authority::new(), Authority::new());
    let command = with(&stage, &authority.sign("a", &["localhost"]))
        .env("SYNCLINE_TLS_CLIENT_CA", authority.ca())
        .env("SYNCLINE_TLS_CLIENT_AUTH", "optional");
    let server = Secured::start(command).await;
    let unknown = stranger.sign("unknown", &["client"]);
    for (identity, is_let_in) in [(None, true), (Some(&unknown), false)] {
        let page = authority.http(identity).get(server.url("/health/live"));
        assert_eq!(page.send().await.is_ok(), is_let_in, "{identity:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_a_handshake_and_stops_holds_nobody_up_and_is_cut() {
    let (stage, authority) = (Stage::new(), Authority::new());
    let command =
        with(&stage, &authority.sign("a", &["localhost"])).env("SYNCLINE_LIMITS_HANDSHAKE", "3s");
    let server = Secured::start(command).await;
    let mut silent = Vec::new();
    for address in [&server.http, &server.grpc] {
        for _ in 0..100 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
    }
    let page = authority.http(None).get(server.url("/health/live")).send();
    assert_eq!(page.await.unwrap().status(), 200);
    authority.grpc(&server.grpc, None).connect().await.unwrap();
    for mut connection in silent {
        let end = tokio::time::timeout(LONG, connection.read(&mut [0; 8])).await;
        assert!(!matches!(end.unwrap(), Ok(1..)), "it is cut without a word");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_used_are_named_with_what_is_wrong() {
    let (stage, authority) = (Stage::new(), Authority::new());
    let (good, other) = (
        authority.sign("good", &["localhost"]),
        authority.sign("other", &["localhost"]),
    );
    let broken = good.cert.with_file_name("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!!\n").unwrap();
    for (cert, key, expected) in [
        (
            &good.cert,
            &other.key,
            "is not the key of the certificate in",
        ),
        (&good.cert, &good.cert, "holds no private key"),
        (&good.key, &good.key, "holds no certificate"),
        (&broken, &good.key, "is no intact PEM file"),
        (
            &good.cert.with_file_name("absent"),
            &good.key,
            "cannot be read",
        ),
    ] {
        let command = stage
            .command(&["serve"])
            .env("SYNCLINE_TLS_CERT", cert)
            .env("SYNCLINE_TLS_KEY", key);
        let ended = ended(command).await;
        assert_ne!(ended.code, 0, "{}", ended.text);
        let named =
            ended.text.contains("tls.cert: the file") || ended.text.contains("tls.key: the file");
        assert!(
            named && ended.text.contains(expected),
            "{expected}: {}",
            ended.text
        );
    }
    for (name, value, expected) in [
        ("SYNCLINE_TLS_CERT", "a.pem", "needs tls.key"),
        (
            "SYNCLINE_TLS_CLIENT_AUTH",
            "required",
            "needs tls.cert and tls.key",
        ),
    ] {
        let ended = ended(stage.command(&["serve"]).env(name, value)).await;
        assert_eq!(ended.code, 64, "{}", ended.text);
        assert!(ended.text.contains(expected), "{}", ended.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_everybody_may_read_is_mentioned() {
    let (stage, authority) = (Stage::new(), Authority::new());
    let pair = authority.sign("a", &["localhost"]);
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o644)).unwrap();
    let mut server = Secured::start(with(&stage, &pair)).await;
    server
        .process
        .line("everybody on this machine may read", LONG)
        .await;
}
