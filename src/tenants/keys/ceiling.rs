//! What whoever makes a key has to give: a key makes none that lives longer, calls more often, or calls from more places
//! than itself; and one that is bounded makes no other way in that is not.

use crate::{
    app::App,
    base::{Error, Result, Violation, Who, reach},
    db::{Scope, Tx},
    tenants::{
        keys::{Key, KeyName, store, wrong},
        rules::{self, Rule},
    },
};
use chrono::{DateTime, SecondsFormat, Utc};

/// Refuses what would lead a key past its own bounds. [`Error::Denied`] where a key calls that has an end, a limit of calls or
/// access rules of its own; `what` ends the sentence that says why.
pub async fn check_unbounded(app: &App, what: &str) -> Result<()> {
    match Ceiling::of(app).await?.is_bounded() {
        false => Ok(()),
        true => Err(Error::Denied {
            reason: "KEY_IS_BOUNDED",
            message: format!(
                "a key that has an end, a limit of calls or access rules of its own {what}"
            ),
        }),
    }
}

/// What the keys of a caller may have at most; nothing is bounded for what nobody called.
#[derive(Default)]
pub(super) struct Ceiling {
    /// The caller, where that is a key.
    maker: Option<KeyName>,
    ends: Option<DateTime<Utc>>,
    /// Whether the caller has a limit of its own, and not only that of the setting.
    has_own_rate: bool,
    /// Calls in a minute of the caller itself.
    own_rate: Option<i64>,
    /// The setting `auth.key_rate_limit`.
    usual_rate: Option<i64>,
    /// Who has no role over the installation gives no more than the setting.
    is_bound_to_usual: bool,
    rules: Vec<Rule>,
}

impl Ceiling {
    /// That of whoever calls.
    pub(super) async fn of(app: &App) -> Result<Self> {
        let Some(caller) = reach::caller() else {
            return Ok(Self::default());
        };
        let usual = i64::from(app.config.auth.key_rate_limit);
        let usual_rate = (usual > 0).then_some(usual);
        let is_bound_to_usual = caller.permissions.instance_role().is_none();
        let ceiling = Self {
            usual_rate,
            is_bound_to_usual,
            ..Self::default()
        };
        if !matches!(caller.who, Who::Key(_)) {
            return Ok(ceiling);
        }
        let name = KeyName::parse("caller", &caller.name)?;
        let mut tx = app.db.read(Scope::System("the key that calls")).await?;
        let maker = store::get(&mut tx, &name).await?.ok_or_else(wrong)?;
        let rules = rules::of_key(&mut tx, name.id, app.db.now()).await?;
        let own_rate = match maker.rate_limit {
            0 => usual_rate.filter(|_| is_bound_to_usual),
            own => Some(own),
        };
        Ok(Self {
            maker: Some(name),
            ends: maker.expires_at,
            has_own_rate: maker.rate_limit > 0,
            own_rate,
            rules,
            ..ceiling
        })
    }

    fn is_bounded(&self) -> bool {
        self.ends.is_some() || self.has_own_rate || !self.rules.is_empty()
    }

    /// Names what a new key would have too much of; what is not said is as the caller has it.
    pub(super) fn check(&self, wrong: &mut Vec<Violation>, key: &mut Key) {
        match (self.ends, key.expires_at) {
            (Some(end), Some(asked)) if asked > end => {
                let end = end.to_rfc3339_opts(SecondsFormat::Secs, true);
                let expected =
                    format!("expected no later than {end}, when the key that makes it ends");
                wrong.push(Violation::new("api_key.expire_time", expected));
            }
            (end, asked) => key.expires_at = asked.or(end),
        }
        let usual = self.usual_rate.filter(|_| self.is_bound_to_usual);
        let Some(most) = self.own_rate.into_iter().chain(usual).min() else {
            return;
        };
        match key.rate_limit > most {
            true => wrong.push(Violation::new(
                "api_key.rate_limit",
                format!(
                    "expected at most {most} calls in a minute: an admin of the installation gives more"
                ),
            )),
            false => self.lower_rate(key, most),
        }
    }

    /// Takes from the successor of `before` what the caller does not have itself. [`Error::Denied`] for a key that may call
    /// from some addresses only, and would get another key that way.
    pub(super) fn cap(&self, before: &KeyName, key: &mut Key) -> Result<()> {
        let is_another = self.maker.as_ref().is_some_and(|maker| maker != before);
        if is_another && !self.rules.is_empty() {
            return Err(Error::Denied {
                reason: "KEY_HAS_RULES",
                message: "a key that has access rules of its own rotates no other key".to_owned(),
            });
        }
        if let Some(end) = self.ends {
            key.expires_at = Some(key.expires_at.map_or(end, |own| own.min(end)));
        }
        if let Some(most) = self.own_rate {
            self.lower_rate(key, most);
        }
        Ok(())
    }

    /// Lets calls with a new key come from where those of the caller may.
    pub(super) async fn hand_down(&self, tx: &mut Tx, key: &KeyName) -> Result<()> {
        rules::give(tx, &self.rules, key).await
    }

    fn lower_rate(&self, key: &mut Key, most: i64) {
        let is_higher = match key.rate_limit {
            0 => self.usual_rate.is_none_or(|usual| usual > most),
            own => own > most,
        };
        if is_higher {
            key.rate_limit = most;
        }
    }
}
