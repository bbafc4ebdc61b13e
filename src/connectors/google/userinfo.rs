//! Whose access token it is.

use super::{Endpoints, GoogleError, api::Api};
use crate::{connectors::Access, outbound::Outbound};
use serde::Deserialize;

/// A Google user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The account's number; it never changes, and Meet calls its user `users/{sub}`.
    pub sub: String,
    /// Only with the scope `email`.
    #[serde(default)]
    pub email: Option<String>,
}

/// Asks Google who the user is. Needs the scope `openid`.
pub async fn who_am_i(
    outbound: &Outbound,
    endpoints: &Endpoints,
    access: Access,
) -> Result<Identity, GoogleError> {
    let api = Api {
        outbound: outbound.clone(),
        access,
    };
    api.get("google.userinfo", endpoints.userinfo_url.clone())
        .await
}
