//! One rule: which calls it fits, when it strikes, and what happens then. Rules are plain data, also in JSON.

use axum::http::Method;
use regex::Regex;
use serde::{Deserialize, Serialize};

/// A fault on certain calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Shown in the call log.
    #[serde(default = "unnamed")]
    pub name: String,
    #[serde(default)]
    pub matcher: Matcher,
    #[serde(default)]
    pub when: When,
    pub effect: Effect,
}

fn unnamed() -> String {
    "custom".to_owned()
}

impl Rule {
    /// A rule for an endpoint (or a pattern of endpoints, as in [`Matcher::endpoint`]).
    pub fn on(endpoint: &str, when: When, effect: Effect) -> Self {
        let matcher = Matcher {
            endpoint: Some(endpoint.to_owned()),
            ..Matcher::default()
        };
        Self {
            name: unnamed(),
            matcher,
            when,
            effect,
        }
    }

    /// The same rule under a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }
}

/// Which calls a rule is about. All given parts must fit; an empty matcher fits every call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// Endpoint name such as `clockify.timeEntries.create`; a `*` at the end fits any rest.
    pub endpoint: Option<String>,
    /// HTTP method, any case.
    pub method: Option<String>,
    /// Regular expression over the path as received.
    #[serde(with = "pattern")]
    pub path: Option<Regex>,
}

impl Matcher {
    pub(crate) fn fits(&self, method: &Method, endpoint: &str, path: &str) -> bool {
        let by_endpoint =
            self.endpoint
                .as_deref()
                .is_none_or(|wanted| match wanted.strip_suffix('*') {
                    Some(prefix) => endpoint.starts_with(prefix),
                    None => endpoint == wanted,
                });
        let by_method = self
            .method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()));
        let by_path = self
            .path
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(path));
        by_endpoint && by_method && by_path
    }
}

/// On which of the fitting calls a rule strikes. Calls are counted from when the rule was added.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    #[default]
    Always,
    /// Only the call with this number, from 1.
    Nth(u64),
    /// Every so manieth call.
    Every(u64),
    /// The first so many calls.
    Next(u64),
    /// All but the first so many calls.
    After(u64),
    /// Each call with this probability (0 to 1), by the simulator's seed.
    Probability(f64),
}

/// What happens to a call. "Commit" means that the call is really carried out first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Answered like this without being carried out.
    Reply(Canned),
    /// Carried out, then answered like this.
    CommitThenReply(Canned),
    /// The connection is closed before the call is carried out; no byte is answered.
    Drop,
    /// Carried out, then the connection is closed; no byte is answered.
    CommitThenDrop,
    /// Never answered and not carried out; the client has to give up.
    Hang,
    /// Carried out, but never answered.
    CommitThenHang,
    /// Carried out and answered, so many milliseconds late.
    Delay { millis: u64 },
    /// Carried out at once, the answer arrives so many milliseconds late.
    CommitThenDelay { millis: u64 },
    /// Carried out; half of the answer's body is sent, then the connection is closed.
    Truncate,
    /// Carried out in a slightly different way.
    Tweak(Tweak),
}

/// A ready answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canned {
    pub status: u16,
    #[serde(default)]
    pub body: String,
    /// `application/json` unless told otherwise.
    #[serde(default = "json")]
    pub content_type: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

fn json() -> String {
    "application/json".to_owned()
}

/// Legal but unusual behaviour of a provider that the handlers take care of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tweak {
    /// Pages have at most `size` items, whatever was asked for.
    ShortPages { size: usize },
    /// A page without items that still has a next page.
    EmptyPage,
    /// Lists are empty and last, as `{}` or `[]`.
    EmptyList,
    /// The token endpoint gives no refresh token.
    NoRefreshToken,
    /// The refresh answers with a new refresh token, and the old one dies.
    RotateRefreshToken,
    /// The user grants only the first of the scopes, beside `openid` and `email`.
    ReducedScope,
    /// The user refuses.
    AccessDenied,
    /// The newest ended record is shown as still running.
    NewestStillRunning,
    /// Lists of records show only meetings that the user organised.
    OrganizedOnly,
    /// Time entries without a project are refused.
    ForceProjects,
    /// Time entries show as locked and refuse changes.
    LockedEntries,
    /// Time entries of the last minute do not show in lists yet.
    ListLag,
}

/// Serde for an optional regular expression as text.
mod pattern {
    use regex::Regex;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub fn serialize<S: Serializer>(
        value: &Option<Regex>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(pattern) => serializer.serialize_some(pattern.as_str()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Regex>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Regex::new(&text).map_err(D::Error::custom))
            .transpose()
    }
}
