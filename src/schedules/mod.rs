//! Schedules: when something is to run, and what became of every time that was named. A room that owns something to run
//! gives it a schedule under a subject; the ticker of any process accepts the runs.

pub mod catch_up;
pub mod check;
pub mod cron;
pub mod preview;
pub mod spec;
pub mod times;
pub mod zone;

pub use spec::Spec;
