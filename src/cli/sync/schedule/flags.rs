//! A schedule in flags.

use crate::{
    api::v1::{
        CatchUpPolicy, FoldPolicy, GapPolicy, Interval, OverlapPolicy, Schedule, schedule::Times,
    },
    cli::{
        Usage,
        time::{self, End},
    },
    config::units,
};
use std::time::Duration;

/// When a sync runs by itself. On a schedule that is there they change what is given, and the rest stays.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Schedule")]
#[group(id = "schedule")]
pub struct Flags {
    /// Run when the clock shows this: minute hour day month weekday, as in '0 * * * *'; or six fields with the second first;
    /// or @hourly, @daily, @weekly, @monthly, @yearly
    #[arg(long, value_name = "CRON", conflicts_with = "every")]
    cron: Option<String>,
    /// Run at even distances instead, as in 15m
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    every: Option<Duration>,
    /// Where in that distance, as in 5m: with --every 1h, five minutes past each hour (UTC)
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    phase: Option<Duration>,
    /// IANA time zone of the cron expression; UTC when it is not given
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Put each time off by up to this, always by the same
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    jitter: Option<Duration>,
    /// What happens when a run is not finished at the next time; skip when it is not given
    #[arg(long, value_name = "WHAT", value_parser = ["skip", "buffer-one", "cancel-other", "allow"])]
    overlap: Option<String>,
    /// What happens with times that nobody could keep: one run for all, one for each, or none; one when it is not given
    #[arg(long, value_name = "WHAT", value_parser = ["one", "all", "none"])]
    catch_up: Option<String>,
    /// How late a time may be made up for; 7d when it is not given
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    catch_up_window: Option<Duration>,
    /// What happens with a local time that the clock jumps over; shift when it is not given
    #[arg(long, value_name = "WHAT", value_parser = ["shift", "skip"])]
    dst_gap: Option<String>,
    /// Which counts of a local time that comes twice; auto when it is not given: both where it fires every hour, else first
    #[arg(long, value_name = "WHICH", value_parser = ["auto", "first", "second", "both"])]
    dst_fold: Option<String>,
    /// No time before this day or moment, as in 2026-11-20 or 2026-11-20T08:00:00Z
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// No time after this day, or from this moment on
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// Pause after a run that failed
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pause_on_failure: Option<bool>,
}

impl Flags {
    /// Whether any of them was given.
    pub fn any(&self) -> bool {
        let texts = [
            &self.cron,
            &self.zone,
            &self.overlap,
            &self.catch_up,
            &self.dst_gap,
            &self.dst_fold,
            &self.start,
            &self.end,
        ];
        let times = [
            &self.every,
            &self.phase,
            &self.jitter,
            &self.catch_up_window,
        ];
        texts.iter().any(|text| text.is_some())
            || times.iter().any(|time| time.is_some())
            || self.pause_on_failure.is_some()
    }

    /// What `schedule` becomes; as it was when nothing was given.
    pub fn apply(&self, schedule: Option<Schedule>) -> Result<Option<Schedule>, Usage> {
        if !self.any() {
            return Ok(schedule);
        }
        let mut schedule = schedule.unwrap_or_default();
        schedule.times = self.times(schedule.times.take())?;
        if let Some(zone) = &self.zone {
            schedule.time_zone.clone_from(zone);
        }
        if let Some(jitter) = self.jitter {
            schedule.jitter = Some(jitter.into());
        }
        if let Some(window) = self.catch_up_window {
            schedule.catch_up_window = Some(window.into());
        }
        if let Some(pause) = self.pause_on_failure {
            schedule.pause_on_failure = pause;
        }
        set(
            &mut schedule.overlap_policy,
            "OVERLAP_POLICY_",
            &self.overlap,
            OverlapPolicy::from_str_name,
        );
        set(
            &mut schedule.catch_up_policy,
            "CATCH_UP_POLICY_",
            &self.catch_up,
            CatchUpPolicy::from_str_name,
        );
        set(
            &mut schedule.gap_policy,
            "GAP_POLICY_",
            &self.dst_gap,
            GapPolicy::from_str_name,
        );
        set(
            &mut schedule.fold_policy,
            "FOLD_POLICY_",
            &self.dst_fold,
            FoldPolicy::from_str_name,
        );
        if let Some(start) = &self.start {
            schedule.start_time = Some(time::parse("--start", End::From, start)?);
        }
        if let Some(end) = &self.end {
            schedule.end_time = Some(time::parse("--end", End::To, end)?);
        }
        Ok(Some(schedule))
    }

