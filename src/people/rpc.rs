//! `AccountService`: messages in, messages out, no rules.

use crate::{
    api::v1::{self, account_service_server::AccountService},
    app::App,
    base::{Error, Result, Role, Violation, name::parse_parent, reach},
    people::{
        self, Begun, Login, Membership, Origin, PersonName, Profile, Provider, Register, Session,
        SessionName, Update, gather,
    },
};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// Serves `syncline.v1.AccountService`.
#[derive(Clone, Debug)]
pub struct Accounts(App);

impl Accounts {
    /// Serves from `app`.
    pub fn new(app: App) -> Self {
        Self(app)
    }
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Answer<v1::RegisterResponse> {
        let origin = origin(&request);
        let request = request.into_inner();
        let user = request.user.unwrap_or_default();
        let mut wrong = Vec::new();
        let register = Register {
            memberships: memberships_of(&mut wrong, &user.memberships),
            instance_role: role_of(user.instance_role()),
            username: user.username,
            email: user.email,
            display_name: user.display_name,
            password: request.password.into(),
        };
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong).into());
        }
        let registered = people::register(&self.0, register, &origin).await?;
        let (session_token, expire_time) = match registered.begun {
            None => (String::new(), None),
            Some(begun) => shown(&begun),
        };
        Ok(Response::new(v1::RegisterResponse {
            user: Some(registered.profile.into()),
            session_token,
            expire_time,
        }))
    }

    async fn login(&self, request: Request<v1::LoginRequest>) -> Answer<v1::LoginResponse> {
        let origin = origin(&request);
        let request = request.into_inner();
        let login = Login {
            login: request.login,
            password: request.password.into(),
            google_id_token: request.google_id_token.into(),
        };
        let (profile, begun) = people::login(&self.0, login, &origin).await?;
        let (session_token, expire_time) = shown(&begun);
        Ok(Response::new(v1::LoginResponse {
            user: Some(profile.into()),
            session_token,
            expire_time,
        }))
    }

    async fn logout(&self, _: Request<v1::LogoutRequest>) -> Answer<v1::LogoutResponse> {
        people::logout(&self.0).await?;
        Ok(Response::new(v1::LogoutResponse {}))
    }

    async fn get_me(&self, _: Request<v1::GetMeRequest>) -> Answer<v1::GetMeResponse> {
        let user = people::me(&self.0).await?.map(v1::User::from);
        let caller = reach::caller();
        let permissions = caller.as_ref().map(|caller| &caller.permissions);
        let memberships = permissions
            .map(|permissions| permissions.tenants())
            .unwrap_or_default();
        let memberships = memberships.into_iter().map(|(tenant, role)| {
            let tenant = tenant.clone();
            Membership { tenant, role }.into()
        });
        // Outside of calls everything may be done.
        let role = permissions.map_or(Some(Role::Admin), |permissions| permissions.instance_role());
        Ok(Response::new(v1::GetMeResponse {
            user,
            actor: caller
                .as_ref()
                .map_or("syncline", |caller| &caller.name)
                .to_owned(),
            memberships: memberships.collect(),
            instance_role: role_into(role).into(),
        }))
    }

    async fn get_user(&self, request: Request<v1::GetUserRequest>) -> Answer<v1::User> {
        let name = PersonName::parse("name", &request.get_ref().name)?;
        Ok(Response::new(people::get(&self.0, name).await?.into()))
    }

    async fn list_users(
        &self,
        request: Request<v1::ListUsersRequest>,
    ) -> Answer<v1::ListUsersResponse> {
        let v1::ListUsersRequest {
            page_size,
            page_token,
            filter,
        } = request.into_inner();
        let (users, next_page_token) =
            people::list(&self.0, page_size, &page_token, &filter).await?;
        Ok(Response::new(v1::ListUsersResponse {
            users: users.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn update_user(&self, request: Request<v1::UpdateUserRequest>) -> Answer<v1::User> {
        let request = request.into_inner();
        let user = request.user.unwrap_or_default();
        let mut wrong = Vec::new();
        let update = Update {
            memberships: memberships_of(&mut wrong, &user.memberships),
            instance_role: role_of(user.instance_role()),
            name: user.name,
            etag: user.etag,
            mask: request.update_mask.unwrap_or_default().paths,
            username: user.username,
            email: user.email,
            display_name: user.display_name,
            password: request.password.into(),
            current_password: request.current_password.into(),
        };
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong).into());
        }
        Ok(Response::new(people::update(&self.0, update).await?.into()))
    }

    async fn delete_user(
        &self,
        request: Request<v1::DeleteUserRequest>,
    ) -> Answer<v1::DeleteUserResponse> {
        let request = request.into_inner();
        let name = PersonName::parse("name", &request.name)?;
        people::delete(&self.0, name, &request.etag).await?;
        Ok(Response::new(v1::DeleteUserResponse {}))
    }

    async fn get_user_stats(&self, _: Request<v1::GetUserStatsRequest>) -> Answer<v1::UserStats> {
        let stats = people::stats(&self.0).await?;
        Ok(Response::new(v1::UserStats {
            total_users: stats.total,
            local_users: stats.local,
            google_users: stats.google,
            firebase_google_users: stats.firebase_google,
            users_last_week: stats.made_last_week,
            users_last_month: stats.made_last_month,
            logins_last_week: stats.logins_last_week,
            logins_last_month: stats.logins_last_month,
            active_sessions: stats.active_sessions,
        }))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Answer<v1::ListSessionsResponse> {
        let v1::ListSessionsRequest {
            parent,
            page_size,
            page_token,
        } = request.into_inner();
        let (sessions, next_page_token) =
            people::sessions(&self.0, &parent, page_size, &page_token).await?;
        Ok(Response::new(v1::ListSessionsResponse {
            sessions: sessions.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn revoke_session(
        &self,
        request: Request<v1::RevokeSessionRequest>,
    ) -> Answer<v1::RevokeSessionResponse> {
        let name = SessionName::parse("name", &request.get_ref().name)?;
        people::revoke(&self.0, name).await?;
        Ok(Response::new(v1::RevokeSessionResponse {}))
    }
}

fn origin<T>(request: &Request<T>) -> Origin {
    let agent = request.metadata().get("user-agent");
    let agent = agent.and_then(|agent| agent.to_str().ok());
    Origin {
        user_agent: agent.unwrap_or_default().to_owned(),
    }
}

fn shown(begun: &Begun) -> (String, Option<crate::api::Timestamp>) {
    (
        begun.token.expose().to_owned(),
        Some(begun.expires_at.into()),
    )
}

fn memberships_of(wrong: &mut Vec<Violation>, memberships: &[v1::Membership]) -> Vec<Membership> {
    let mut read = Vec::new();
    for (index, membership) in memberships.iter().enumerate() {
        let field = |name: &str| format!("user.memberships[{index}].{name}");
        let tenant = gather(wrong, parse_parent(&field("tenant"), &membership.tenant));
        let role = role_of(membership.role());
        if role.is_none() {
            let expected = "expected ROLE_VIEWER, ROLE_OPERATOR or ROLE_ADMIN";
            wrong.push(Violation::new(field("role"), expected));
        }
        read.extend(
            tenant
                .zip(role)
                .map(|(tenant, role)| Membership { tenant, role }),
        );
    }
    read
}

fn role_of(role: v1::Role) -> Option<Role> {
    match role {
        v1::Role::Unspecified => None,
        v1::Role::Viewer => Some(Role::Viewer),
        v1::Role::Operator => Some(Role::Operator),
        v1::Role::Admin => Some(Role::Admin),
    }
}

fn role_into(role: Option<Role>) -> v1::Role {
    match role {
        None => v1::Role::Unspecified,
        Some(Role::Viewer) => v1::Role::Viewer,
        Some(Role::Operator) => v1::Role::Operator,
        Some(Role::Admin) => v1::Role::Admin,
    }
}

impl From<Membership> for v1::Membership {
    fn from(membership: Membership) -> Self {
        Self {
            tenant: format!("tenants/{}", membership.tenant),
            role: role_into(Some(membership.role)).into(),
        }
    }
}

impl From<Profile> for v1::User {
    fn from(profile: Profile) -> Self {
        let person = profile.person;
        let provider = match person.provider {
            Provider::Local => v1::UserProvider::Local,
            Provider::Google => v1::UserProvider::Google,
            Provider::FirebaseGoogle => v1::UserProvider::FirebaseGoogle,
        };
        // Where the id here is that of the source, there is nothing more to say.
        let source_id = person.source_id.as_deref().unwrap_or_default();
        let is_own = source_id == person.person_id.to_string();
        Self {
            name: person.name().to_string(),
            instance_role: role_into(person.instance_role()).into(),
            etag: person.etag(),
            source_id: if is_own {
                String::new()
            } else {
                source_id.to_owned()
            },
            has_password: person.password_hash.is_some(),
            username: person.username.unwrap_or_default(),
            email: person.email.unwrap_or_default(),
            display_name: person.display_name,
            provider: provider.into(),
            memberships: profile.memberships.into_iter().map(Into::into).collect(),
            create_time: Some(person.created_at.into()),
            update_time: Some(person.updated_at.into()),
            login_time: person.login_at.map(Into::into),
        }
    }
}

impl From<Session> for v1::Session {
    fn from(session: Session) -> Self {
        Self {
            name: session.name.to_string(),
            address: session.address,
            user_agent: session.user_agent,
            create_time: Some(session.created_at.into()),
            last_use_time: Some(session.used_at.into()),
            expire_time: Some(session.expires_at.into()),
            current: session.is_current,
        }
    }
}
