//! The providers' rate limits, strictly enforced as sliding windows over simulated time. A refused call does not count.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::routes::Provider;

/// So many calls in any stretch of so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub calls: usize,
    pub seconds: i64,
}

/// The limits in force; `None` is no limit. Meet's and Calendar's are for each user, Clockify's for each workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    pub meet: Option<Limit>,
    pub calendar: Option<Limit>,
    pub clockify: Option<Limit>,
}

impl Quotas {
    /// No limits.
    pub const NONE: Self = Self {
        meet: None,
        calendar: None,
        clockify: None,
    };
    /// Google's documented limits and Clockify's for paid workspaces: 50 a second.
    pub const REAL: Self = Self {
        meet: Some(Limit {
            calls: 600,
            seconds: 60,
        }),
        calendar: Some(Limit {
            calls: 600,
            seconds: 60,
        }),
        clockify: Some(Limit {
            calls: 50,
            seconds: 1,
        }),
    };
    /// Google's documented limits and Clockify's for new free workspaces: 30 an hour.
    pub const REAL_FREE: Self = Self {
        clockify: Some(Limit {
            calls: 30,
            seconds: 3600,
        }),
        ..Self::REAL
    };

    fn limit(&self, provider: Provider) -> Option<Limit> {
        match provider {
            Provider::OAuth => None,
            Provider::Meet => self.meet,
            Provider::Calendar => self.calendar,
            Provider::Clockify => self.clockify,
        }
    }
}

/// Counts calls against the limits.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub quotas: Quotas,
    windows: HashMap<(Provider, String), VecDeque<DateTime<Utc>>>,
}

impl Meter {
    pub fn new(quotas: Quotas) -> Self {
        Self {
            quotas,
            windows: HashMap::new(),
        }
    }

    /// Counts a call of an account, or says that it is one too many.
    pub fn admit(&mut self, provider: Provider, account: &str, now: DateTime<Utc>) -> bool {
        let Some(limit) = self.quotas.limit(provider) else {
            return true;
        };
        let window = self
            .windows
            .entry((provider, account.to_owned()))
            .or_default();
        let oldest = now - TimeDelta::seconds(limit.seconds);
        while window.front().is_some_and(|at| *at <= oldest) {
            window.pop_front();
        }
        if window.len() >= limit.calls {
            return false;
        }
        window.push_back(now);
        true
    }
}
