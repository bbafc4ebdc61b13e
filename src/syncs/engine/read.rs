//! Reading: what is new at the source, stored as it comes.

use super::Pass;
use crate::{
    base::{Error, Result},
    syncs::{
        discover,
        meeting::{Meeting, Reading},
        source::Source,
        store,
        summary::Summary,
    },
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashMap;

/// Meetings whose details are read, and stored, together: what a crash costs at most.
const READ_TOGETHER: usize = 60;

impl Pass<'_> {
    /// The meetings of the window, read as far as they are new. With `keep`, what is read is stored.
    pub async fn read(
        &self,
        source: Source,
        keep: bool,
        summary: &mut Summary,
    ) -> Result<Vec<Meeting>> {
        match self.read_with(&source, keep, summary).await {
            Err(Error::NeedsReauth { .. }) => {
                // Perhaps only the access token ended early: a fresh one tells.
                let source = source.reopen(self.app, &self.sync.source).await?;
                self.read_with(&source, keep, summary).await
            }
            other => other,
        }
    }

    async fn read_with(
        &self,
        source: &Source,
        keep: bool,
        summary: &mut Summary,
    ) -> Result<Vec<Meeting>> {
        self.progress("reading meetings", 0, 0).await?;
        let tenant = &self.sync.name.tenant;
        let mut tx = self.app.db.read(self.scope()).await?;
        let stored =
            store::records::since(&mut tx, tenant, &source.account, self.window.start).await?;
        drop(tx);
        let mut meetings: HashMap<String, (Meeting, bool)> = stored
            .into_iter()
            .map(|record| {
                (
                    record.meeting.conference.clone(),
                    (record.meeting, record.settled),
                )
            })
            .collect();
        let calendars = self.sync.definition.calendars();
        let discovery = discover::discover(source, &calendars, self.window, &meetings).await?;
        if keep {
            source
                .remember(self.app, &self.sync.source, discovery.codes())
                .await?;
        }
        for notice in &discovery.notices {
            summary.notice(notice.as_str());
        }
        let total = discovery.to_read.len();
        let mut fresh = discovery.changed.clone();
        for (index, together) in discovery.to_read.chunks(READ_TOGETHER).enumerate() {
            self.check_stop()?;
            self.progress("reading meetings", index * READ_TOGETHER, total)
                .await?;
            let reads: Vec<_> = together
                .iter()
                .map(|conference| discovery.read(source, conference))
                .collect();
            let read: Vec<Meeting> = stream::iter(reads)
                .buffered(source.concurrency)
                .try_collect()
                .await?;
            for missed in read
                .iter()
                .filter(|meeting| meeting.reading == Reading::Missed)
            {
                summary.fail(
                    &missed.conference,
                    "Google lists it but does not show it: the next run tries again",
                );
            }
            fresh.extend(
                read.into_iter()
                    .map(|meeting| match meetings.get(&meeting.conference) {
                        Some((known, _)) => meeting.remembering(known),
                        None => meeting,
                    }),
            );
            if keep {
                self.store(source, &fresh).await?;
            }
            for meeting in fresh.drain(..) {
                meetings.insert(meeting.conference.clone(), (meeting, true));
            }
        }
        if keep {
            self.store(source, &fresh).await?;
            if self.reads_on && discovery.complete {
                let mut tx = self.app.db.write(self.scope()).await?;
                store::syncs::advance(&mut tx, self.sync, self.window.end).await?;
                tx.commit().await?;
            }
        }
        meetings.extend(
            fresh
                .into_iter()
                .map(|meeting| (meeting.conference.clone(), (meeting, true))),
        );
        let mut meetings: Vec<Meeting> = meetings
            .into_values()
            .map(|(meeting, _)| meeting.seen_in(&calendars))
            .collect();
        meetings.sort_by(|a, b| (a.start, &a.conference).cmp(&(b.start, &b.conference)));
        Ok(meetings)
    }

    async fn store(&self, source: &Source, meetings: &[Meeting]) -> Result<()> {
        if meetings.is_empty() {
            return Ok(());
        }
        // In one order, so that two syncs that store the same meetings do not each hold what the other one waits for.
        let mut meetings: Vec<&Meeting> = meetings.iter().collect();
        meetings.sort_unstable_by_key(|meeting| &meeting.conference);
        let mut tx = self.app.db.write(self.scope()).await?;
        for meeting in meetings {
            store::records::put(
                &mut tx,
                &self.sync.name.tenant,
                &source.account,
                meeting,
                self.app.db.now(),
            )
            .await?;
        }
        tx.commit().await
    }
}
