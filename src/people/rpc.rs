//! `AccountService`: messages in, messages out, no rules.

use crate::{
    api::v1::{self, account_service_server::AccountService},
    app::App,
    base::{Error, Result},
};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// Serves `syncline.v1.AccountService`.
#[derive(Clone, Debug)]
pub struct Accounts(#[expect(dead_code, reason = "not built yet")] App);

impl Accounts {
    /// Serves from `app`.
    pub fn new(app: App) -> Self {
        Self(app)
    }
}

fn not_built<T>() -> Answer<T> {
    Err(Error::internal("not built yet").into())
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn register(&self, _: Request<v1::RegisterRequest>) -> Answer<v1::RegisterResponse> {
        not_built()
    }

    async fn login(&self, _: Request<v1::LoginRequest>) -> Answer<v1::LoginResponse> {
        not_built()
    }

    async fn logout(&self, _: Request<v1::LogoutRequest>) -> Answer<v1::LogoutResponse> {
        not_built()
    }

    async fn get_me(&self, _: Request<v1::GetMeRequest>) -> Answer<v1::GetMeResponse> {
        not_built()
    }

    async fn list_users(&self, _: Request<v1::ListUsersRequest>) -> Answer<v1::ListUsersResponse> {
        not_built()
    }

    async fn update_user(&self, _: Request<v1::UpdateUserRequest>) -> Answer<v1::User> {
        not_built()
    }

    async fn delete_user(
        &self,
        _: Request<v1::DeleteUserRequest>,
    ) -> Answer<v1::DeleteUserResponse> {
        not_built()
    }

    async fn get_user_stats(&self, _: Request<v1::GetUserStatsRequest>) -> Answer<v1::UserStats> {
        not_built()
    }

    async fn list_sessions(
        &self,
        _: Request<v1::ListSessionsRequest>,
    ) -> Answer<v1::ListSessionsResponse> {
        not_built()
    }

    async fn revoke_session(
        &self,
        _: Request<v1::RevokeSessionRequest>,
    ) -> Answer<v1::RevokeSessionResponse> {
        not_built()
    }
}
