//! The services and jobs of this version: the one list of each.

use crate::{
    api::{
        DESCRIPTORS,
        v1::{
            account_service_server::AccountServiceServer, queue_service_server::QueueServiceServer,
            sync_service_server::SyncServiceServer, tenant_service_server::TenantServiceServer,
            token_service_server::TokenServiceServer,
        },
    },
    app::App,
    base::{Error, Result},
    config::Config,
    people::Accounts,
    runs::{Job, queue_rpc::Queues},
    syncs::{job::SyncJob, rpc::Syncs},
    tenants::Tenants,
    tokens::Service as Tokens,
};
use std::sync::Arc;
use tonic::{server::NamedService, service::Routes};
use tonic_reflection::server::Builder as Reflection;

/// What a worker executes.
pub fn jobs() -> Vec<Arc<dyn Job>> {
    vec![Arc::new(SyncJob)]
}

/// The full names of our own services.
pub const NAMES: [&str; 5] = [
    <TokenServiceServer<Tokens> as NamedService>::NAME,
    <SyncServiceServer<Syncs> as NamedService>::NAME,
    <QueueServiceServer<Queues> as NamedService>::NAME,
    <TenantServiceServer<Tenants> as NamedService>::NAME,
    <AccountServiceServer<Accounts> as NamedService>::NAME,
];

/// Our own services.
pub fn routes(app: &App) -> Result<Routes> {
    let largest = app.config.grpc.max_message_bytes;
    let answers = app.config.grpc.max_answer_bytes;
    let tokens = TokenServiceServer::new(Tokens::new(app.clone()));
    let syncs = SyncServiceServer::new(Syncs::new(app.clone()));
    let queues = QueueServiceServer::new(Queues::new(app.clone()));
    let tenants = TenantServiceServer::new(Tenants::new(app.clone()));
    let accounts = AccountServiceServer::new(Accounts::new(app.clone()));
    Ok(Routes::new(
        tokens
            .max_decoding_message_size(largest)
            .max_encoding_message_size(answers),
    )
    .add_service(
        syncs
            .max_decoding_message_size(largest)
            .max_encoding_message_size(answers),
    )
    .add_service(
        queues
            .max_decoding_message_size(largest)
            .max_encoding_message_size(answers),
    )
    .add_service(
        tenants
            .max_decoding_message_size(largest)
            .max_encoding_message_size(answers),
    )
    .add_service(
        accounts
            .max_decoding_message_size(largest)
            .max_encoding_message_size(answers),
    ))
}

/// Adds that the server describes itself, in both versions of the protocol, where the settings allow it.
pub fn with_reflection(routes: Routes, config: &Config) -> Result<Routes> {
    if !config.grpc.reflection {
        return Ok(routes);
    }
    let builder = || {
        Reflection::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Without these, clients cannot show what an error carries.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = builder().build_v1().map_err(Error::internal)?;
    let v1alpha = builder().build_v1alpha().map_err(Error::internal)?;
    Ok(routes.add_service(v1).add_service(v1alpha))
}
