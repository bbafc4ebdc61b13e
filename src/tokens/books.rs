//! Looks after tokens: keys of other processes are taken up, and old history is forgotten.

use crate::{
    app::App,
    tokens::{history, keys, memory},
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Keys are looked at so often.
const EVERY: Duration = Duration::from_secs(5);
/// Old history is looked for in the first round, and then after so many.
const BETWEEN_TIDYINGS: u64 = 720;

/// Keeps the keys fresh and forgets old history now and then. At the end, refreshes that are under way are waited for.
pub async fn keep_books(app: App, stop: CancellationToken) {
    for round in 0_u64.. {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        if stopping {
            memory::settled(&app).await;
            return;
        }
        if let Err(error) = keys::keep_fresh(&app).await {
            tracing::warn!(%error, "the keys cannot be looked at");
        }
        // What is being forgotten is forgotten the next time, too; it must not hold the end up.
        if round.is_multiple_of(BETWEEN_TIDYINGS)
            && let Some(Err(error)) = stop
                .run_until_cancelled(history::forget_history(&app))
                .await
        {
            tracing::warn!(error = %error, "old history of tokens cannot be forgotten");
        }
    }
}
