//! Whose Redis this is, which life of it, and which of its queues are paused.

use super::{Redis, Standing};
use crate::{
    app::App,
    base::Result,
    db::{Scope, execute, fetch_one},
    queue::Epoch,
    runs::store::{self, Pause},
};
use uuid::Uuid;

/// The fact that names this installation in Redis.
const OWNER: &str = "queue.owner";
/// The last life of Redis whose pauses were compared with ours.
const PAUSES_OF: &str = "queue.pauses_of";

/// Marks Redis as ours where nobody has, and says how we stand with it.
///
/// The mark is `<installation>/<life>`. A Redis that lost everything has none, and gets another life; one that was started
/// again may have lost the end of what it knew, so the server's own number is a part of the life, too.
pub(super) async fn look(app: &App, redis: &Redis) -> Result<Standing> {
    let owner = match redis.owner.get() {
        Some(owner) => owner.clone(),
        None => owner(app).await?,
    };
    let owner = redis.owner.get_or_init(|| owner);
    let mark = match redis.connection.epoch().await? {
        Some(mark) => mark,
        None => {
            let mark = format!("{owner}/{}", Uuid::new_v4().simple());
            match redis.connection.attach(&mark).await? {
                Epoch::Fresh | Epoch::Ours => mark,
                Epoch::Foreign(other) if other.is_empty() => {
                    return Ok(Standing::Away("it was emptied just now".to_owned()));
                }
                Epoch::Foreign(other) => other,
            }
        }
    };
    Ok(match mark.strip_prefix(&format!("{owner}/")) {
        Some(life) => {
            let server = redis.connection.server().await?;
            Standing::Attached(format!("{life}/{server}"))
        }
        None => Standing::Foreign(mark),
    })
}

async fn owner(app: &App) -> Result<String> {
    const MAKE: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING value";
    let scope = Scope::System("name this installation in Redis");
    let mut tx = app.db.write(scope).await?;
    let id = Uuid::new_v4().simple().to_string();
    let (id,) = fetch_one!(tx, (String,), MAKE, OWNER, id, app.db.now())?;
    tx.commit().await?;
    Ok(match &app.config.instance {
        Some(name) => format!("syncline/{name}/{id}"),
        None => format!("syncline/{id}"),
    })
}

/// Carries pauses to the other side, whichever side was changed since both were compared last. A Redis that has lost
/// everything has lost its pauses, and gets ours again.
pub(super) async fn mirror_pauses(app: &App, redis: &Redis, life: &str) -> Result<()> {
    let scope = || Scope::System("compare the pauses of queues");
    let mut tx = app.db.read(scope()).await?;
    let ours = store::pauses(&mut tx).await?;
    let (same_life,) = fetch_one!(
        tx,
        (i64,),
        "SELECT count(*) FROM instance_facts WHERE name = $1 AND value = $2",
        PAUSES_OF,
        life
    )?;
    drop(tx);
    for queue in &redis.queues {
        let known = ours.iter().find(|(name, _)| name == queue.name());
        let known = known.map(|(_, pause)| *pause).unwrap_or_default();
        let theirs = queue.is_paused().await?;
        let changed_here = same_life == 0 || known.is_paused != known.mirrored;
        let wanted = if changed_here {
            known.is_paused
        } else {
            theirs
        };
        if wanted != theirs {
            match wanted {
                true => queue.pause().await?,
                false => queue.resume().await?,
            };
        }
        let now = Pause {
            is_paused: wanted,
            mirrored: wanted,
        };
        if now != known {
            let mut tx = app.db.write(scope()).await?;
            store::set_pause(&mut tx, queue.name(), now, app.db.now()).await?;
            tx.commit().await?;
            app.work_arrived.notify_waiters();
        }
    }
    if same_life == 0 {
        const SET: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
        let mut tx = app.db.write(scope()).await?;
        execute!(tx, SET, PAUSES_OF, life, app.db.now())?;
        tx.commit().await?;
    }
    Ok(())
}
