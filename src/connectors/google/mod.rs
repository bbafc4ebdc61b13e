//! Google: OAuth 2.0, who the user is, Meet v2 and Calendar v3, all reading.

mod api;
pub mod calendar;
mod errors;
pub mod meet;
mod meeting_code;
pub mod oauth;
pub mod scopes;
mod userinfo;

pub use calendar::Calendar;
pub use errors::GoogleError;
pub use meet::Meet;
pub use meeting_code::MeetingCode;
pub use oauth::{OAuth, OAuthError};
pub use userinfo::{Identity, who_am_i};

use url::Url;

/// Where Google is; elsewhere in tests and demos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The consent page, for a browser.
    pub auth_url: Url,
    /// Gives tokens for codes and refresh tokens.
    pub token_url: Url,
    /// Takes tokens back.
    pub revoke_url: Url,
    /// Says whose token it is.
    pub userinfo_url: Url,
    /// What stands before `/v2`.
    pub meet_url: Url,
    /// Ends in `/calendar/v3`.
    pub calendar_url: Url,
}

impl Default for Endpoints {
    /// The real ones.
    fn default() -> Self {
        let url = |text: &str| text.parse().expect("the constant is a URL");
        Self {
            auth_url: url("https://accounts.google.com/o/oauth2/v2/auth"),
            token_url: url("https://oauth2.googleapis.com/token"),
            revoke_url: url("https://oauth2.googleapis.com/revoke"),
            userinfo_url: url("https://openidconnect.googleapis.com/v1/userinfo"),
            meet_url: url("https://meet.googleapis.com"),
            calendar_url: url("https://www.googleapis.com/calendar/v3"),
        }
    }
}
