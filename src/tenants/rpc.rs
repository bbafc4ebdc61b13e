//! `TenantService`: messages in, messages out, no rules.

use crate::{
    api::v1::{self, tenant_service_server::TenantService},
    app::App,
    audit,
    base::{Error, Result, name::parse_parent},
    tenants::{
        create, delete, list, update,
        view::{self, position_of, state_of},
        widget,
    },
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

#[tonic::async_trait]
impl TenantService for Tenants {
    async fn create_tenant(&self, request: Request<v1::CreateTenantRequest>) -> Answer<v1::Tenant> {
        let request = request.into_inner();
        let tenant = request.tenant.unwrap_or_default();
        let mut unreadable = Vec::new();
        let create = create::Create {
            id: request.tenant_id,
            state: state_of(tenant.state, &mut unreadable),
            display_name: tenant.display_name,
            allowed_domains: tenant.allowed_domains,
            unreadable,
        };
        Ok(Response::new(create::create(&self.0, create).await?.into()))
    }

    async fn get_tenant(&self, request: Request<v1::GetTenantRequest>) -> Answer<v1::Tenant> {
        let id = parse_parent("name", &request.get_ref().name)?;
        Ok(Response::new(list::get(&self.0, &id).await?.into()))
    }

    async fn list_tenants(
        &self,
        request: Request<v1::ListTenantsRequest>,
    ) -> Answer<v1::ListTenantsResponse> {
        let request = request.into_inner();
        let (tenants, next_page_token) =
            list::list(&self.0, request.page_size, &request.page_token).await?;
        Ok(Response::new(v1::ListTenantsResponse {
            tenants: tenants.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn update_tenant(&self, request: Request<v1::UpdateTenantRequest>) -> Answer<v1::Tenant> {
        let request = request.into_inner();
        let tenant = request.tenant.unwrap_or_default();
        let mut unreadable = Vec::new();
        let update = update::Update {
            name: tenant.name,
            etag: tenant.etag,
            mask: request.update_mask.unwrap_or_default().paths,
            state: state_of(tenant.state, &mut unreadable),
            display_name: tenant.display_name,
            allowed_domains: tenant.allowed_domains,
            unreadable,
        };
        Ok(Response::new(update::update(&self.0, update).await?.into()))
    }

    async fn delete_tenant(
        &self,
        request: Request<v1::DeleteTenantRequest>,
    ) -> Answer<v1::DeleteTenantResponse> {
        let request = request.into_inner();
        let id = match request.name.as_str() {
            "" => return Err(Error::invalid("name", "expected tenants/{tenant}").into()),
            name => parse_parent("name", name)?,
        };
        delete::delete(&self.0, &id, &request.etag).await?;
        Ok(Response::new(v1::DeleteTenantResponse {}))
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

    async fn get_widget(&self, request: Request<v1::GetWidgetRequest>) -> Answer<v1::Widget> {
        let tenant = widget::parse_name("name", &request.get_ref().name)?;
        let found = widget::get(&self.0, &tenant).await?;
        Ok(Response::new(view::widget(&tenant, found)))
    }

    async fn update_widget(&self, request: Request<v1::UpdateWidgetRequest>) -> Answer<v1::Widget> {
        let request = request.into_inner();
        let wanted = request.widget.unwrap_or_default();
        let mut unreadable = Vec::new();
        let update = widget::Update {
            name: wanted.name,
            mask: request.update_mask.unwrap_or_default().paths,
            position: position_of(wanted.position, &mut unreadable),
            primary_color: wanted.primary_color,
            welcome_message: wanted.welcome_message,
            widget_name: wanted.widget_name,
            unreadable,
        };
        let (tenant, widget) = widget::update(&self.0, update).await?;
        Ok(Response::new(view::widget(&tenant, widget)))
    }

    async fn list_audit_entries(
        &self,
        request: Request<v1::ListAuditEntriesRequest>,
    ) -> Answer<v1::ListAuditEntriesResponse> {
        let listed = audit::list(&self.0, request.into_inner()).await?;
        Ok(Response::new(listed))
    }
}
