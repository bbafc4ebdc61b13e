//! Books permits in the database, where all replicas meet.

use crate::{
    base::Result,
    db::{Db, Scope},
    outbound::{Budget, budget::Slice, store},
};
use chrono::{DateTime, Utc};

const SCOPE: Scope = Scope::System("request budgets are shared by all tenants of an account");

/// What was booked, and what is known about getting more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    /// The permits; used before the slice ends. None at all when the budget is used up or the account is blocked.
    pub slice: Slice,
    /// When at least one more can be booked.
    pub next_at: DateTime<Utc>,
    /// When so many more can be booked that it is worth coming back.
    pub useful_at: DateTime<Utc>,
}

/// Gives back `unused` permits of earlier slices, and books up to `wanted` on the present one. Whoever gives back as many
/// as they want gets them, as long as they did not keep them for a whole period.
pub(super) async fn book(
    db: &Db,
    account: &str,
    budget: Budget,
    unused: &[Slice],
    wanted: u32,
) -> Result<Grant> {
    let mut tx = db.write(SCOPE).await?;
    let blocked_until = store::lock_account(&mut tx, account, db.now()).await?;
    // Only now, because waiting for the lock takes time.
    let now = db.now();
    let mut slices = Vec::new();
    for kept in store::slices(&mut tx, account).await? {
        let back = unused
            .iter()
            .filter(|slice| slice.ends_at == kept.ends_at)
            .fold(0u32, |sum, slice| sum.saturating_add(slice.used));
        let slice = Slice {
            used: kept.used.saturating_sub(back),
            ..kept
        };
        if slice.used == 0 || !budget.counts(&slice, now) {
            store::delete_slice(&mut tx, account, slice.ends_at).await?;
        } else {
            if slice != kept {
                store::put_slice(&mut tx, account, slice).await?;
            }
            slices.push(slice);
        }
    }
    let ends_at = budget.slice_end(now);
    let blocked_until = blocked_until.filter(|until| *until > now);
    let granted = match blocked_until {
        Some(_) => 0,
        None => budget.free(&slices).min(wanted),
    };
    if granted > 0 {
        let present = slices.iter().position(|slice| slice.ends_at >= ends_at);
        let index = match present {
            Some(index) if slices[index].ends_at == ends_at => index,
            other => {
                let index = other.unwrap_or(slices.len());
                slices.insert(index, Slice { ends_at, used: 0 });
                index
            }
        };
        slices[index].used += granted;
        store::put_slice(&mut tx, account, slices[index]).await?;
    }
    tx.commit().await?;
    let after = |wanted| {
        budget
            .free_at(&slices, wanted, now)
            .max(blocked_until.unwrap_or(now))
    };
    Ok(Grant {
        slice: Slice {
            ends_at,
            used: granted,
        },
        next_at: after(1),
        useful_at: after(budget.useful()),
    })
}

/// Tells all replicas to leave the account alone until then.
pub(super) async fn block(db: &Db, account: &str, until: DateTime<Utc>) -> Result<()> {
    let mut tx = db.write(SCOPE).await?;
    store::block_account(&mut tx, account, until, db.now()).await?;
    tx.commit().await
}

/// Counts what was booked for `from` as booked for `to`, which also takes over until when the provider wants to be left
/// alone; forgets `from`.
pub(super) async fn carry_over(db: &Db, from: &str, to: &str) -> Result<()> {
    let mut tx = db.write(SCOPE).await?;
    let now = db.now();
    let blocked_until = store::lock_account(&mut tx, from, now).await?;
    store::lock_account(&mut tx, to, now).await?;
    let there = store::slices(&mut tx, to).await?;
    for slice in store::slices(&mut tx, from).await? {
        let beside = there
            .iter()
            .find(|other| other.ends_at == slice.ends_at)
            .map_or(0, |other| other.used);
        let both = Slice {
            used: slice.used.saturating_add(beside),
            ..slice
        };
        store::put_slice(&mut tx, to, both).await?;
    }
    if let Some(until) = blocked_until {
        store::block_account(&mut tx, to, until, now).await?;
    }
    store::forget_account(&mut tx, from).await?;
    tx.commit().await
}
