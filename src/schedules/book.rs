//! What is to be written because times have come: runs, outcomes, cancellations. Filled without touching the database,
//! then written as a whole.

use crate::{
    app::App,
    base::{Result, RunName, TenantId},
    db::Tx,
    runs::{
        self,
        store::{NewRun, Open},
    },
    schedules::{
        catch_up::plan,
        schedule::{Key, Occurrence, Outcome, Pause, PausedBy, Schedule},
        spec::{CatchUp, Overlap},
        store,
        times::Timetable,
    },
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// Why a schedule is paused whose spec was written by a newer version.
pub const NOT_UNDERSTOOD: &str = "this version does not understand the schedule: set it again";

/// What is to be written.
#[derive(Debug)]
pub struct Book {
    now: DateTime<Utc>,
    max_attempts: i64,
    open: Open,
    /// Runs to accept.
    pub runs: Vec<NewRun>,
    /// Outcomes to remember.
    pub occurrences: Vec<Occurrence>,
    /// Runs to cancel.
    pub cancelled: Vec<RunName>,
}

impl Book {
    /// An empty book; `open` are the runs of the subjects that it will be about.
    pub fn new(app: &App, open: Open, now: DateTime<Utc>) -> Self {
        Self {
            now,
            max_attempts: i64::from(app.config.runs.max_attempts),
            open,
            runs: Vec::new(),
            occurrences: Vec::new(),
            cancelled: Vec::new(),
        }
    }

    /// An empty book about these schedules.
    pub async fn open(
        app: &App,
        tx: &mut Tx,
        schedules: &[Schedule],
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let subjects: Vec<_> = schedules
            .iter()
            .map(|schedule| {
                (
                    &schedule.key.tenant,
                    schedule.key.kind.as_str(),
                    schedule.key.subject.as_str(),
                )
            })
            .collect();
        let open = runs::store::open_of(tx, &subjects).await?;
        Ok(Self::new(app, open, now))
    }

    /// Accounts for times of a schedule that are due, as many as are kept in one go, and lets it wait for the next.
    pub fn keep_due(&mut self, schedule: &mut Schedule) {
        let Some(first) = schedule.next_nominal.filter(|_| schedule.pause.is_none()) else {
            return;
        };
        let Some(table) = schedule.timetable() else {
            self.pause(schedule, PausedBy::Fault, NOT_UNDERSTOOD);
            return;
        };
        let plan = plan(
            &schedule.spec,
            &table,
            &schedule.key.to_string(),
            first,
            self.now,
        );
        if let Some((first, last)) = plan.missed {
            let note = match schedule.spec.catch_up {
                CatchUp::None => "nobody kept it in time",
                CatchUp::One => {
                    "nobody kept it in time; one run makes up for all that are within the catch-up window"
                }
                CatchUp::All => "nobody kept it in time, and the catch-up window is over",
            };
            self.stretch(schedule, (first, last), Outcome::Missed, note);
        }
        for at in plan.keep {
            self.keep(schedule, at);
        }
        schedule.await_time(&table, plan.next);
    }

    /// As [`Book::keep_due`], until nothing is due any more.
    pub fn keep_all_due(&mut self, schedule: &mut Schedule) {
        loop {
            let before = schedule.next_nominal;
            self.keep_due(schedule);
            if schedule.next_nominal == before {
                return;
            }
        }
    }

    /// Keeps one time as the overlap policy says.
    fn keep(&mut self, schedule: &mut Schedule, at: DateTime<Utc>) {
        let place = place(&schedule.key);
        let open = self.open.entry(place).or_default();
        let in_the_way = open.first().map(|run| format!("{run} was not finished"));
        match (schedule.spec.overlap, in_the_way) {
            (Overlap::Skip, Some(why)) => self.single(schedule, at, Outcome::Skipped, None, &why),
            (Overlap::BufferOne, _) if schedule.buffered_at.is_some() => {
                self.single(
                    schedule,
                    at,
                    Outcome::Skipped,
                    None,
                    "another time waits already",
                );
            }
            (Overlap::BufferOne, Some(why)) => {
                schedule.buffered_at = Some(at);
                self.single(schedule, at, Outcome::Buffered, None, &why);
            }
            (Overlap::CancelOther, Some(_)) => {
                let others = std::mem::take(open);
                self.cancelled.extend(others);
                let run = self.run(schedule);
                self.single(
                    schedule,
                    at,
                    Outcome::Ran,
                    Some(run),
                    "other runs were told to stop",
                );
            }
            _ => {
                let run = self.run(schedule);
                self.single(schedule, at, Outcome::Ran, Some(run), "");
            }
        }
    }

    /// Accepts a run of a schedule.
    pub fn run(&mut self, schedule: &mut Schedule) -> RunName {
        let run = self.accept(schedule, "schedule", schedule.arguments.clone());
        schedule.watched_run = schedule.spec.pause_on_failure.then_some(run.id);
        run
    }

    /// Accepts a run of a schedule, told something of its own.
    pub fn accept(
        &mut self,
        schedule: &Schedule,
        cause: &'static str,
        arguments: Value,
    ) -> RunName {
        let key = &schedule.key;
        let name = RunName::new(key.tenant.clone(), Uuid::now_v7());
        self.runs.push(NewRun {
            name: name.clone(),
            kind: key.kind.clone(),
            subject: key.subject.clone(),
            cause,
            lane: schedule.lane.clone(),
            arguments,
            max_attempts: self.max_attempts,
        });
        self.open.entry(place(key)).or_default().push(name.clone());
        name
    }

    /// Pauses a schedule. Times from the next one on, even one that has come and is not due yet, are paused.
    pub fn pause(&mut self, schedule: &mut Schedule, by: PausedBy, note: &str) {
        schedule.next_at = None;
        schedule.watched_run = None;
        schedule.pause = Some(Pause {
            since: self.now,
            by,
            note: note.to_owned(),
        });
    }

    /// Gives every time up to now that has no outcome yet this one.
    pub fn close(&mut self, schedule: &Schedule, table: &Timetable, outcome: Outcome, note: &str) {
        if let Some(stretch) = schedule.unaccounted(table, self.now) {
            self.stretch(schedule, stretch, outcome, note);
        }
    }

    fn single(
        &mut self,
        schedule: &Schedule,
        at: DateTime<Utc>,
        outcome: Outcome,
        run: Option<RunName>,
        note: &str,
    ) {
        self.stretch(schedule, (at, at), outcome, note);
        if let Some(last) = self.occurrences.last_mut() {
            last.run = run;
        }
    }

    fn stretch(
        &mut self,
        schedule: &Schedule,
        times: (DateTime<Utc>, DateTime<Utc>),
        outcome: Outcome,
        note: &str,
    ) {
        self.occurrences.push(Occurrence {
            key: schedule.key.clone(),
            version: schedule.version,
            first: times.0,
            last: times.1,
            outcome,
            run: None,
            note: note.to_owned(),
            decided_at: self.now,
        });
    }

    /// Writes everything, and where the schedules are.
    pub async fn write(&self, tx: &mut Tx, schedules: &[Schedule]) -> Result<()> {
        runs::store::insert_all(tx, &self.runs, self.now).await?;
        for run in &self.cancelled {
            runs::cancel::request(tx, run, self.now).await?;
        }
        store::insert_occurrences(tx, &self.occurrences).await?;
        store::save(tx, schedules).await
    }
}

/// What open runs are kept under.
fn place(key: &Key) -> (TenantId, String, String) {
    (key.tenant.clone(), key.kind.clone(), key.subject.clone())
}
