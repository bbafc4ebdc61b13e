//! The part of `TenantService` that is about access rules: messages in, messages out, no rules.

use crate::{
    api::v1,
    app::App,
    base::{Result, error::all_valid},
    tenants::{
        gather,
        keys::rpc::moment,
        rules::{self, Create, Effect, Rule, network},
    },
};

/// `CreateAccessRule`.
pub(in crate::tenants) async fn create(
    app: &App,
    request: v1::CreateAccessRuleRequest,
) -> Result<v1::AccessRule> {
    let rule = request.access_rule.unwrap_or_default();
    let mut wrong = Vec::new();
    let create = Create {
        effect: match rule.effect() {
            v1::AccessRuleEffect::Unspecified => None,
            v1::AccessRuleEffect::Allow => Some(Effect::Allow),
            v1::AccessRuleEffect::Deny => Some(Effect::Deny),
        },
        expires_at: gather(
            &mut wrong,
            moment("access_rule.expire_time", rule.expire_time),
        )
        .flatten(),
        network: rule.network,
        api_key: rule.api_key,
        reason: rule.reason,
    };
    all_valid(wrong)?;
    Ok(rules::create(app, create).await?.into())
}

/// `ListAccessRules`.
pub(in crate::tenants) async fn list(
    app: &App,
    request: v1::ListAccessRulesRequest,
) -> Result<v1::ListAccessRulesResponse> {
    let (rules, next_page_token) = rules::list(
        app,
        &request.api_key,
        request.page_size,
        &request.page_token,
    )
    .await?;
    Ok(v1::ListAccessRulesResponse {
        access_rules: rules.into_iter().map(Into::into).collect(),
        next_page_token,
    })
}

/// `DeleteAccessRule`.
pub(in crate::tenants) async fn delete(
    app: &App,
    request: v1::DeleteAccessRuleRequest,
) -> Result<v1::DeleteAccessRuleResponse> {
    rules::delete(app, &request.name).await?;
    Ok(v1::DeleteAccessRuleResponse {})
}

impl From<Rule> for v1::AccessRule {
    fn from(rule: Rule) -> Self {
        let effect = match rule.effect {
            Effect::Allow => v1::AccessRuleEffect::Allow,
            Effect::Deny => v1::AccessRuleEffect::Deny,
        };
        Self {
            name: rule.name(),
            network: network::text(&rule.network),
            effect: effect.into(),
            api_key: rule.key.map(|key| key.to_string()).unwrap_or_default(),
            reason: rule.reason,
            expire_time: rule.expires_at.map(Into::into),
            create_time: Some(rule.created_at.into()),
        }
    }
}
