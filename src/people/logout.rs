//! Ends the session that a caller shows.

use crate::{
    app::App,
    audit,
    base::{Error, Result},
    people::{SessionName, memory, standing::standing, store},
};

/// Ends it: here at once, within a second on every replica. `SESSION_MISSING` where the caller shows no session.
pub async fn logout(app: &App) -> Result<()> {
    let Some((person, id)) = standing().user else {
        return Err(Error::precondition(
            "SESSION_MISSING",
            "there is no session to end: what the call shows is none",
        ));
    };
    let now = app.db.now();
    let mut tx = app.db.write(store::SCOPE).await?;
    // Another call may have ended it in this moment.
    store::end_session(&mut tx, person.0, id).await?;
    let entry = audit::Entry::new(None, "user.logout", SessionName { person, id });
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    memory::of(app).forget();
    Ok(())
}
