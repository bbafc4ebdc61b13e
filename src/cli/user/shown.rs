//! Users as people read them.

use crate::{
    api::v1::{self, Role, User},
    cli::{output::table, time},
};

/// All of them.
pub fn users(all: &v1::ListUsersResponse) -> String {
    if all.users.is_empty() {
        return "no users yet: `syncline user create NAME`".to_owned();
    }
    let rows = all.users.iter().map(|user| {
        [
            user.name.clone(),
            user.username.clone(),
            user.email.clone(),
            word(user.provider().as_str_name(), "USER_PROVIDER_"),
            roles(user.instance_role(), &user.memberships),
            time::moment(user.login_time.as_ref()),
        ]
    });
    table(
        [
            "NAME",
            "USER NAME",
            "E-MAIL",
            "BY",
            "ROLES",
            "LAST LOGIN (UTC)",
        ],
        rows,
    )
}

/// One of them, field by field.
pub fn user(user: &User) -> String {
    let rows = [
        ("name", user.name.clone()),
        ("user name", user.username.clone()),
        ("e-mail", user.email.clone()),
        ("display name", user.display_name.clone()),
        (
            "provider",
            word(user.provider().as_str_name(), "USER_PROVIDER_"),
        ),
        ("roles", roles(user.instance_role(), &user.memberships)),
        ("made (UTC)", time::moment(user.create_time.as_ref())),
        ("last login (UTC)", time::moment(user.login_time.as_ref())),
        ("id in its source", user.source_id.clone()),
    ];
    fields(rows)
}

/// Who calls.
pub fn me(me: &v1::GetMeResponse) -> String {
    match &me.user {
        Some(known) => user(known),
        None => fields([
            ("actor", me.actor.clone()),
            ("roles", roles(me.instance_role(), &me.memberships)),
        ]),
    }
}

/// Sessions, newest first.
pub fn sessions(all: &v1::ListSessionsResponse) -> String {
    let rows = all.sessions.iter().map(|session| {
        [
            session.name.clone(),
            session.address.clone(),
            session.user_agent.clone(),
            time::moment(session.last_use_time.as_ref()),
            time::moment(session.expire_time.as_ref()),
        ]
    });
    table(
        ["SESSION", "FROM", "WITH", "LAST USE (UTC)", "ENDS (UTC)"],
        rows,
    )
}

/// What shows a session.
pub fn login(begun: &v1::LoginResponse) -> String {
    format!(
        "{}\nIt is good until {} UTC, and shown only here: send it as `authorization: Bearer …`.",
        begun.session_token,
        time::moment(begun.expire_time.as_ref())
    )
}

/// How many there are.
pub fn stats(stats: &v1::UserStats) -> String {
    fields([
        ("users", stats.total_users.to_string()),
        ("with a password", stats.local_users.to_string()),
        ("by Google", stats.google_users.to_string()),
        (
            "by Google and Firebase",
            stats.firebase_google_users.to_string(),
        ),
        ("made in the last 7 days", stats.users_last_week.to_string()),
        (
            "made in the last 30 days",
            stats.users_last_month.to_string(),
        ),
        (
            "logins in the last 7 days",
            stats.logins_last_week.to_string(),
        ),
        (
            "logins in the last 30 days",
            stats.logins_last_month.to_string(),
        ),
        ("sessions", stats.active_sessions.to_string()),
    ])
}

fn fields<const N: usize>(rows: [(&str, String); N]) -> String {
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    table(["", ""], rows.map(|(name, value)| [name.to_owned(), value]))
}

fn roles(over_all: Role, memberships: &[v1::Membership]) -> String {
    let over_all = match over_all {
        Role::Unspecified => None,
        role => Some(format!(
            "{} of the installation",
            word(role.as_str_name(), "ROLE_")
        )),
    };
    let in_tenants = memberships.iter().map(|membership| {
        let tenant = membership.tenant.trim_start_matches("tenants/");
        format!(
            "{tenant}={}",
            word(membership.role().as_str_name(), "ROLE_")
        )
    });
    let all: Vec<_> = over_all.into_iter().chain(in_tenants).collect();
    all.join(", ")
}

fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix)
        .to_lowercase()
        .replace('_', "-")
}
