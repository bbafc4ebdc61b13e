//! Keys as callers of real servers meet them, over gRPC and HTTP.

use crate::{
    cli::{Stage, ended},
    isolation::messages::good,
    kit::{Builder, Database, eventually, rounds},
    web::Server,
};
use reqwest::{Client, StatusCode};
use serde_json::json;
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};
use syncline::{
    api::{
        status::Refusal,
        v1::{
            self, sync_service_client::SyncServiceClient,
            tenant_service_client::TenantServiceClient, token_service_client::TokenServiceClient,
        },
    },
    db::Engine,
    simulator::world::SCOPES,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

pub const PASSWORD: [(&str, &str); 2] = [
    ("BASIC_AUTH_USERNAME", "ada"),
    ("BASIC_AUTH_PASSWORD", "composed-password"),
];

pub fn command(stage: &Stage, variables: &[(&str, &str)]) -> Builder {
    let command = stage.command(&["--json", "serve"]);
    let command = command.env("SYNCLINE_AUTH_REQUIRED", "true");
    variables
        .iter()
        .fold(command, |command, (name, value)| command.env(name, value))
}

/// The key that a server printed, if it printed one.
pub fn printed(output: &str) -> Option<String> {
    let keys = output
        .lines()
        .filter(|line| line.starts_with("    sl_live_"));
    let keys: Vec<_> = keys.map(|line| line.trim().to_owned()).collect();
    assert!(keys.len() <= 1, "{output}");
    keys.into_iter().next()
}

/// A server, and the key that it printed at its first start.
pub async fn first_start(stage: &Stage, variables: &[(&str, &str)]) -> (Server, String) {
    let server = Server::ready(command(stage, variables)).await;
    let output = server.process.output();
    let key = printed(&output).unwrap_or_else(|| panic!("no key in\n{output}"));
    (server, key)
}

pub async fn channel(server: &Server, from: Option<IpAddr>) -> Channel {
    let endpoint = Endpoint::from_shared(server.grpc.clone().unwrap()).unwrap();
    endpoint.local_address(from).connect().await.unwrap()
}

/// A request that shows this key; nothing where it is empty.
pub fn with<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if key.is_empty() {
        return request;
    }
    let shown: MetadataValue<Ascii> = format!("Bearer {key}").parse().unwrap();
    request.metadata_mut().insert("authorization", shown);
    request
}

pub fn reason(status: &Status) -> String {
    Refusal::from(status).reason
}

pub async fn make(
    channel: &Channel,
    by: &str,
    request: v1::CreateApiKeyRequest,
) -> (String, String) {
    let mut tenants = TenantServiceClient::new(channel.clone());
    let made = tenants.create_api_key(with(by, request)).await.unwrap();
    let made = made.into_inner();
    (made.api_key.unwrap().name, made.secret)
}

/// Both tokens, and the sync `work`, made by calls.
pub async fn make_sync(channel: &Channel, by: &str, stage: &Stage) {
    let (clockify, refresh_token) = {
        let mut world = stage.simulator.world();
        let me = world.me();
        let grant = world.grant(&me.id, &SCOPES).refresh_token.unwrap();
        (world.clockify_me().api_key, grant)
    };
    let grant = json!({"refresh_token": refresh_token, "scopes": SCOPES});
    let clockify = json!({"token_id": "clockify", "token": {"provider": 2}, "api_key": clockify});
    let google = json!({"token_id": "google", "token": {"provider": 1}, "oauth_grant": grant});
    for token in [clockify, google] {
        let _: v1::Token = good(channel, by, "TokenService/CreateToken", &token).await;
    }
    let sync = json!({"sync_id": "work", "sync": {
        "source_token": "tenants/default/tokens/google",
        "destination_token": "tenants/default/tokens/clockify",
        "meet_to_clockify": {},
    }});
    let _: v1::Sync = good(channel, by, "SyncService/CreateSync", &sync).await;
}

pub fn key(role: v1::Role) -> v1::CreateApiKeyRequest {
    v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            role: role.into(),
            ..v1::ApiKey::default()
        }),
        ..v1::CreateApiKeyRequest::default()
    }
}

pub async fn list(channel: &Channel, key: &str) -> Result<(), Status> {
    let mut syncs = SyncServiceClient::new(channel.clone());
    let listed = syncs.list_syncs(with(key, v1::ListSyncsRequest::default()));
    listed.await.map(drop)
}

pub async fn page(server: &Server, path: &str, key: &str) -> reqwest::Response {
    let client = Client::builder().no_proxy().build().unwrap();
    let page = client
        .get(format!("{}{path}", server.http))
        .bearer_auth(key);
    page.send().await.unwrap()
}

