//! The leave to make a number of calls, in the hands of whoever makes them.

use crate::outbound::{CallError, budget::Slice, pool::Pool};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// So many requests that may be made now. What is not used goes back when the last share is dropped.
#[derive(Debug)]
pub struct Permits {
    reservation: Arc<Reservation>,
    left: u32,
}

#[derive(Debug)]
struct Reservation {
    pool: Arc<Pool>,
    /// `None` where there is no budget. Shares that find the slice over wait here while the first books anew for all.
    booked: tokio::sync::Mutex<Option<Booked>>,
}

#[derive(Clone, Copy, Debug)]
struct Booked {
    slice: Slice,
    /// For shares that find none: when coming back for more makes sense.
    more_at: DateTime<Utc>,
}

impl Permits {
    pub(super) fn new(pool: &Arc<Pool>, ends_at: Option<DateTime<Utc>>, count: u32) -> Self {
        let booked = ends_at.map(|ends_at| Booked {
            slice: Slice {
                ends_at,
                used: count,
            },
            more_at: pool.now(),
        });
        Self {
            reservation: Arc::new(Reservation {
                pool: pool.clone(),
                booked: tokio::sync::Mutex::new(booked),
            }),
            left: count,
        }
    }

    /// How many requests may still be made.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Takes up to `count` of them out, so that several requests can be made at the same time.
    pub fn split(&mut self, count: u32) -> Self {
        let count = count.min(self.left);
        self.left -= count;
        Self {
            reservation: self.reservation.clone(),
            left: count,
        }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.reservation.pool
    }

    /// Takes one for a request that is made at once. When its slice is over, it is booked anew on the present one.
    /// [`CallError::OutOfBudget`] when that gives none, or while the provider wants to be left alone: whoever reserves anew
    /// waits as long as that takes.
    pub(super) async fn spend(&mut self) -> Result<(), CallError> {
        let pool = &self.reservation.pool;
        if let Some(until) = pool.blocked_until() {
            return Err(pool.out_of_budget(until));
        }
        if self.left == 0 {
            return Err(pool.out_of_budget(pool.now()));
        }
        let mut booked = self.reservation.booked.lock().await;
        // Mostly once; again where booking took so long that the next slice is over, too.
        while let (Some(Booked { slice, .. }), Some(budget)) = (*booked, pool.budget())
            && pool.is_over(&slice)
            && slice.used > 0
        {
            // Taken out first: when this is given up half-way, they count as used, and whoever comes next reserves anew.
            *booked = Some(Booked {
                slice: Slice { used: 0, ..slice },
                more_at: pool.now(),
            });
            let grant = pool.book(budget, &[slice], slice.used).await?;
            *booked = Some(Booked {
                slice: grant.slice,
                more_at: grant.useful_at,
            });
        }
        if let Some(booked) = &mut *booked {
            if booked.slice.used == 0 {
                return Err(pool.out_of_budget(booked.more_at));
            }
            booked.slice.used -= 1;
        }
        drop(booked);
        self.left -= 1;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(booked) = self.booked.get_mut().take() {
            self.pool.take_back(booked.slice);
        }
    }
}
