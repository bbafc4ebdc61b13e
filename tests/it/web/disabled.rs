//! A tenant that is disabled: its keys are refused, and those of others are not.

use super::{NAME, PASSWORD, Server, guarded};
use crate::{
    cli::LONG,
    kit::{Database, Process, each_engine, eventually, temp_dir},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use syncline::api::v1::{self, tenant_service_client::TenantServiceClient};
use tonic::{Request, transport::Channel};

each_engine!(keys_of_a_disabled_tenant_are_refused_until_it_is_active_again);

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
    let command = Process::syncline(&["--json", "serve"])
        .env("SYNCLINE_DATA_DIR", folder.path())
        .env("DATABASE_URL", database.url())
        .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0");
    let server = Server::ready(guarded(command)).await;
    let mut tenants = TenantServiceClient::new(server.channel().await);
    let ours = key_of(&mut tenants, "ours").await;
    let theirs = key_of(&mut tenants, "theirs").await;
    becomes(&server, &ours, StatusCode::OK).await;
    for (state, expected) in [
        (v1::TenantState::Paused, StatusCode::OK),
        (v1::TenantState::Disabled, StatusCode::FORBIDDEN),
        (v1::TenantState::Active, StatusCode::OK),
    ] {
        let request = v1::UpdateTenantRequest {
            tenant: Some(v1::Tenant {
                name: "tenants/ours".to_owned(),
                state: state.into(),
                ..v1::Tenant::default()
            }),
            update_mask: None,
        };
        tenants.update_tenant(by_admin(request)).await.unwrap();
        becomes(&server, &ours, expected).await;
        becomes(&server, &theirs, StatusCode::OK).await;
    }
}
