//! Lists the destination once and settles what is open, without writing any new entry.

use crate::{
    app::App,
    audit,
    base::Result,
    connectors::clockify::Entry,
    syncs::{
        Sync,
        effect::State,
        engine::{Options, Pass},
        entry,
        plan::{Action, Adoption},
        summary::Summary,
    },
};

/// What was found at the destination.
#[derive(Debug, Default)]
pub struct Report {
    /// Marked entries in the window.
    pub entries: u64,
    /// Open writes that were found.
    pub adopted: u64,
    /// Open writes that surely never arrived.
    pub to_send_again: u64,
    /// Entries that the user edited.
    pub edited: u64,
    /// Entries that the user deleted.
    pub deleted: u64,
    /// Conference, the entry that stays, the others.
    pub duplicates: Vec<(String, String, Vec<String>)>,
    /// Second copies of ours that were deleted.
    pub duplicates_deleted: u64,
}

/// Looks, and settles unless it should `only_report`, or the settings say that nothing is written.
pub async fn reconcile(app: &App, sync: &Sync, days: u32, only_report: bool) -> Result<Report> {
    let only_report = only_report || app.config.syncs.dry_run;
    let pass = Pass::open(app, sync, None, Options { days, full: false }).await?;
    let view = pass.look(&[]).await?;
    let mut report = Report {
        entries: view.marked(pass.window),
        duplicates: view.duplicates().into_iter().map(named).collect(),
        ..Report::default()
    };
    let mut settled = Vec::new();
    for effect in view.effects() {
        match pass.decide_open(&view, effect) {
            Some(Action::Adopt { how, entry_id }) => {
                report.adopted += u64::from(how != Adoption::NotUpdated);
                settled.push((effect, entry_id, how));
            }
            Some(Action::Create) => report.to_send_again += 1,
            _ => match (effect.state, view.entry_of(Some(effect))) {
                (State::Done, Some(entry)) if Some(entry::hash(entry)) != effect.entry_hash => {
                    report.edited += 1
                }
                (State::Tombstoned, None) => report.deleted += 1,
                (State::Done, None) if effect.starts_at >= pass.window.start => {
                    report.deleted += u64::from(pass.is_gone(effect).await?);
                }
                _ => {}
            },
        }
    }
    if !only_report {
        pass.adopt_open(&view, settled).await?;
        let mut summary = Summary::default();
        pass.second_copies(&view, true, &mut summary).await?;
        report.duplicates_deleted = summary.duplicates_deleted;
        let mut tx = app.db.write(pass.scope()).await?;
        let tenant = Some(sync.name.tenant.clone());
        let entry = audit::Entry::new(tenant, "sync.reconcile", &sync.name);
        audit::record(&mut tx, entry, app.db.now()).await?;
        tx.commit().await?;
    }
    Ok(report)
}

fn named((conference, kept, extra): (&str, &Entry, Vec<&Entry>)) -> (String, String, Vec<String>) {
    (
        conference.to_owned(),
        kept.id.clone(),
        extra.into_iter().map(|entry| entry.id.clone()).collect(),
    )
}
