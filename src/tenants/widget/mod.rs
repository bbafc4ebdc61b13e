//! What the embedded widget of a tenant looks like.

mod show;
mod store;
mod update;

pub use show::{Shown, allowed_anywhere, get, show};
pub use update::{Update, update};

use crate::base::{Error, Result, TenantId, Violation, name::shown};
use chrono::{DateTime, Utc};

/// Longest welcome, in characters.
const LONGEST_WELCOME: usize = 500;
/// Longest name, in characters.
const LONGEST_NAME: usize = 100;

/// Where it stands on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// From the start.
    BottomRight,
    /// The other one.
    BottomLeft,
}

impl Position {
    /// As the database and pages write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BottomRight => "bottom-right",
            Self::BottomLeft => "bottom-left",
        }
    }
}

impl TryFrom<String> for Position {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        match text.as_str() {
            "bottom-right" => Ok(Self::BottomRight),
            "bottom-left" => Ok(Self::BottomLeft),
            _ => Err(Error::internal("a widget stands where none of ours does")),
        }
    }
}

/// A widget's look.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Widget {
    /// `#RRGGBB`.
    pub primary_color: String,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub position: Position,
    /// What it says first; may be empty.
    pub welcome_message: String,
    /// Its title.
    pub widget_name: String,
    /// Last changed; `None` as long as it is as it was from the start.
    pub updated_at: Option<DateTime<Utc>>,
}

impl Default for Widget {
    fn default() -> Self {
        Self {
            primary_color: "#3b82f6".to_owned(),
            position: Position::BottomRight,
            welcome_message: "Hi! How can I help?".to_owned(),
            widget_name: "Support".to_owned(),
            updated_at: None,
        }
    }
}

/// `tenants/{tenant}/widget`.
pub fn name_of(tenant: &TenantId) -> String {
    format!("tenants/{tenant}/widget")
}

/// Parses the name of a widget; an empty one is the default tenant's.
pub fn parse_name(field: &str, text: &str) -> Result<TenantId> {
    if text.is_empty() {
        return Ok(TenantId::default_tenant());
    }
    let id = text
        .strip_prefix("tenants/")
        .and_then(|rest| rest.strip_suffix("/widget"))
        .and_then(|id| TenantId::parse(field, id).ok());
    id.ok_or_else(|| {
        let expected = format!("expected tenants/{{tenant}}/widget, got {}", shown(text));
        Error::invalid(field, expected)
    })
}

fn check_color(wrong: &mut Vec<Violation>, text: &str) {
    let digits = text.strip_prefix('#').unwrap_or_default();
    if digits.len() != 6 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        let expected = format!("expected #RRGGBB, got {}", shown(text));
        wrong.push(Violation::new("widget.primary_color", expected));
    }
}

fn check_welcome(wrong: &mut Vec<Violation>, text: &str) {
    let fine = text.chars().all(|c| c == '\n' || !c.is_control());
    if !fine || text.chars().count() > LONGEST_WELCOME {
        let expected = format!(
            "expected a text of at most {LONGEST_WELCOME} characters, got {}",
            shown(text)
        );
        wrong.push(Violation::new("widget.welcome_message", expected));
    }
}

fn check_name(wrong: &mut Vec<Violation>, text: &str) {
    if text.chars().any(char::is_control) || text.chars().count() > LONGEST_NAME {
        let expected = format!(
            "expected one line of at most {LONGEST_NAME} characters, got {}",
            shown(text)
        );
        wrong.push(Violation::new("widget.widget_name", expected));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(check: fn(&mut Vec<Violation>, &str), text: &str) -> usize {
        let mut wrong = Vec::new();
        check(&mut wrong, text);
        wrong.len()
    }

    #[test]
    fn a_colour_has_six_digits_in_any_case() {
        for fine in ["#12ab9F", "#000000", "#FFFFFF"] {
            assert_eq!(complaints(check_color, fine), 0, "{fine}");
        }
        for wrong in [
            "red",
            "#123",
            "",
            "12ab9F",
            "#12ab9g",
            "#12ab9F;",
            "#１２３４５６",
            "#12ab9F0",
        ] {
            assert_eq!(complaints(check_color, wrong), 1, "{wrong}");
        }
    }

    #[test]
    fn texts_are_counted_in_characters() {
        assert_eq!(complaints(check_welcome, &"é".repeat(500)), 0);
        assert_eq!(complaints(check_welcome, &"é".repeat(501)), 1);
        assert_eq!(complaints(check_welcome, "two\nlines"), 0);
        assert_eq!(complaints(check_name, &"é".repeat(100)), 0);
        assert_eq!(complaints(check_name, &"é".repeat(101)), 1);
        assert_eq!(complaints(check_name, "two\nlines"), 1);
    }

    #[test]
    fn a_name_survives_its_own_text() {
        let tenant = TenantId::parse("id", "acme").unwrap();
        assert_eq!(parse_name("name", &name_of(&tenant)).unwrap(), tenant);
        assert_eq!(parse_name("name", "").unwrap().as_str(), "default");
        for text in [
            "tenants/acme",
            "tenants//widget",
            "tenants/a/b/widget",
            "widget",
        ] {
            assert!(parse_name("name", text).is_err(), "{text}");
        }
    }
}
