//! `TenantService`: messages in, messages out, no rules.

use crate::{
    api::v1::{self, tenant_service_server::TenantService},
    app::App,
    audit,
    base::{Error, Result},
};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// Serves `syncline.v1.TenantService`.
#[derive(Clone, Debug)]
pub struct Tenants(App);

impl Tenants {
    /// Serves from `app`.
    pub fn new(app: App) -> Self {
        Self(app)
    }
}

fn not_built<T>() -> Answer<T> {
    Err(Error::internal("not built yet").into())
}

#[tonic::async_trait]
impl TenantService for Tenants {
    async fn create_tenant(&self, _: Request<v1::CreateTenantRequest>) -> Answer<v1::Tenant> {
        not_built()
    }

    async fn get_tenant(&self, _: Request<v1::GetTenantRequest>) -> Answer<v1::Tenant> {
        not_built()
    }

    async fn list_tenants(
        &self,
        _: Request<v1::ListTenantsRequest>,
    ) -> Answer<v1::ListTenantsResponse> {
        not_built()
    }

    async fn update_tenant(&self, _: Request<v1::UpdateTenantRequest>) -> Answer<v1::Tenant> {
        not_built()
    }

    async fn delete_tenant(
        &self,
        _: Request<v1::DeleteTenantRequest>,
    ) -> Answer<v1::DeleteTenantResponse> {
        not_built()
    }

    async fn create_api_key(
        &self,
        request: Request<v1::CreateApiKeyRequest>,
    ) -> Answer<v1::CreateApiKeyResponse> {
        let answer = super::keys::rpc::create(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_api_keys(
        &self,
        request: Request<v1::ListApiKeysRequest>,
    ) -> Answer<v1::ListApiKeysResponse> {
        let answer = super::keys::rpc::list(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn rotate_api_key(
        &self,
        request: Request<v1::RotateApiKeyRequest>,
    ) -> Answer<v1::RotateApiKeyResponse> {
        let answer = super::keys::rpc::rotate(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn revoke_api_key(
        &self,
        request: Request<v1::RevokeApiKeyRequest>,
    ) -> Answer<v1::ApiKey> {
        let answer = super::keys::rpc::revoke(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn create_access_rule(
        &self,
        request: Request<v1::CreateAccessRuleRequest>,
    ) -> Answer<v1::AccessRule> {
        let answer = super::rules::rpc::create(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_access_rules(
        &self,
        request: Request<v1::ListAccessRulesRequest>,
    ) -> Answer<v1::ListAccessRulesResponse> {
        let answer = super::rules::rpc::list(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn delete_access_rule(
        &self,
        request: Request<v1::DeleteAccessRuleRequest>,
    ) -> Answer<v1::DeleteAccessRuleResponse> {
        let answer = super::rules::rpc::delete(&self.0, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_widget(&self, _: Request<v1::GetWidgetRequest>) -> Answer<v1::Widget> {
        not_built()
    }

    async fn update_widget(&self, _: Request<v1::UpdateWidgetRequest>) -> Answer<v1::Widget> {
        not_built()
    }

    async fn list_audit_entries(
        &self,
        request: Request<v1::ListAuditEntriesRequest>,
    ) -> Answer<v1::ListAuditEntriesResponse> {
        let listed = audit::list(&self.0, request.into_inner()).await?;
        Ok(Response::new(listed))
    }
}
