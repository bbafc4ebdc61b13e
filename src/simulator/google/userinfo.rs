//! Who a token belongs to.

use axum::http::StatusCode;
use serde_json::json;

use super::access_token;
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::World;

const EMAIL_SCOPES: [&str; 2] = ["email", "https://www.googleapis.com/auth/userinfo.email"];
const PROFILE_SCOPES: [&str; 2] = [
    "profile",
    "https://www.googleapis.com/auth/userinfo.profile",
];

/// `GET /v1/userinfo`. Needs `openid`, e-mail or profile scope; answers what the scopes allow.
pub(in crate::simulator) fn userinfo(world: &mut World, request: &Request) -> Reply {
    let Some(grant) = access_token(request).and_then(|token| world.grant_of_access_token(token))
    else {
        let body = json!({"error": "invalid_request", "error_description": "Invalid Credentials"});
        return Reply::json(StatusCode::UNAUTHORIZED, &body);
    };
    let has = |wanted: &[&str]| {
        grant
            .scopes
            .iter()
            .any(|scope| wanted.contains(&scope.as_str()))
    };
    let (email, profile) = (has(&EMAIL_SCOPES), has(&PROFILE_SCOPES));
    let Some(person) = world
        .person(&grant.person)
        .filter(|_| has(&["openid"]) || email || profile)
    else {
        let body =
            json!({"error": "insufficient_scope", "error_description": "Insufficient Permission"});
        return Reply::json(StatusCode::FORBIDDEN, &body);
    };
    let old = request.path.contains("/v2/");
    let mut body = json!({ (if old { "id" } else { "sub" }): person.id });
    if email {
        body["email"] = json!(person.email);
        body[if old {
            "verified_email"
        } else {
            "email_verified"
        }] = json!(true);
    }
    if profile {
        body["name"] = json!(person.name);
    }
    Reply::ok(&body)
}

/// `/tokeninfo`: the access token in the query, the form or the header.
pub(in crate::simulator) fn tokeninfo(world: &mut World, request: &Request) -> Reply {
    let form = request.form();
    let from_form = form
        .iter()
        .find(|(name, _)| name == "access_token")
        .map(|(_, value)| value.as_str());
    let token = access_token(request).or(from_form).unwrap_or_default();
    let Some(grant) = world.grant_of_access_token(token) else {
        let body = json!({"error": "invalid_token", "error_description": "Invalid Value"});
        return Reply::json(StatusCode::BAD_REQUEST, &body);
    };
    let expiry = grant
        .access_tokens
        .iter()
        .find(|(known, _)| known == token)
        .map(|(_, end)| *end);
    let left = expiry.map_or(0, |end| (end - world.now()).num_seconds());
    let mut body = json!({
        "azp": crate::simulator::world::CLIENT_ID, "aud": crate::simulator::world::CLIENT_ID, "sub": grant.person,
        "scope": grant.scopes.join(" "), "exp": expiry.map_or(0, |end| end.timestamp()).to_string(),
        "expires_in": left.to_string(),
        "access_type": if grant.refresh_token.is_some() { "offline" } else { "online" },
    });
    if grant
        .scopes
        .iter()
        .any(|scope| EMAIL_SCOPES.contains(&scope.as_str()))
    {
        body["email"] = json!(
            world
                .person(&grant.person)
                .map(|person| person.email.clone())
        );
        body["email_verified"] = json!("true");
    }
    Reply::ok(&body)
}
