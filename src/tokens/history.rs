//! Forgets what happened to tokens, and who read them, after its retention.

use crate::{app::App, base::Result, db::Scope, tokens::store};

/// Deletes what is older than `tokens.history_retention`.
pub async fn forget_history(app: &App) -> Result<()> {
    let before = app.db.now() - app.config.tokens.history_retention;
    let mut tx = app.db.write(Scope::System("retention")).await?;
    let events = store::forget_events(&mut tx, before).await?;
    let reads = store::forget_reads(&mut tx, before).await?;
    tx.commit().await?;
    if events + reads > 0 {
        tracing::info!(
            token.events = events,
            token.reads = reads,
            "forgot old history of tokens"
        );
    }
    Ok(())
}
