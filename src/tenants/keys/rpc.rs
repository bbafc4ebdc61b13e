//! The part of `TenantService` that is about keys: messages in, messages out, no rules.

use crate::{
    api::v1,
    app::App,
    base::{Error, Result, Role, Violation, error::all_valid},
    tenants::{
        gather,
        keys::{self, Create, Key, KeyName, Kind},
    },
};
use chrono::{DateTime, TimeDelta, Utc};

/// `CreateApiKey`.
pub(in crate::tenants) async fn create(
    app: &App,
    request: v1::CreateApiKeyRequest,
) -> Result<v1::CreateApiKeyResponse> {
    let key = request.api_key.unwrap_or_default();
    let mut wrong = Vec::new();
    let create = Create {
        parent: request.parent,
        instance: request.instance,
        kind: gather(&mut wrong, kind_of(key.kind)).flatten(),
        role: gather(&mut wrong, role_of("api_key.role", key.role)).flatten(),
        rate_limit: key.rate_limit.into(),
        expires_at: gather(&mut wrong, moment("api_key.expire_time", key.expire_time)).flatten(),
        display_name: key.display_name,
        test: request.test,
    };
    all_valid(wrong)?;
    let (key, secret) = keys::create(app, create).await?;
    Ok(v1::CreateApiKeyResponse {
        api_key: Some(key.into()),
        secret: secret.expose().to_owned(),
    })
}

/// `ListApiKeys`.
pub(in crate::tenants) async fn list(
    app: &App,
    request: v1::ListApiKeysRequest,
) -> Result<v1::ListApiKeysResponse> {
    let (keys, next_page_token) = keys::list(
        app,
        &request.parent,
        request.instance,
        request.page_size,
        &request.page_token,
    )
    .await?;
    Ok(v1::ListApiKeysResponse {
        api_keys: keys.into_iter().map(Into::into).collect(),
        next_page_token,
    })
}

/// `RotateApiKey`.
pub(in crate::tenants) async fn rotate(
    app: &App,
    request: v1::RotateApiKeyRequest,
) -> Result<v1::RotateApiKeyResponse> {
    let name = KeyName::parse("name", &request.name)?;
    let overlap = request.overlap.map(|overlap| {
        let nanos = u32::try_from(overlap.nanos).ok();
        let overlap = nanos.and_then(|nanos| TimeDelta::new(overlap.seconds, nanos));
        // Out of every range, and refused as such.
        overlap.unwrap_or(TimeDelta::MAX)
    });
    let rotated = keys::rotate(app, &name, overlap).await?;
    Ok(v1::RotateApiKeyResponse {
        api_key: Some(rotated.key.into()),
        secret: rotated.secret.expose().to_owned(),
        old_api_key: Some(rotated.old.into()),
    })
}

/// `RevokeApiKey`.
pub(in crate::tenants) async fn revoke(
    app: &App,
    request: v1::RevokeApiKeyRequest,
) -> Result<v1::ApiKey> {
    let name = KeyName::parse("name", &request.name)?;
    Ok(keys::revoke(app, &name).await?.into())
}

impl From<Key> for v1::ApiKey {
    fn from(key: Key) -> Self {
        let kind = match key.kind {
            Kind::Secret => v1::ApiKeyKind::Secret,
            Kind::Widget => v1::ApiKeyKind::Widget,
        };
        let role = match key.role {
            Role::Viewer => v1::Role::Viewer,
            Role::Operator => v1::Role::Operator,
            Role::Admin => v1::Role::Admin,
        };
        Self {
            name: key.name.to_string(),
            display_name: key.display_name,
            kind: kind.into(),
            role: role.into(),
            prefix: key.prefix,
            rate_limit: i32::try_from(key.rate_limit).unwrap_or(i32::MAX),
            expire_time: key.expires_at.map(Into::into),
            create_time: Some(key.created_at.into()),
            last_use_time: key.last_used_at.map(Into::into),
            last_use_address: key.last_used_address.unwrap_or_default(),
            revoke_time: key.revoked_at.map(Into::into),
            rotation_reason: key.rotation_reason,
        }
    }
}

fn kind_of(kind: i32) -> Result<Option<Kind>> {
    match v1::ApiKeyKind::try_from(kind) {
        Ok(v1::ApiKeyKind::Unspecified) => Ok(None),
        Ok(v1::ApiKeyKind::Secret) => Ok(Some(Kind::Secret)),
        Ok(v1::ApiKeyKind::Widget) => Ok(Some(Kind::Widget)),
        Err(_) => Err(Error::invalid(
            "api_key.kind",
            "expected API_KEY_KIND_SECRET or API_KEY_KIND_WIDGET",
        )),
    }
}

/// The role that a message names; `None` where it names none.
fn role_of(field: &str, role: i32) -> Result<Option<Role>> {
    match v1::Role::try_from(role) {
        Ok(v1::Role::Unspecified) => Ok(None),
        Ok(v1::Role::Viewer) => Ok(Some(Role::Viewer)),
        Ok(v1::Role::Operator) => Ok(Some(Role::Operator)),
        Ok(v1::Role::Admin) => Ok(Some(Role::Admin)),
        Err(_) => Err(Error::invalid(
            field,
            "expected ROLE_VIEWER, ROLE_OPERATOR or ROLE_ADMIN",
        )),
    }
}

/// A moment that a message may hold.
pub(in crate::tenants) fn moment(
    field: &str,
    at: Option<crate::api::Timestamp>,
) -> Result<Option<DateTime<Utc>>> {
    let at = at.map(DateTime::<Utc>::try_from).transpose();
    let at = at.map_err(|why| Error::Invalid(vec![Violation::new(field, why)]))?;
    Ok(at.map(crate::base::clock::whole_micros))
}
