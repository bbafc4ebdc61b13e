//! Resource names, as clients see them: `tenants/{tenant}/tokens/{id}` and the like. Parsed at the edge; inside, a name
//! is already well formed.

use crate::base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Longest id a user may choose.
const MAX_ID: usize = 63;

/// What an id looks like, for messages.
const ID_FORM: &str = "lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen, at most 63 characters";

/// An id that a user chose: the last part of a resource name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

/// A tenant's id: who owns data. `default` exists from the start.
pub type TenantId = ResourceId;

impl ResourceId {
    /// Checks `text`; `field` is named in the error.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let well_formed = text.len() <= MAX_ID
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid(
                field,
                format!("expected {ID_FORM}, got {}", shown(text)),
            ))
        }
    }

    /// The tenant that exists from the start.
    pub fn default_tenant() -> Self {
        Self("default".to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ResourceId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse("id", &text)
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Foreign text in a message: quoted, and cut, so that a message stays a message.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((cut, _)) => format!("{:?}… ({} bytes)", &text[..cut], text.len()),
    }
}

/// Splits `tenants/{tenant}` off the front of a name.
fn tenant_and_rest<'a>(field: &str, form: &str, text: &'a str) -> Result<(TenantId, &'a str)> {
    let wrong = || Error::invalid(field, format!("expected {form}, got {}", shown(text)));
    let rest = text.strip_prefix("tenants/").ok_or_else(wrong)?;
    let (tenant, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let tenant = ResourceId::parse(field, tenant).map_err(|_| wrong())?;
    Ok((tenant, rest))
}

/// Parses `tenants/{tenant}`, the parent of everything that is owned. An empty name means the default tenant, so that
/// `{}` works on an installation with one tenant.
pub fn parse_parent(field: &str, text: &str) -> Result<TenantId> {
    if text.is_empty() {
        return Ok(ResourceId::default_tenant());
    }
    match tenant_and_rest(field, "tenants/{tenant}", text)? {
        (tenant, "") if !text.ends_with('/') => Ok(tenant),
        _ => Err(Error::invalid(
            field,
            format!("expected tenants/{{tenant}}, got {}", shown(text)),
        )),
    }
}

/// The last part of a name, which a form in braces does not describe.
trait LastPart: FromStr {
    /// What it looks like, for messages.
    const LOOKS: &'static str;
}

impl LastPart for ResourceId {
    const LOOKS: &'static str = "lower-case letters, digits and hyphens";
}

impl LastPart for Uuid {
    const LOOKS: &'static str = "a UUID";
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $id:ty, $collection:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name {
            /// Who owns it.
            pub tenant: TenantId,
            /// The last part of the name.
            pub id: $id,
        }

        impl $name {
            /// The resource's type, as errors name it.
            pub const KIND: &'static str = $kind;
            /// What such a name looks like.
            pub const FORM: &'static str = concat!("tenants/{tenant}/", $collection, "/{", $kind, "}");

            /// Puts a name together from its parts.
            pub fn new(tenant: TenantId, id: $id) -> Self {
                Self { tenant, id }
            }

            /// Parses a full name; `field` is named in the error.
            pub fn parse(field: &str, text: &str) -> Result<Self> {
                let (tenant, rest) = tenant_and_rest(field, Self::FORM, text)?;
                let wrong = |which: String| {
                    let expected = format!("expected {}{which}, got {}", Self::FORM, shown(text));
                    Error::invalid(field, expected)
                };
                let id = rest
                    .strip_prefix(concat!($collection, "/"))
                    .ok_or_else(|| wrong(String::new()))?;
                let id = id
                    .parse()
                    .map_err(|_| wrong(format!(", its last part {}", <$id as LastPart>::LOOKS)))?;
                Ok(Self { tenant, id })
            }

            /// The error for a name that leads nowhere, or to somebody else's resource.
            pub fn not_found(&self) -> Error {
                Error::not_found($kind, self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "tenants/{}/{}/{}", self.tenant, $collection, self.id)
            }
        }
    )*};
}

impl FromStr for ResourceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse("id", text)
    }
}

names! {
    /// One credential at one provider.
    TokenName, ResourceId, "tokens", "token";
    /// A definition: source, destination, rules.
    SyncName, ResourceId, "syncs", "sync";
    /// One execution of something.
    RunName, Uuid, "runs", "run";
    /// One object read from a source.
    RecordName, Uuid, "records", "record";
    /// One thing written to a destination for one record.
    EffectName, Uuid, "effects", "effect";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_name_survives_its_own_text() {
        let name = TokenName::parse("name", "tenants/default/tokens/google").unwrap();
        assert_eq!(name.to_string(), "tenants/default/tokens/google");
        assert_eq!(name.tenant, ResourceId::default_tenant());
    }

    #[test]
    fn names_of_another_form_are_refused_with_the_form() {
        for text in [
            "",
            "google",
            "tenants/default",
            "tenants/default/tokens/",
            "tenants/default/tokens/Google",
            "tenants/default/syncs/google",
            "tenants/default/tokens/google/x",
            "tenants//tokens/google",
            "tenants/default/tokens/-a",
        ] {
            let error = TokenName::parse("name", text).unwrap_err().to_string();
            assert!(error.contains("tenants/{tenant}/tokens/{token}"), "{error}");
        }
    }

    #[test]
    fn where_only_the_last_part_is_wrong_the_error_says_what_it_looks_like() {
        let token = TokenName::parse("name", "tenants/default/tokens/A").unwrap_err();
        assert!(token.to_string().contains("lower-case letters"), "{token}");
        let run = RunName::parse("name", "tenants/default/runs/a").unwrap_err();
        assert!(run.to_string().contains("a UUID"), "{run}");
    }

    #[test]
    fn an_empty_parent_is_the_default_tenant_and_a_wrong_one_is_refused() {
        assert_eq!(parse_parent("parent", "").unwrap().as_str(), "default");
        assert_eq!(parse_parent("parent", "tenants/a").unwrap().as_str(), "a");
        assert!(parse_parent("parent", "tenants/a/").is_err());
        assert!(parse_parent("parent", "tenants/a/tokens/b").is_err());
    }

    #[test]
    fn ten_megabytes_in_a_name_make_a_short_error() {
        let error = TokenName::parse("name", &"x".repeat(10_000_000)).unwrap_err();
        assert!(error.to_string().len() < 300);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            let _ = SyncName::parse("name", &text);
            let _ = RunName::parse("name", &format!("tenants/default/runs/{text}"));
            let _ = parse_parent("parent", &text);
        }
    }
}
