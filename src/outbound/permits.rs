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
    booked: tokio::sync::Mutex<Option<Slice>>,
}

impl Permits {
    pub(super) fn new(pool: &Arc<Pool>, ends_at: Option<DateTime<Utc>>, count: u32) -> Self {
        let booked = ends_at.map(|ends_at| Slice {
            ends_at,
            used: count,
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
    pub(super) async fn spend(&mut self) -> Result<(), CallError> {
        let refused = |why: &str, retry_at| CallError::NotSent {
            why: why.to_owned(),
            retry_at,
        };
        let pool = &self.reservation.pool;
        if let Some(until) = pool.blocked_until() {
            return Err(refused(
                "the provider wants to be left alone meanwhile",
                Some(until),
            ));
        }
        if self.left == 0 {
            return Err(refused("no permit is left", None));
        }
        let mut booked = self.reservation.booked.lock().await;
        // Mostly once; again where booking took so long that the next slice is over, too.
        while let (Some(slice), Some(budget)) = (*booked, pool.budget())
            && pool.is_over(&slice)
            && slice.used > 0
        {
            // Taken out first: when this is given up half-way, they count as used.
            *booked = Some(Slice { used: 0, ..slice });
            let grant = pool.book(budget, &[slice], slice.used).await?;
            *booked = Some(grant.slice);
            if grant.slice.used == 0 {
                return Err(refused(
                    "the permit was kept for too long",
                    Some(grant.next_at),
                ));
            }
        }
        if let Some(slice) = &mut *booked {
            if slice.used == 0 {
                return Err(refused("the permit was kept for too long", None));
            }
            slice.used -= 1;
        }
        drop(booked);
        self.left -= 1;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(slice) = self.booked.get_mut().take() {
            self.pool.take_back(slice);
        }
    }
}