async fn revoke(channel: &Channel, by: &str, name: &str) -> Result<v1::ApiKey, Status> {
    let name = name.to_owned();
    let mut tenants = TenantServiceClient::new(channel.clone());
    let revoked = tenants.revoke_api_key(with(by, v1::RevokeApiKeyRequest { name }));
    revoked.await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn replicas_that_start_together_print_one_key() {
    for _ in 0..rounds(1, 5) {
        let (stage, database) = (Stage::new(), Database::new(Engine::Postgres).await);
        let url = database.url();
        let start = || Server::ready(command(&stage, &[("DATABASE_URL", &url)]));
        let (one, two, three) = tokio::join!(start(), start(), start());
        let servers = [&one, &two, &three];
        let keys = servers.map(|server| printed(&server.process.output()));
        let keys: Vec<_> = keys.iter().flatten().collect();
        assert_eq!(keys.len(), 1);
        for server in servers {
            list(&channel(server, None).await, keys[0]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_key_that_was_revoked_at_one_process_is_refused_by_the_other_within_a_second() {
    let stage = Stage::new();
    let (one, first) = first_start(&stage, &[]).await;
    let two = Server::ready(command(&stage, &[])).await;
    let (here, there) = (channel(&one, None).await, channel(&two, None).await);
    for _ in 0..rounds(3, 20) {
        let request = v1::CreateApiKeyRequest {
            instance: true,
            ..key(v1::Role::Viewer)
        };
        let (name, secret) = make(&here, &first, request).await;
        for channel in [&here, &there] {
            list(channel, &secret).await.unwrap();
        }
        assert_eq!(
            page(&two, "/metrics", &secret).await.status(),
            StatusCode::OK
        );
        revoke(&here, &first, &name).await.unwrap();
        let since = Instant::now();
        while list(&there, &secret).await.is_ok() {
            assert!(since.elapsed() < Duration::from_secs(1), "it still works");
        }
        let refused = list(&there, &secret).await.unwrap_err();
        assert_eq!(reason(&refused), "CREDENTIALS_WRONG");
        let answer = page(&two, "/metrics", &secret).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn keys_of_a_tenant_that_is_disabled_or_gone_are_refused_everywhere_within_a_second() {
    let stage = Stage::new();
    let (one, first) = first_start(&stage, &[]).await;
    let two = Server::ready(command(&stage, &[])).await;
    let (here, there) = (channel(&one, None).await, channel(&two, None).await);
    let mut tenants = TenantServiceClient::new(here.clone());
    let create = v1::CreateTenantRequest {
        tenant_id: "ada".to_owned(),
        tenant: None,
    };
    tenants.create_tenant(with(&first, create)).await.unwrap();
    let of_ada = v1::CreateApiKeyRequest {
        parent: "tenants/ada".to_owned(),
        ..key(v1::Role::Viewer)
    };
    let (_, secret) = make(&here, &first, of_ada).await;
    let look = || {
        let request = v1::GetTenantRequest {
            name: "tenants/ada".to_owned(),
        };
        let mut tenants = TenantServiceClient::new(there.clone());
        let request = with(&secret, request);
        async move {
            tenants
                .get_tenant(request)
                .await
                .map_err(|status| reason(&status))
        }
    };
    let refused_with = async |expected: &str| {
        let since = Instant::now();
        loop {
            match look().await {
                Err(reason) if reason == expected => return,
                other => assert!(since.elapsed() < Duration::from_secs(1), "{other:?}"),
            }
        }
    };
    look().await.unwrap();
    let mut change = async |state: v1::TenantState| {
        let update = v1::UpdateTenantRequest {
            tenant: Some(v1::Tenant {
                name: "tenants/ada".to_owned(),
                state: state.into(),
                ..v1::Tenant::default()
            }),
            update_mask: None,
        };
        tenants.update_tenant(with(&first, update)).await.unwrap();
    };
    change(v1::TenantState::Disabled).await;
    refused_with("TENANT_DISABLED").await;
    change(v1::TenantState::Active).await;
    eventually(Duration::from_secs(1), look).await;
    let name = "tenants/ada".to_owned();
    let delete = v1::DeleteTenantRequest {
        name,
        ..v1::DeleteTenantRequest::default()
    };
    let mut tenants = TenantServiceClient::new(here.clone());
    tenants.delete_tenant(with(&first, delete)).await.unwrap();
    refused_with("CREDENTIALS_WRONG").await;
}

#[tokio::test]
async fn a_key_may_do_what_its_role_allows_in_its_tenant() {
    let stage = Stage::with_tokens().await;
    let (server, first) = first_start(&stage, &[]).await;
    let channel = channel(&server, None).await;
    let (_, viewer) = make(&channel, &first, key(v1::Role::Viewer)).await;
    let (_, operator) = make(&channel, &first, key(v1::Role::Operator)).await;
    let (_, admin) = make(&channel, &first, key(v1::Role::Admin)).await;
    let mut tokens = TokenServiceClient::new(channel.clone());
    let mut tenants = TenantServiceClient::new(channel.clone());
    let name = "tenants/default/tokens/clockify".to_owned();
    let issue = v1::IssueAccessTokenRequest {
        name: name.clone(),
        ..v1::IssueAccessTokenRequest::default()
    };
    for (key, issues, makes) in [
        (&viewer, false, false),
        (&operator, true, false),
        (&admin, true, true),
    ] {
        list(&channel, key).await.unwrap();
        let issued = tokens.issue_access_token(with(key, issue.clone())).await;
        assert_eq!(issued.as_ref().err().map(reason).is_none(), issues);
        let made = tenants
            .create_api_key(with(key, self::key(v1::Role::Admin)))
            .await;
        let expected = (!makes).then(|| "ROLE_TOO_LOW".to_owned());
        assert_eq!(made.as_ref().err().map(reason), expected);
        let instance = v1::CreateApiKeyRequest {
            instance: true,
            ..self::key(v1::Role::Viewer)
        };
        let made = tenants.create_api_key(with(key, instance)).await;
        assert_eq!(reason(&made.unwrap_err()), "ROLE_TOO_LOW");
        let elsewhere = v1::GetTokenRequest {
            name: "tenants/elsewhere/tokens/clockify".to_owned(),
        };
        let foreign = tokens.get_token(with(key, elsewhere)).await;
        assert_eq!(reason(&foreign.unwrap_err()), "NOT_FOUND");
        assert_eq!(page(&server, "/", key).await.status(), StatusCode::OK);
        for closed in ["/metrics", "/admin/queues"] {
            let answer = page(&server, closed, key).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{closed}");
        }
    }
    let widget = v1::CreateApiKeyRequest {
        api_key: Some(v1::ApiKey {
            kind: v1::ApiKeyKind::Widget.into(),
            ..v1::ApiKey::default()
        }),
        ..v1::CreateApiKeyRequest::default()
    };
    let (_, widget) = make(&channel, &admin, widget).await;
    let refused = list(&channel, &widget).await.unwrap_err();
    assert_eq!(reason(&refused), "CREDENTIALS_WRONG");
}

#[tokio::test]
async fn the_command_line_makes_rotates_and_ends_keys_at_a_server() {
    let stage = Stage::new();
    let (server, first) = first_start(&stage, &[]).await;
    let url = server.grpc.as_deref().unwrap();
    let file = stage.folder.path().join("key");
    std::fs::write(&file, format!("{first}\n")).unwrap();
    let run = |arguments: &[&str]| {
        let command = stage.command(&[&["--server", url], arguments].concat());
        ended(command.env("SYNCLINE_API_KEY_FILE", &file))
    };
    let nobody = stage.run(&["--server", url, "key", "list"]).await;
    assert!(
        nobody.code == 1 && nobody.text.contains("show a key"),
        "{}",
        nobody.text
    );
    let made = run(&[
        "--json",
        "key",
        "create",
        "--name",
        "CI",
        "--role",
        "operator",
        "--expires",
        "90d",
    ])
    .await;
    let document = made.json();
    let secret = document["secret"].as_str().unwrap().to_owned();
    let name = document["apiKey"]["name"].as_str().unwrap().to_owned();
    assert_eq!(document["apiKey"]["role"], "ROLE_OPERATOR");
    let shown = ended(
        stage
            .command(&["--server", url, "sync", "list"])
            .env("SYNCLINE_API_KEY", &secret)
            .env("SYNCLINE_ADMIN_KEY", "composed-".repeat(5)),
    );
    assert_eq!(shown.await.code, 0, "the ordinary key comes first");
    let rotated = run(&["--json", "key", "rotate", &name, "--overlap", "0s"])
        .await
        .json();
    let successor = rotated["secret"].as_str().unwrap();
    let channel = channel(&server, None).await;
    list(&channel, successor).await.unwrap();
    eventually(Duration::from_secs(1), || async {
        list(&channel, &secret)
            .await
            .err()
            .ok_or("the old one works")
    })
    .await;
    let id = rotated["apiKey"]["name"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let listed = run(&["key", "list"]).await.text;
    assert!(
        listed.contains("ended") && listed.contains("works") && listed.contains("CI"),
        "{listed}"
    );
    assert!(!listed.contains(successor) && !listed.contains(&secret));
    let revoked = run(&["key", "revoke", &id]).await;
    assert!(revoked.text.contains("is revoked"), "{}", revoked.text);
    assert!(run(&["key", "list"]).await.text.contains("revoked"));
    let instance = run(&["key", "list", "--instance"]).await.text;
    assert!(
        instance.contains("first key") && instance.contains("admin"),
        "{instance}"
    );
    let wrong = run(&["key", "create", "--role", "king"]).await;
    assert_eq!(wrong.code, 64, "{}", wrong.text);
    drop(server);
    let here = stage.run(&["key", "list", "--instance"]).await;
    assert!(
        here.text.contains("first key"),
        "in this process too: {}",
        here.text
    );
}
