//! The service as a client meets it: codes, reasons, and fields.

use super::*;
use crate::kit::each_engine;
use syncline::{
    api::v1::{self, create_token_request::Credential, token_service_server::TokenService as _},
    tokens::Service,
};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

each_engine!(
    a_token_lives_its_life_over_the_api,
    errors_have_a_code_and_a_reason,
    a_request_is_refused_once_with_all_its_faults,
);

fn error_reason(status: &Status) -> String {
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "syncline");
    info.reason
}

async fn a_token_lives_its_life_over_the_api(database: Database) {
    let office = Office::open(database).await;
    let service = Service::new(office.app.clone());
    let consented = office.consented();
    let create = v1::CreateTokenRequest {
        token: Some(v1::Token {
            provider: v1::Provider::Google.into(),
            display_name: "Mine".to_owned(),
            request_budget: "30/1h".to_owned(),
            ..v1::Token::default()
        }),
        credential: Some(Credential::OauthGrant(v1::OauthGrant {
            refresh_token: consented.refresh_token.expect("offline access"),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            ..v1::OauthGrant::default()
        })),
        ..v1::CreateTokenRequest::default()
    };
    let token = service
        .create_token(Request::new(create))
        .await
        .unwrap()
        .into_inner();
    let name = token.name.clone();
    assert_eq!(name, "tenants/default/tokens/google");
    assert_eq!(
        (token.kind(), token.state()),
        (v1::TokenKind::Oauth, v1::TokenState::Active)
    );
    assert_eq!(
        (token.display_name.as_str(), token.request_budget.as_str()),
        ("Mine", "30/1h")
    );

    let issue = v1::IssueAccessTokenRequest {
        name: name.clone(),
        ..Default::default()
    };
    let issued = service
        .issue_access_token(Request::new(issue))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(issued.token_type, "Bearer");
    assert!(issued.access_token.starts_with("ya29.") && issued.expire_time.is_some());

    let check = v1::CheckTokenRequest { name: name.clone() };
    let checked = service
        .check_token(Request::new(check))
        .await
        .unwrap()
        .into_inner();
    assert!(checked.usable, "{:?}", checked.problems);
    assert_eq!(
        checked.token.unwrap().account_id,
        office.sim.world().me().id
    );

    let list = service
        .list_tokens(Request::new(v1::ListTokensRequest::default()))
        .await
        .unwrap();
    assert_eq!(list.into_inner().tokens.len(), 1);
    let revoke = v1::RevokeTokenRequest { name: name.clone() };
    let revoked = service
        .revoke_token(Request::new(revoke))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(revoked.state(), v1::TokenState::Revoked);
    let events = v1::ListTokenEventsRequest {
        parent: name.clone(),
        ..Default::default()
    };
    let events = service
        .list_token_events(Request::new(events))
        .await
        .unwrap()
        .into_inner();
    let kinds: Vec<_> = events
        .events
        .iter()
        .map(|event| event.kind.as_str())
        .collect();
    assert_eq!(kinds, ["revoked", "refreshed", "created"]);
    let delete = v1::DeleteTokenRequest {
        name,
        etag: revoked.etag,
    };
    service.delete_token(Request::new(delete)).await.unwrap();
}

