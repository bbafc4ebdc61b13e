//! `user create` and `user update`.

use super::secret::Source;
use crate::{api::v1, base::Role, cli::Usage};
use pbjson_types::FieldMask;

/// Arguments of `user create`.
#[derive(clap::Args, Debug)]
pub struct Create {
    /// User name, or e-mail address
    login: String,
    /// E-mail address, where the user name is named first
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[command(flatten)]
    roles: Roles,
    /// Somebody who logs in by Google only, with this e-mail address
    #[arg(long)]
    no_password: bool,
    #[command(flatten)]
    password: Source,
}

/// Arguments of `user update`.
#[derive(clap::Args, Debug)]
pub struct Update {
    /// Which one
    user: String,
    /// Another user name; '' takes it away
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Another e-mail address; '' takes it away
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Another name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[command(flatten)]
    roles: Roles,
    /// Take all roles in tenants away
    #[arg(long, conflicts_with = "roles")]
    no_roles: bool,
}

/// What a user may do.
#[derive(clap::Args, Debug)]
struct Roles {
    /// A role in a tenant, as in default=operator (viewer, operator, admin); may be given several times, and stands for all
    /// of them
    #[arg(long = "role", value_name = "TENANT=ROLE")]
    roles: Vec<String>,
    /// A role over the whole installation: viewer, operator, admin, or none
    #[arg(long, value_name = "ROLE")]
    instance_role: Option<String>,
}

impl Roles {
    fn memberships(&self) -> anyhow::Result<Vec<v1::Membership>> {
        let read = |text: &String| {
            let wrong = || {
                Usage("--role: expected TENANT=ROLE, the role viewer, operator or admin".to_owned())
            };
            let (tenant, role) = text.split_once('=').ok_or_else(wrong)?;
            let tenant = match tenant.starts_with("tenants/") {
                true => tenant.to_owned(),
                false => format!("tenants/{tenant}"),
            };
            let role = role_of(role).ok_or_else(wrong)?.into();
            Ok(v1::Membership { tenant, role })
        };
        self.roles.iter().map(read).collect()
    }

    fn over_all(&self) -> anyhow::Result<v1::Role> {
        match self.instance_role.as_deref() {
            None | Some("none") => Ok(v1::Role::Unspecified),
            Some(role) => Ok(role_of(role).ok_or_else(|| {
                Usage("--instance-role: expected viewer, operator, admin or none".to_owned())
            })?),
        }
    }
}

fn role_of(text: &str) -> Option<v1::Role> {
    Some(match text.parse().ok()? {
        Role::Viewer => v1::Role::Viewer,
        Role::Operator => v1::Role::Operator,
        Role::Admin => v1::Role::Admin,
    })
}

impl Create {
    /// The password, where there shall be one.
    pub fn password(&self) -> anyhow::Result<Option<String>> {
        match self.no_password {
            true => Ok(None),
            false => self.password.new_one().map(Some),
        }
    }

    /// Who is made.
    pub fn user(self) -> anyhow::Result<v1::User> {
        let (username, email) = match self.login.contains('@') {
            true if self.email.is_some() => {
                return Err(Usage("--email: there is an e-mail address already".to_owned()).into());
            }
            true => (String::new(), self.login.clone()),
            false => (self.login.clone(), self.email.clone().unwrap_or_default()),
        };
        let mut user = v1::User {
            username,
            email,
            memberships: self.roles.memberships()?,
            display_name: self.display_name.unwrap_or_default(),
            ..v1::User::default()
        };
        user.set_instance_role(self.roles.over_all()?);
        Ok(user)
    }
}

impl Update {
    /// Who is changed, as it was typed.
    pub fn whom(&self) -> &str {
        &self.user
    }

    /// The change of the user with this name.
    pub fn request(self, name: String) -> anyhow::Result<v1::UpdateUserRequest> {
        let mut paths = Vec::new();
        let mut named = |is_meant: bool, path: &str| {
            if is_meant {
                paths.push(path.to_owned());
            }
        };
        named(self.username.is_some(), "username");
        named(self.email.is_some(), "email");
        named(self.display_name.is_some(), "display_name");
        named(self.no_roles || !self.roles.roles.is_empty(), "memberships");
        named(self.roles.instance_role.is_some(), "instance_role");
        if paths.is_empty() {
            let message = "nothing to change was given: --username, --email, --display-name, --role, --no-roles, --instance-role";
            return Err(Usage(message.to_owned()).into());
        }
        let mut user = v1::User {
            name,
            memberships: self.roles.memberships()?,
            username: self.username.unwrap_or_default(),
            email: self.email.unwrap_or_default(),
            display_name: self.display_name.unwrap_or_default(),
            ..v1::User::default()
        };
        user.set_instance_role(self.roles.over_all()?);
        Ok(v1::UpdateUserRequest {
            user: Some(user),
            update_mask: Some(FieldMask { paths }),
            ..v1::UpdateUserRequest::default()
        })
    }
}
