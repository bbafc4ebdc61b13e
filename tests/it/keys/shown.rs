//! A key is seen once, and never again: not in the log at any level, in the database, or in an error.

use super::served::{first_start, key, make, printed, reason, with};
use crate::{
    cli::{LONG, Stage},
    web::Server,
};
use syncline::api::v1::{self, tenant_service_client::TenantServiceClient};

#[tokio::test]
async fn keys_are_in_no_log_line_no_file_and_no_error() {
    let stage = Stage::new();
    let variables = [("SYNCLINE_LOG_LEVEL", "trace")];
    let (mut server, first) = first_start(&stage, &variables).await;
    let channel = tonic::transport::Endpoint::from_shared(server.grpc.clone().unwrap()).unwrap();
    let channel = channel.connect().await.unwrap();
    let mut tenants = TenantServiceClient::new(channel.clone());
    let (name, made) = make(&channel, &first, key(v1::Role::Viewer)).await;
    let rotate = v1::RotateApiKeyRequest {
        name: name.clone(),
        overlap: None,
    };
    let rotated = tenants.rotate_api_key(with(&first, rotate)).await.unwrap();
    let rotated = rotated.into_inner().secret;
    let wrong = format!("sl_live_{}", "composedcanary".repeat(3));
    let mut said = String::new();
    for shown in [made.as_str(), rotated.as_str(), wrong.as_str()] {
        let asked = tenants.list_api_keys(with(shown, v1::ListApiKeysRequest::default()));
        let refused = asked.await.unwrap_err();
        said += &format!("{refused:?} {}", reason(&refused));
    }
    let listed = tenants.list_api_keys(with(&first, v1::ListApiKeysRequest::default()));
    said += &format!("{:?}", listed.await.unwrap().into_inner());
    server.process.terminate();
    assert!(server.process.wait_exit(LONG).await.success());
    let output = server.process.output();
    assert_eq!(output.matches(first.as_str()).count(), 1, "printed once");
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(stage.folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let files = String::from_utf8_lossy(&bytes);
    assert!(files.contains(&made[..12]), "the beginning is kept");
    // What is left of each is more than its beginning, which is shown.
    for secret in [&first, &made, &rotated, &wrong] {
        let rest = &secret[16..];
        assert!(!files.contains(rest), "in a file");
        assert!(!said.contains(rest), "in an answer");
        let allowed = usize::from(secret == &first);
        assert_eq!(output.matches(rest).count(), allowed, "in the log");
    }
    let again = stage
        .command(&["--json", "serve"])
        .env("SYNCLINE_AUTH_REQUIRED", "true");
    let again = Server::ready(again).await;
    assert_eq!(
        printed(&again.process.output()),
        None,
        "printed once in a life"
    );
}
