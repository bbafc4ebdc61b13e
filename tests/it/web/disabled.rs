//! A tenant that is disabled: its keys are refused, and those of others are not.

use super::{NAME, PASSWORD, Server, guarded};
use crate::{
    cli::LONG,
    kit::{Database, Process, each_engine, eventually, temp_dir},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use std::path::Path;
use syncline::api::{
    status::Refusal,
    v1::{
        self, account_service_client::AccountServiceClient, sync_service_client::SyncServiceClient,
        tenant_service_client::TenantServiceClient,
    },
};
use tonic::{Request, transport::Channel};

each_engine!(
    keys_of_a_disabled_tenant_are_refused_until_it_is_active_again,
    somebody_of_a_disabled_tenant_alone_is_told_so_and_has_their_account_still,
);

async fn served(database: &Database, folder: &Path) -> Server {
    let command = Process::syncline(&["--json", "serve"])
        .env("SYNCLINE_DATA_DIR", folder)
        .env("DATABASE_URL", database.url())
        .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0");
    Server::ready(guarded(command)).await
}

/// With the name and the password.
fn by_admin<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let shown = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{NAME}:{PASSWORD}"))
    );
    request
        .metadata_mut()
        .insert("authorization", shown.parse().unwrap());
    request
}

async fn key_of(tenants: &mut TenantServiceClient<Channel>, id: &str) -> String {
    let request = v1::CreateTenantRequest {
        tenant_id: id.to_owned(),
        tenant: None,
    };
    tenants.create_tenant(by_admin(request)).await.unwrap();
    let request = v1::CreateApiKeyRequest {
        parent: format!("tenants/{id}"),
        ..v1::CreateApiKeyRequest::default()
    };
    let made = tenants.create_api_key(by_admin(request)).await.unwrap();
    made.into_inner().secret
}

/// Gives our tenant this state.
async fn put(tenants: &mut TenantServiceClient<Channel>, state: v1::TenantState) {
    let request = v1::UpdateTenantRequest {
        tenant: Some(v1::Tenant {
            name: "tenants/ours".to_owned(),
            state: state.into(),
            ..v1::Tenant::default()
        }),
        update_mask: None,
    };
    tenants.update_tenant(by_admin(request)).await.unwrap();
}

async fn becomes(server: &Server, key: &str, expected: StatusCode) {
    eventually(LONG, async || {
        let asked = server.request(Method::GET, "/").bearer_auth(key);
        let status = asked.send().await.unwrap().status();
        (status == expected).then_some(()).ok_or(status.to_string())
    })
    .await;
}

async fn keys_of_a_disabled_tenant_are_refused_until_it_is_active_again(database: Database) {
    let folder = temp_dir();
    let server = served(&database, folder.path()).await;
    let mut tenants = TenantServiceClient::new(server.channel().await);
    let ours = key_of(&mut tenants, "ours").await;
    let theirs = key_of(&mut tenants, "theirs").await;
    becomes(&server, &ours, StatusCode::OK).await;
    for (state, expected) in [
        (v1::TenantState::Paused, StatusCode::OK),
        (v1::TenantState::Disabled, StatusCode::FORBIDDEN),
        (v1::TenantState::Active, StatusCode::OK),
    ] {
        put(&mut tenants, state).await;
        becomes(&server, &ours, expected).await;
        becomes(&server, &theirs, StatusCode::OK).await;
    }
}

async fn somebody_of_a_disabled_tenant_alone_is_told_so_and_has_their_account_still(
    database: Database,
) {
    let folder = temp_dir();
    let server = served(&database, folder.path()).await;
    let channel = server.channel().await;
    let mut tenants = TenantServiceClient::new(channel.clone());
    key_of(&mut tenants, "ours").await;
    let mut accounts = AccountServiceClient::new(channel.clone());
    let password = "composed password";
    let register = v1::RegisterRequest {
        user: Some(v1::User {
            username: "vera".to_owned(),
            memberships: vec![v1::Membership {
                tenant: "tenants/ours".to_owned(),
                role: v1::Role::Operator.into(),
            }],
            ..v1::User::default()
        }),
        password: password.to_owned(),
    };
    accounts.register(by_admin(register)).await.unwrap();
    let login = v1::LoginRequest {
        login: "vera".to_owned(),
        password: password.to_owned(),
        ..v1::LoginRequest::default()
    };
    let session = accounts.login(login).await.unwrap().into_inner();
    let session = session.session_token;
    put(&mut tenants, v1::TenantState::Disabled).await;
    eventually(LONG, async || {
        let mut list = Request::new(v1::ListSyncsRequest {
            parent: "tenants/ours".to_owned(),
            ..v1::ListSyncsRequest::default()
        });
        let shown = format!("Bearer {session}").parse().unwrap();
        list.metadata_mut().insert("authorization", shown);
        let mut syncs = SyncServiceClient::new(channel.clone());
        let answer = syncs.list_syncs(list).await;
        let reason = answer.map_or_else(|status| Refusal::from(&status).reason, |_| String::new());
        (reason == "TENANT_DISABLED").then_some(()).ok_or(reason)
    })
    .await;
    becomes(&server, &session, StatusCode::OK).await;
}
