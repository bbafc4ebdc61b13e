//! `syncline user`: people who log in.

mod change;
mod secret;
mod shown;

use super::{Context, Exit, Usage, output::Output, session::Session};
use crate::{api::v1, people::PersonName};

/// What `user` can do. A user is named by its user name, its e-mail address, or users/ID.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make a user; the password is typed at a prompt, piped in, or read from a file
    Create(change::Create),
    /// List the users
    List {
        /// Only some, as in 'provider = google' (provider, username, email)
        #[arg(long, default_value = "")]
        filter: String,
    },
    /// Show a user; who calls, where none is named
    Show {
        /// Which one
        user: Option<String>,
    },
    /// Change a user
    Update(change::Update),
    /// Give a user another password, and end its sessions
    Password {
        /// Which one
        user: String,
        #[command(flatten)]
        password: secret::Source,
    },
    /// Remove a user and end its sessions
    Delete {
        /// Which one
        user: String,
    },
    /// List the sessions of a user, newest first
    Sessions {
        /// Which one
        user: String,
    },
    /// End a session
    Revoke {
        /// Its full name, users/…/sessions/…
        session: String,
    },
    /// Log in, and print what shows the session: once
    Login {
        /// User name or e-mail address
        user: String,
        #[command(flatten)]
        password: secret::Source,
    },
    /// Count users, logins and sessions
    Stats,
}

pub async fn run(command: Command, context: Context) -> anyhow::Result<Exit> {
    // What is typed is asked for, and refused, before a database is opened.
    let password = match &command {
        Command::Create(create) => create.password()?,
        Command::Password { password, .. } => Some(password.new_one()?),
        Command::Login { password, .. } => Some(password.known()?),
        _ => None,
    };
    let password = password.unwrap_or_default();
    let session = Session::open(&context).await?;
    let outcome = carry_out(command, password, &session, context.output).await;
    session.close().await;
    outcome.map(|()| Exit::Done)
}

async fn carry_out(
    command: Command,
    password: String,
    session: &Session,
    output: Output,
) -> anyhow::Result<()> {
    let mut accounts = session.accounts();
    match command {
        Command::Create(create) => {
            let request = v1::RegisterRequest {
                user: Some(create.user()?),
                password,
            };
            let made = accounts.register(request).await?.into_inner();
            let user = made.user.unwrap_or_default();
            output.result(&user, |user| format!("{} is made", user.name))
        }
        Command::List { filter } => {
            let users = v1::ListUsersResponse {
                users: all(session, &filter).await?,
                ..Default::default()
            };
            output.result(&users, shown::users)
        }
        Command::Show { user: None } => {
            let me = accounts.get_me(v1::GetMeRequest {}).await?.into_inner();
            output.result(&me, shown::me)
        }
        Command::Show { user: Some(user) } => {
            let name = find(session, &user).await?;
            let user = accounts.get_user(v1::GetUserRequest { name }).await?;
            output.result(&user.into_inner(), shown::user)
        }
        Command::Update(update) => {
            let name = find(session, update.whom()).await?;
            let user = accounts.update_user(update.request(name)?).await?;
            output.result(&user.into_inner(), shown::user)
        }
        Command::Password { user, .. } => {
            let name = find(session, &user).await?;
            let request = v1::UpdateUserRequest {
                user: Some(v1::User {
                    name,
                    ..v1::User::default()
                }),
                password,
                ..Default::default()
            };
            let user = accounts.update_user(request).await?.into_inner();
            output.result(&user, |user| {
                format!("{} has another password; its sessions ended", user.name)
            })
        }
        Command::Delete { user } => {
            let name = find(session, &user).await?;
            let request = v1::DeleteUserRequest {
                name: name.clone(),
                etag: String::new(),
            };
            let gone = accounts.delete_user(request).await?.into_inner();
            output.result(&gone, |_| format!("{name} is removed"))
        }
        Command::Sessions { user } => {
            let request = v1::ListSessionsRequest {
                parent: find(session, &user).await?,
                page_size: 500,
                page_token: String::new(),
            };
            let sessions = accounts.list_sessions(request).await?.into_inner();
            output.result(&sessions, shown::sessions)
        }
        Command::Revoke { session: name } => {
            let request = v1::RevokeSessionRequest { name: name.clone() };
            let ended = accounts.revoke_session(request).await?.into_inner();
            output.result(&ended, |_| format!("{name} is over"))
        }
        Command::Login { user, .. } => {
            let request = v1::LoginRequest {
                login: user,
                password,
                google_id_token: String::new(),
            };
            let begun = accounts.login(request).await?.into_inner();
            output.result(&begun, shown::login)
        }
        Command::Stats => {
            let request = v1::GetUserStatsRequest {};
            let stats = accounts.get_user_stats(request).await?.into_inner();
            output.result(&stats, shown::stats)
        }
    }
}

/// All users that a filter lets through.
async fn all(session: &Session, filter: &str) -> anyhow::Result<Vec<v1::User>> {
    let (mut users, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListUsersRequest {
            page_size: 500,
            page_token,
            filter: filter.to_owned(),
        };
        let page = session.accounts().list_users(request).await?.into_inner();
        users.extend(page.users);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(users);
        }
    }
}

/// The full name of a user that was typed in one of its forms.
async fn find(session: &Session, typed: &str) -> anyhow::Result<String> {
    if typed.starts_with("users/") {
        return Ok(typed.to_owned());
    }
    if let Ok(id) = typed.parse() {
        return Ok(PersonName(id).to_string());
    }
    if typed.contains('"') {
        return Err(
            Usage("expected a user name, an e-mail address, or users/ID".to_owned()).into(),
        );
    }
    let field = match typed.contains('@') {
        true => "email",
        false => "username",
    };
    let found = all(session, &format!("{field} = \"{typed}\"")).await?;
    let user = found.into_iter().next();
    let missing = || crate::base::Error::not_found("user", typed);
    Ok(user.ok_or_else(missing)?.name)
}
