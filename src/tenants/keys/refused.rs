//! Keys that were refused: counted, and written down once in a while, so that their owners learn of it and nobody who
//! tries keys fills the audit.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Result, TenantId},
    db::Scope,
    tenants::keys::KeyName,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The same is written down again after so long at the earliest.
const BETWEEN: TimeDelta = TimeDelta::hours(1);
/// So many keys are told apart; the others are counted with the unknown ones.
const MOST: usize = 1_000;
/// What the audit calls a key that nobody knows.
const UNKNOWN: &str = "apiKeys/-";

/// Which key, and why it was refused; `None` is one that nobody knows.
type Subject = (Option<KeyName>, &'static str);

/// Refusals that are not written down yet.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<Subject, Count>>);

#[derive(Clone, Debug)]
struct Count {
    calls: u64,
    last: DateTime<Utc>,
    address: Option<IpAddr>,
    written: Option<DateTime<Utc>>,
}

impl Refusals {
    /// Counts one.
    pub(super) fn add(
        &self,
        key: Option<&KeyName>,
        reason: &'static str,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) {
        let mut all = self.all();
        let mut subject = (key.cloned(), reason);
        if all.len() >= MOST && !all.contains_key(&subject) {
            subject = (None, reason);
        }
        let count = all.entry(subject).or_insert(Count {
            calls: 0,
            last: now,
            address,
            written: None,
        });
        count.calls += 1;
        count.last = now;
        count.address = address;
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Subject, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be written down at `now`, or in any case. Forgets what is long over.
    fn due(&self, now: DateTime<Utc>, all: bool) -> Vec<(Subject, Count)> {
        let is_due = |written: Option<DateTime<Utc>>| written.is_none_or(|at| now - at >= BETWEEN);
        let mut counts = self.all();
        counts.retain(|_, count| count.calls > 0 || !is_due(count.written));
        let due = counts
            .iter_mut()
            .filter(|(_, count)| count.calls > 0 && (all || is_due(count.written)));
        due.map(|(subject, count)| {
            let seen = count.clone();
            (count.calls, count.written) = (0, Some(now));
            (subject.clone(), seen)
        })
        .collect()
    }

    fn put_back(&self, subject: Subject, seen: &Count) {
        let mut all = self.all();
        if let Some(count) = all.get_mut(&subject) {
            count.calls += seen.calls;
            count.written = seen.written;
        }
    }

    /// Writes down what is due, or everything where `all` is asked for. What cannot be written is kept for the next time.
    pub(super) async fn write(&self, app: &App, all: bool) -> Result<()> {
        let mut first_error = Ok(());
        for (subject, count) in self.due(app.db.now(), all) {
            if let Err(error) = write(app, &subject, &count).await {
                self.put_back(subject, &count);
                first_error = first_error.and(Err(error));
            }
        }
        first_error
    }
}

async fn write(app: &App, (key, reason): &Subject, count: &Count) -> Result<()> {
    let tenant: Option<TenantId> = key.as_ref().and_then(|key| key.tenant.clone());
    let name = key
        .as_ref()
        .map_or_else(|| UNKNOWN.to_owned(), KeyName::to_string);
    let from = count
        .address
        .map_or_else(String::new, |from| format!(", the last from {from}"));
    let at = count.last.format("%Y-%m-%d %H:%M:%S UTC");
    tracing::warn!(
        key.name = %name,
        refused.reason = reason,
        refused.calls = count.calls,
        "a key was refused{from}"
    );
    let scope = match &tenant {
        Some(tenant) => Scope::Tenant(tenant.clone()),
        None => Scope::System("refused keys"),
    };
    let calls = match count.calls {
        1 => "1 call".to_owned(),
        calls => format!("{calls} calls"),
    };
    let entry = Entry::new(tenant, "api_key.use", name)
        .refused(reason)
        .by("anybody")
        .detail(format!("{calls}{from}, at {at}"));
    let mut tx = app.db.write(scope).await?;
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_same_is_due_once_an_hour_with_its_count() {
        let refusals = Refusals::default();
        let now = DateTime::UNIX_EPOCH;
        (0..5).for_each(|_| refusals.add(None, "KEY_UNKNOWN", None, now));
        let due = refusals.due(now, false);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].1.calls, 5);
        (0..7).for_each(|_| refusals.add(None, "KEY_UNKNOWN", None, now));
        assert!(refusals.due(now + TimeDelta::minutes(59), false).is_empty());
        assert_eq!(refusals.due(now + TimeDelta::hours(1), false)[0].1.calls, 7);
        assert!(refusals.due(now + TimeDelta::hours(3), false).is_empty());
        assert!(refusals.all().is_empty(), "long over");
    }

    #[test]
    fn a_million_keys_are_counted_in_little_memory() {
        let refusals = Refusals::default();
        for number in 0..100_000_u128 {
            let id = Uuid::from_u128(number);
            let name = KeyName { tenant: None, id };
            refusals.add(Some(&name), "KEY_REVOKED", None, DateTime::UNIX_EPOCH);
        }
        assert_eq!(refusals.all().len(), MOST + 1);
        let counts = refusals.due(DateTime::UNIX_EPOCH, true);
        assert_eq!(
            counts.iter().map(|(_, count)| count.calls).sum::<u64>(),
            100_000
        );
    }
}
