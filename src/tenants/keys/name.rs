//! What keys are called: `tenants/{tenant}/apiKeys/{key}`, or `apiKeys/{key}` for those of the whole installation.

use crate::base::{Error, ResourceId, Result, TenantId, name::shown};
use std::fmt;
use uuid::Uuid;

/// What such a name looks like.
const FORM: &str = "tenants/{tenant}/apiKeys/{key} or apiKeys/{key}, the key a UUID";

/// The name of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName {
    /// Who owns it; `None` is the whole installation.
    pub tenant: Option<TenantId>,
    /// The last part of the name.
    pub id: Uuid,
}

impl KeyName {
    /// Parses a full name; `field` is named in the error.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        Self::read(text)
            .ok_or_else(|| Error::invalid(field, format!("expected {FORM}, got {}", shown(text))))
    }

    fn read(text: &str) -> Option<Self> {
        let (tenant, rest) = match text.strip_prefix("tenants/") {
            None => (None, text),
            Some(rest) => {
                let (tenant, rest) = rest.split_once('/')?;
                (Some(ResourceId::parse("name", tenant).ok()?), rest)
            }
        };
        let id = rest.strip_prefix("apiKeys/")?.parse().ok()?;
        Some(Self { tenant, id })
    }

    /// As the table has it: empty for the whole installation.
    pub(super) fn tenant_id(&self) -> &str {
        self.tenant.as_ref().map_or("", |tenant| tenant.as_str())
    }

    /// The error for a name that leads nowhere, or to somebody else's key.
    pub fn not_found(&self) -> Error {
        Error::not_found("api key", self)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tenant) = &self.tenant {
            write!(f, "tenants/{tenant}/")?;
        }
        write!(f, "apiKeys/{}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_survives_its_own_text_with_and_without_a_tenant() {
        let id = Uuid::from_u128(7);
        for text in [format!("tenants/a/apiKeys/{id}"), format!("apiKeys/{id}")] {
            assert_eq!(KeyName::parse("name", &text).unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "apiKeys/",
            "apiKeys/x",
            "tenants/a/apiKeys",
            "tenants//apiKeys/x",
        ] {
            let error = KeyName::parse("name", wrong).unwrap_err().to_string();
            assert!(error.contains("apiKeys/{key}"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(tenants/)?.{0,60}") {
            let _ = KeyName::parse("name", &text);
        }
    }
}