    fn times(&self, known: Option<Times>) -> Result<Option<Times>, Usage> {
        if let Some(cron) = &self.cron {
            return match self.phase {
                None => Ok(Some(Times::Cron(cron.clone()))),
                Some(_) => Err(Usage(
                    "--phase: goes with --every, not with --cron".to_owned(),
                )),
            };
        }
        if self.every.is_none() && self.phase.is_none() {
            return Ok(known);
        }
        let mut interval = match known {
            Some(Times::Interval(interval)) => interval,
            _ => Interval::default(),
        };
        if let Some(every) = self.every {
            interval.every = Some(every.into());
        }
        if interval.every.is_none() {
            return Err(Usage(
                "--phase: expected --every with it, as in --every 1h --phase 5m".to_owned(),
            ));
        }
        if let Some(phase) = self.phase {
            interval.phase = Some(phase.into());
        }
        Ok(Some(Times::Interval(interval)))
    }
}

/// Sets an enumeration from a word of the command line, which lists the words that there are.
fn set<T: Into<i32>>(
    place: &mut i32,
    prefix: &str,
    word: &Option<String>,
    read: impl Fn(&str) -> Option<T>,
) {
    if let Some(word) = word {
        let name = format!("{prefix}{}", word.to_uppercase().replace('-', "_"));
        // `auto` is what is not said.
        *place = read(&name).map_or(0, Into::into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn applied(typed: &str, to: Option<Schedule>) -> Result<Option<Schedule>, Usage> {
        let typed = ["test"]
            .into_iter()
            .chain(typed.split(' ').filter(|word| !word.is_empty()));
        Line::try_parse_from(typed).unwrap().flags.apply(to)
    }

    #[test]
    fn every_field_of_a_schedule_has_a_flag() {
        let typed = "--every 1h --phase 15m --zone Europe/Paris --jitter 60s --overlap cancel-other --catch-up all \
             --catch-up-window 2h --dst-gap skip --dst-fold both --start 2026-11-20 --end 2026-11-21 --pause-on-failure";
        let schedule = applied(typed, None).unwrap().unwrap();
        let shown = serde_json::to_value(schedule).unwrap();
        let expected = serde_json::json!({
            "interval": {"every": "3600s", "phase": "900s"},
            "timeZone": "Europe/Paris",
            "jitter": "60s",
            "overlapPolicy": "OVERLAP_POLICY_CANCEL_OTHER",
            "catchUpPolicy": "CATCH_UP_POLICY_ALL",
            "catchUpWindow": "7200s",
            "pauseOnFailure": true,
            "gapPolicy": "GAP_POLICY_SKIP",
            "foldPolicy": "FOLD_POLICY_BOTH",
            "startTime": "2026-11-20T00:00:00Z",
            "endTime": "2026-11-22T00:00:00Z",
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_not_given_stays_and_nothing_given_is_no_change() {
        let before = applied("--every 1h --phase 15m --jitter 60s --dst-fold both", None).unwrap();
        assert_eq!(applied("", before.clone()).unwrap(), before);
        let after = applied("--phase 5m --dst-fold auto", before)
            .unwrap()
            .unwrap();
        let shown = serde_json::to_value(after).unwrap();
        let expected = serde_json::json!({
            "interval": {"every": "3600s", "phase": "300s"}, "jitter": "60s"
        });
        assert_eq!(shown, expected);
        assert_eq!(applied("", None).unwrap(), None);
    }

    #[test]
    fn a_phase_without_its_interval_is_refused() {
        assert!(applied("--phase 5m", None).is_err());
        let cron = applied("--cron @hourly", None).unwrap();
        assert!(applied("--phase 5m", cron).is_err());
    }
}
