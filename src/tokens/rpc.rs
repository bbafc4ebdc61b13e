//! The gRPC face of this room: messages in, messages out, no rules.

use crate::{
    api::v1::{
        self, create_token_request, token_service_server::TokenService, update_token_request,
    },
    app::App,
    audit::By,
    base::{Error, Result, Secret, TokenName, Violation, reach},
    tokens::{
        self, Begin, Complete, Create, Given, Kind, OauthGrant, Provider, Redirected, Scopes,
        Standing, Token, Update, authorize, check, create, delete, gather, issue, keys, refresh,
        revoke, update, view,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use tonic::{Request, Response, Status};

/// `min_validity` where the caller names none.
const DEFAULT_VALIDITY: TimeDelta = TimeDelta::minutes(1);

/// Who reads, where nobody asked for a name, as in the process of a command.
const CALLER: &str = "rpc";

type Answer<T> = Result<Response<T>, Status>;

/// Serves `syncline.v1.TokenService`.
#[derive(Clone, Debug)]
pub struct Service(App);

impl Service {
    /// Serves from `app`.
    pub fn new(app: App) -> Self {
        Self(app)
    }

    fn shown(&self, token: Token) -> Response<v1::Token> {
        Response::new(token.into_proto(self.0.db.now()))
    }
}

#[tonic::async_trait]
impl TokenService for Service {
    async fn create_token(&self, request: Request<v1::CreateTokenRequest>) -> Answer<v1::Token> {
        use create_token_request::Credential;
        let request = request.into_inner();
        let token = request.token.unwrap_or_default();
        let given = match request.credential {
            None => None,
            Some(Credential::ApiKey(key)) => Some(Given::ApiKey(key.into())),
            Some(Credential::OauthGrant(grant)) => Some(Given::Grant(grant_of(grant))),
            Some(Credential::TokenJson(text)) => Some(Given::TokenJson(text.into())),
        };
        let create = Create {
            parent: request.parent,
            token_id: request.token_id,
            provider: provider_of(token.provider),
            display_name: token.display_name,
            request_budget: token.request_budget,
            given,
            validate_only: request.validate_only,
        };
        Ok(self.shown(create::create(&self.0, create).await?))
    }

    async fn get_token(&self, request: Request<v1::GetTokenRequest>) -> Answer<v1::Token> {
        let name = TokenName::parse("name", &request.get_ref().name)?;
        Ok(self.shown(view::get(&self.0, &name).await?))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Answer<v1::ListTokensResponse> {
        let request = request.into_inner();
        let (tokens, next_page_token) = view::list(
            &self.0,
            &request.parent,
            request.page_size,
            &request.page_token,
        )
        .await?;
        let now = self.0.db.now();
        Ok(Response::new(v1::ListTokensResponse {
            tokens: tokens
                .into_iter()
                .map(|token| token.into_proto(now))
                .collect(),
            next_page_token,
        }))
    }

    async fn update_token(&self, request: Request<v1::UpdateTokenRequest>) -> Answer<v1::Token> {
        use update_token_request::Credential;
        let request = request.into_inner();
        let token = request.token.unwrap_or_default();
        let given = match request.credential {
            None => None,
            Some(Credential::ApiKey(key)) => Some(Given::ApiKey(key.into())),
            Some(Credential::OauthGrant(grant)) => Some(Given::Grant(grant_of(grant))),
            Some(Credential::TokenJson(text)) => Some(Given::TokenJson(text.into())),
        };
        let update = Update {
            name: token.name,
            etag: token.etag,
            mask: request.update_mask.unwrap_or_default().paths,
            display_name: token.display_name,
            request_budget: token.request_budget,
            given,
        };
        Ok(self.shown(update::update(&self.0, update).await?))
    }

    async fn delete_token(
        &self,
        request: Request<v1::DeleteTokenRequest>,
    ) -> Answer<v1::DeleteTokenResponse> {
        let request = request.into_inner();
        let name = TokenName::parse("name", &request.name)?;
        delete::delete(&self.0, &name, &request.etag).await?;
        Ok(Response::new(v1::DeleteTokenResponse {}))
    }

    async fn begin_authorization(
        &self,
        request: Request<v1::BeginAuthorizationRequest>,
    ) -> Answer<v1::BeginAuthorizationResponse> {
        let request = request.into_inner();
        let begin = Begin {
            name: request.name,
            redirect_uri: request.redirect_uri,
            extra_scopes: request.extra_scopes,
            login_hint: request.login_hint,
            ask_again: request.ask_again,
            for_browser: false,
        };
        if request.link {
            let link = authorize::link(&self.0, begin).await?;
            return Ok(Response::new(v1::BeginAuthorizationResponse {
                authorization_url: link.url.expose().to_owned(),
                state: String::new(),
                expire_time: Some(link.expires_at.into()),
            }));
        }
        let begun = authorize::begin(&self.0, begin).await?;
        Ok(Response::new(v1::BeginAuthorizationResponse {
            authorization_url: begun.url,
            state: begun.state.expose().to_owned(),
            expire_time: Some(begun.expires_at.into()),
        }))
    }

    async fn complete_authorization(
        &self,
        request: Request<v1::CompleteAuthorizationRequest>,
    ) -> Answer<v1::Token> {
        let request = request.into_inner();
        let redirected = match request.redirect_url.as_str() {
            "" => Redirected::Parts {
                code: request.code.into(),
                state: request.state.into(),
            },
            _ => Redirected::Address(request.redirect_url.into()),
        };
        let complete = Complete {
            name: request.name,
            redirected,
            browser: None,
        };
        Ok(self.shown(authorize::complete(&self.0, complete).await?))
    }

    async fn issue_access_token(
        &self,
        request: Request<v1::IssueAccessTokenRequest>,
    ) -> Answer<v1::IssueAccessTokenResponse> {
        let caller = reach::caller();
        let by = caller.as_deref().map_or(CALLER.into(), By::from);
        let request = request.into_inner();
        let mut wrong = Vec::new();
        let name = gather(&mut wrong, TokenName::parse("name", &request.name));
        let min_validity = match request.min_validity {
            None => DEFAULT_VALIDITY,
            Some(duration) => TimeDelta::try_seconds(duration.seconds)
                .and_then(|seconds| {
                    seconds.checked_add(&TimeDelta::nanoseconds(i64::from(duration.nanos)))
                })
                .unwrap_or(TimeDelta::MAX),
        };
        let validity = gather(&mut wrong, issue::check_validity(min_validity));
        let (Some(name), Some(())) = (name, validity) else {
            return Err(Error::Invalid(wrong).into());
        };
        let required = &request.required_scopes;
        let issued = issue::issue(&self.0, &name, min_validity, required, by).await;
        let issued = issued.inspect_err(|error| issue::count_refused(&self.0, &name, by, error))?;
        Ok(Response::new(v1::IssueAccessTokenResponse {
            access_token: issued.secret.expose().to_owned(),
            token_type: match issued.kind {
                Kind::OAuth => "Bearer".to_owned(),
                Kind::ApiKey => "ApiKey".to_owned(),
            },
            expire_time: issued.expires_at.map(Into::into),
            scopes: issued.scopes.as_slice().to_vec(),
        }))
    }

    async fn refresh_token(&self, request: Request<v1::RefreshTokenRequest>) -> Answer<v1::Token> {
        let name = TokenName::parse("name", &request.get_ref().name)?;
        Ok(self.shown(refresh::refresh(&self.0, &name).await?))
    }

    async fn check_token(
        &self,
        request: Request<v1::CheckTokenRequest>,
    ) -> Answer<v1::CheckTokenResponse> {
        let name = TokenName::parse("name", &request.get_ref().name)?;
        let health = check::check(&self.0, &name).await?;
        Ok(Response::new(v1::CheckTokenResponse {
            token: Some(health.token.into_proto(self.0.db.now())),
            usable: health.usable,
            problems: health.problems,
        }))
    }

    async fn revoke_token(&self, request: Request<v1::RevokeTokenRequest>) -> Answer<v1::Token> {
        let name = TokenName::parse("name", &request.get_ref().name)?;
        Ok(self.shown(revoke::revoke(&self.0, &name).await?))
    }

    async fn list_token_events(
        &self,
        request: Request<v1::ListTokenEventsRequest>,
    ) -> Answer<v1::ListTokenEventsResponse> {
        let request = request.into_inner();
        let mut wrong = Vec::new();
        let Some(parent) = gather(&mut wrong, TokenName::parse("parent", &request.parent)) else {
            let page = view::events_page(&request.parent, request.page_size, &request.page_token);
            gather(&mut wrong, page);
            return Err(Error::Invalid(wrong).into());
        };
        let (events, next_page_token) =
            view::events(&self.0, &parent, request.page_size, &request.page_token).await?;
        let events = events.into_iter().map(|event| v1::TokenEvent {
            time: Some(event.at.into()),
            kind: event.kind.as_str().to_owned(),
            detail: event.detail,
        });
        Ok(Response::new(v1::ListTokenEventsResponse {
            events: events.collect(),
            next_page_token,
        }))
    }

    async fn rotate_key(
        &self,
        _request: Request<v1::RotateKeyRequest>,
    ) -> Answer<v1::RotateKeyResponse> {
        let id = keys::rotate(&self.0).await?;
        Ok(Response::new(v1::RotateKeyResponse {
            key_id: id.to_string(),
        }))
    }

    async fn rewrap_tokens(
        &self,
        request: Request<v1::RewrapTokensRequest>,
    ) -> Answer<v1::RewrapTokensResponse> {
        let rewrapped = keys::rewrap(&self.0, request.get_ref().limit).await?;
        let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
        Ok(Response::new(v1::RewrapTokensResponse {
            rewrapped: count(rewrapped.done),
            remaining: count(rewrapped.remaining),
            keys: keys::uses(&self.0).await?.into_iter().map(use_of).collect(),
        }))
    }

    async fn retire_keys(
        &self,
        _request: Request<v1::RetireKeysRequest>,
    ) -> Answer<v1::RetireKeysResponse> {
        let retired = keys::retire(&self.0).await?;
        Ok(Response::new(v1::RetireKeysResponse {
            retired_key_ids: retired.ids.iter().map(ToString::to_string).collect(),
            removed_from_file: retired.removed,
            keys: retired.left.into_iter().map(use_of).collect(),
        }))
    }
}

impl Token {
    /// As clients see it at `now`.
    fn into_proto(self, now: DateTime<Utc>) -> v1::Token {
        let missing_scopes = self.missing_scopes().into_iter().map(str::to_owned);
        v1::Token {
            name: self.name().to_string(),
            provider: match self.provider {
                Provider::Google => v1::Provider::Google,
                Provider::Clockify => v1::Provider::Clockify,
            }
            .into(),
            kind: match self.kind {
                Kind::OAuth => v1::TokenKind::Oauth,
                Kind::ApiKey => v1::TokenKind::ApiKey,
            }
            .into(),
            state: match self.standing(now) {
                Standing::Active => v1::TokenState::Active,
                Standing::NeedsReauth => v1::TokenState::NeedsReauth,
                Standing::Revoked => v1::TokenState::Revoked,
                Standing::UnknownOutcome => v1::TokenState::UnknownOutcome,
            }
            .into(),
            missing_scopes: missing_scopes.collect(),
            etag: self.etag(),
            state_reason: match self.standing(now) {
                Standing::UnknownOutcome => tokens::UNKNOWN_OUTCOME.to_owned(),
                _ => self.state_reason,
            },
            display_name: self.display_name,
            account_id: self.account_id.unwrap_or_default(),
            account_label: self.account_label.unwrap_or_default(),
            client_id: self.client_id.unwrap_or_default(),
            scopes: self.scopes.as_slice().to_vec(),
            request_budget: self.request_budget.unwrap_or_default(),
            access_expire_time: self.access_expires_at.map(Into::into),
            grant_expire_time: self.grant_expires_at.map(Into::into),
            refresh_time: self.refreshed_at.map(Into::into),
            create_time: Some(self.created_at.into()),
            update_time: Some(self.updated_at.into()),
        }
    }
}

fn use_of(key: keys::Use) -> v1::KeyUse {
    v1::KeyUse {
        key_id: key.id.to_string(),
        sealed_texts: key.texts,
        seals: key.seals,
    }
}

/// `None` also for a number that is no provider: both are the same violation.
fn provider_of(number: i32) -> Option<Provider> {
    match v1::Provider::try_from(number) {
        Ok(v1::Provider::Google) => Some(Provider::Google),
        Ok(v1::Provider::Clockify) => Some(Provider::Clockify),
        Ok(v1::Provider::Unspecified) | Err(_) => None,
    }
}

fn grant_of(grant: v1::OauthGrant) -> OauthGrant {
    let secret = |text: String| Some(Secret::from(text)).filter(|secret| !secret.is_empty());
    let access_expires_at = grant.access_expire_time.map(DateTime::<Utc>::try_from);
    let unreadable = matches!(access_expires_at, Some(Err(_))).then(|| {
        Violation::new(
            "oauth_grant.access_expire_time",
            "expected a time between the years 1 and 9999",
        )
    });
    OauthGrant {
        refresh_token: grant.refresh_token.into(),
        access_token: secret(grant.access_token),
        access_expires_at: access_expires_at.and_then(Result::ok),
        grant_expires_at: None,
        client_id: Some(grant.client_id).filter(|id| !id.is_empty()),
        client_secret: secret(grant.client_secret),
        scopes: Scopes::new(grant.scopes),
        unreadable: unreadable.into_iter().collect(),
    }
}
