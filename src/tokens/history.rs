//! Forgets what happened to tokens after its retention. Who read them stands in the audit, which has its own.

use crate::{app::App, base::Result, db::Scope, tokens::store};

/// Deletes what is older than `tokens.history_retention`.
pub async fn forget_history(app: &App) -> Result<()> {
    let before = app.db.now() - app.config.tokens.history_retention;
    let mut tx = app.db.write(Scope::System("retention")).await?;
    let events = store::forget_events(&mut tx, before).await?;
    tx.commit().await?;
    if events > 0 {
        tracing::info!(token.events = events, "forgot old history of tokens");
    }
    Ok(())
}