async fn errors_have_a_code_and_a_reason(database: Database) {
    let office = Office::open(database).await;
    let service = Service::new(office.app.clone());
    let get = |name: &str| {
        Request::new(v1::GetTokenRequest {
            name: name.to_owned(),
        })
    };
    let malformed = service.get_token(get("google")).await.unwrap_err();
    assert_eq!(
        (malformed.code(), error_reason(&malformed).as_str()),
        (Code::InvalidArgument, "INVALID_ARGUMENT")
    );
    let unknown = service
        .get_token(get("tenants/default/tokens/x"))
        .await
        .unwrap_err();
    let foreign = service
        .get_token(get("tenants/other/tokens/x"))
        .await
        .unwrap_err();
    assert_eq!(
        (unknown.code(), foreign.code()),
        (Code::NotFound, Code::NotFound)
    );

    let create = v1::CreateTokenRequest {
        credential: Some(Credential::TokenJson(
            r#"{"access_token":"ya29.composed"}"#.to_owned(),
        )),
        ..Default::default()
    };
    let refused = service
        .create_token(Request::new(create))
        .await
        .unwrap_err();
    let violations = refused
        .get_details_bad_request()
        .expect("violations")
        .field_violations;
    assert_eq!(violations[0].field, "token_json");
    assert!(violations[0].description.contains("no refresh token"));

    let name = office.google().await;
    office.fault(TOKEN, When::Nth(1), reply(503, ""));
    let issue = v1::IssueAccessTokenRequest {
        name: name.to_string(),
        ..Default::default()
    };
    let outage = service
        .issue_access_token(Request::new(issue))
        .await
        .unwrap_err();
    assert_eq!(
        (outage.code(), error_reason(&outage).as_str()),
        (Code::Unavailable, "PROVIDER_UNAVAILABLE")
    );
    assert!(outage.get_details_retry_info().is_some());
    let rewrap = service
        .rewrap_tokens(Request::new(v1::RewrapTokensRequest { limit: -1 }))
        .await;
    assert_eq!(rewrap.unwrap_err().code(), Code::InvalidArgument);
}

/// The fields that a refusal names, in their order.
fn refused<T>(answer: Result<tonic::Response<T>, Status>) -> Vec<String> {
    let status = answer.err().expect("a refusal");
    let wrong = status.get_details_bad_request().expect("violations");
    wrong
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

async fn a_request_is_refused_once_with_all_its_faults(database: Database) {
    let office = Office::open(database).await;
    let service = Service::new(office.app.clone());
    let grant = v1::OauthGrant {
        access_expire_time: Some(syncline::api::Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        }),
        ..v1::OauthGrant::default()
    };
    let create = v1::CreateTokenRequest {
        parent: "x".to_owned(),
        token_id: "Not An Id".to_owned(),
        token: Some(v1::Token {
            request_budget: "often".to_owned(),
            ..v1::Token::default()
        }),
        credential: Some(Credential::OauthGrant(grant.clone())),
        ..Default::default()
    };
    assert_eq!(
        refused(service.create_token(Request::new(create)).await),
        [
            "parent",
            "token.provider",
            "token_id",
            "token.request_budget",
            "oauth_grant.access_expire_time",
            "oauth_grant.refresh_token",
        ]
    );
    let update = v1::UpdateTokenRequest {
        token: Some(v1::Token {
            name: "x".to_owned(),
            request_budget: "often".to_owned(),
            ..v1::Token::default()
        }),
        credential: Some(v1::update_token_request::Credential::OauthGrant(grant)),
        ..Default::default()
    };
    assert_eq!(
        refused(service.update_token(Request::new(update)).await),
        [
            "token.name",
            "token.request_budget",
            "oauth_grant.access_expire_time",
            "oauth_grant.refresh_token",
        ]
    );
    let list = v1::ListTokensRequest {
        parent: "x".to_owned(),
        page_size: -1,
        page_token: "x".to_owned(),
    };
    assert_eq!(
        refused(service.list_tokens(Request::new(list)).await),
        ["parent", "page_size", "page_token"]
    );
    let events = v1::ListTokenEventsRequest {
        parent: "x".to_owned(),
        page_size: -1,
        page_token: "x".to_owned(),
    };
    assert_eq!(
        refused(service.list_token_events(Request::new(events)).await),
        ["parent", "page_size", "page_token"]
    );
    let issue = v1::IssueAccessTokenRequest {
        name: "x".to_owned(),
        min_validity: Some(pbjson_types::Duration {
            seconds: -1,
            nanos: 0,
        }),
        ..Default::default()
    };
    assert_eq!(
        refused(service.issue_access_token(Request::new(issue)).await),
        ["name", "min_validity"]
    );
}
