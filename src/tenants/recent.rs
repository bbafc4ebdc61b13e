//! Something that is asked for all the time and changes seldom: read once, and believed for a moment.

use crate::base::Result;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long an answer is believed. While one asks again the others believe the old one so long once more.
const BELIEVED: Duration = Duration::from_millis(250);

/// What was read last; it is half a second old at most, and the time that reading takes.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Recent<T> {
    /// The value; `read` is asked where nobody knows it, or it is too old.
    pub(super) async fn get(&self, read: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let now = Instant::now();
        {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((until, value)) = &mut *known {
                if *until > now {
                    return Ok(Arc::clone(value));
                }
                *until = now + BELIEVED;
            }
        }
        let value = Arc::new(read.await?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now + BELIEVED, Arc::clone(&value)));
        Ok(value)
    }
}
