//! What the variables of meet-clockify-sync stand for: its credentials, its sync and its schedule. The one-off run brings
//! its own to what they say whenever it runs; a server makes them once, and leaves them to people from then on.

mod default_sync;
mod facts;
mod shelf;
mod zone;

pub use default_sync::{Wanted, look_after};
pub use shelf::{Shelf, refresh_token};

use crate::{
    base::Clock,
    config::MeetClockify,
    schedules::{
        Spec, check,
        spec::{Fold, Times},
    },
    syncs::{
        definition::{DEFAULT_PROJECT, Definition, Target},
        describe::ORIGINAL,
        destination::FIRST_WORKSPACE,
    },
};

/// When the original's example fires.
const USUAL_SCHEDULE: &str = "0 * * * *";

/// What is done, as the variables say it.
pub fn definition(said: &MeetClockify) -> Definition {
    Definition {
        days: said.days.unwrap_or_default(),
        workspace: FIRST_WORKSPACE.to_owned(),
        default_target: Target {
            project: project(said).to_owned(),
            ..Target::default()
        },
        description_template: ORIGINAL.to_owned(),
        time_zone: zone::of_process(),
        ..Definition::default()
    }
}

fn project(said: &MeetClockify) -> &str {
    said.project.as_deref().unwrap_or(DEFAULT_PROJECT)
}

/// When it is done, as the variables say it; checked by [`is_schedule`].
fn schedule(said: &MeetClockify) -> Spec {
    spec(said.schedule.as_deref().unwrap_or(USUAL_SCHEDULE))
}

fn spec(cron: &str) -> Spec {
    Spec {
        times: Times::Cron(cron.to_owned()),
        time_zone: zone::of_process(),
        fold: Fold::Auto,
        ..Spec::default()
    }
}

/// Says what is wrong with a text as `SYNC_SCHEDULE`.
pub fn is_schedule(text: &str) -> Result<(), String> {
    let faults = check::faults("schedule", &spec(text), Clock::system().now());
    match faults.is_empty() {
        true => Ok(()),
        false => {
            let faults: Vec<_> = faults.into_iter().map(|wrong| wrong.description).collect();
            Err(faults.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_that_never_fires_is_refused_like_one_that_cannot_be_read() {
        assert_eq!(is_schedule("0 * * * *"), Ok(()));
        for wrong in ["soon", "61 * * * *", "0 0 31 2 *"] {
            let why = is_schedule(wrong).unwrap_err();
            assert!(why.contains("expected"), "{wrong}: {why}");
        }
    }
}
