//! Everything the fake providers know: people, meetings, calendars, grants, workspaces, time entries. Tests read and change it
//! directly; the providers' handlers serve it.

mod builders;
mod calendar;
mod clockify;
mod google;
mod standard;

use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use super::clock::Clock;

pub use builders::{Made, Meeting};
pub use calendar::{Attendee, Calendar, Event, When};
pub(crate) use clockify::whole_second;
pub use clockify::{
    Client, Clockify, ClockifyUser, CustomField, CustomValue, Entry, NewEntry, Project, Tag, Task,
    Workspace,
};
pub(crate) use google::{Challenge, Consent};
pub use google::{Conference, Google, Grant, Participant, Person, Session, Space, Visibility, Who};
pub use standard::WorldSpec;

/// The only OAuth client that the fake Google knows.
pub const CLIENT_ID: &str = "109000000000-simulator.apps.googleusercontent.com";
/// Its secret.
pub const CLIENT_SECRET: &str = "GOCSPX-composed-simulator-secret";

/// Scopes of a user who allowed everything that is read here, for [`World::grant`].
pub const SCOPES: [&str; 5] = [
    "openid",
    "email",
    "https://www.googleapis.com/auth/meetings.space.readonly",
    "https://www.googleapis.com/auth/calendar.events.readonly",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
];

/// The state of all fake providers.
#[derive(Debug, Serialize)]
pub struct World {
    pub google: Google,
    pub clockify: Clockify,
    #[serde(skip)]
    clock: Clock,
    #[serde(skip)]
    dice: StdRng,
    serial: u64,
}

impl World {
    /// A world with one user at both providers ("me"), and nothing else.
    pub fn empty(seed: u64, clock: Clock) -> Self {
        let mut world = Self {
            google: Google::default(),
            clockify: Clockify::default(),
            clock,
            dice: StdRng::seed_from_u64(seed),
            serial: 0,
        };
        standard::found(&mut world);
        world
    }

    /// The world that a specification describes. The same specification at the same instant gives the same world.
    pub fn build(spec: &WorldSpec, seed: u64, clock: Clock) -> Self {
        let mut world = Self::empty(seed, clock);
        standard::fill(&mut world, spec);
        world
    }

    /// The simulated instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A counter that never gives the same number twice.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A seeded random number below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.dice.random_range(0..end.max(1))
    }

    /// Seeded random text from an alphabet of ASCII characters.
    pub(crate) fn random_text(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..length)
            .map(|_| char::from(letters[self.dice.random_range(0..letters.len())]))
            .collect()
    }

    /// A fresh Mongo object id: the creation second, then a part that is unique in this world.
    pub(crate) fn object_id(&mut self) -> String {
        let second = u32::try_from(self.now().timestamp()).unwrap_or_default();
        let serial = self.next_serial();
        let random = self.below(u32::MAX);
        format!("{second:08x}{random:08x}{serial:08x}")
    }
}

/// A span of time with both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: DateTime<Utc>,
    /// `None` while it goes on.
    pub end: Option<DateTime<Utc>>,
}
