//! Schedules: when something is to run, and what became of every time that was named. A room that owns something to run
//! gives it a schedule under a subject; the ticker of any process accepts the runs.
//!
//! A time is the moment that the spec names, before jitter. Each has exactly one outcome; stretches of times with the
//! same one are stored as their first and last, and told one by one.

pub mod backfill;
mod book;
pub mod catch_up;
pub mod change;
pub mod check;
pub mod cron;
pub mod identity;
pub mod list;
pub mod preview;
pub mod rpc;
pub mod schedule;
pub mod spec;
pub mod store;
pub mod tick;
pub mod ticker;
pub mod times;
pub mod zone;

pub use schedule::{Key, Schedule};
pub use spec::Spec;
pub use ticker::Ticker;
