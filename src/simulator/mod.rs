//! Fake Google (OAuth, userinfo, Meet v2, Calendar v3) and Clockify (v1) servers on one loopback port, speaking the real wire
//! formats. Used by the demo, the tests, the benches and `syncline simulate`; other processes drive it below `/_simulator/`.
//!
//! Everything is seeded and runs on its own clock: the same seed at the same simulated instant gives the same data.

mod calls;
mod clock;
mod clockify;
mod connection;
mod control;
pub mod faults;
mod google;
mod http;
mod paging;
mod quota;
mod routes;
mod server;
pub mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use calls::{Call, Calls};
pub use clock::{Clock, Now};
pub use faults::{Fault, Faults};
pub use quota::{Limit, Quotas};
pub use routes::endpoint_names;
pub use world::{Visibility, World, WorldSpec};

/// How a simulator is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides all made-up data and the dice of faults.
    pub seed: u64,
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Added to each call: half before it is carried out, half after.
    pub latency: Duration,
    pub now: Now,
    pub world: WorldSpec,
    pub visibility: Visibility,
    pub quotas: Quotas,
}

impl Options {
    /// Port 0, seed 1, no latency, no quotas, the standard world.
    pub fn new(now: Now) -> Self {
        Self {
            seed: 1,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            now,
            world: WorldSpec::default(),
            visibility: Visibility::default(),
            quotas: Quotas::NONE,
        }
    }

    /// The same with nothing but one user at both providers.
    pub fn empty(now: Now) -> Self {
        Self {
            world: WorldSpec::empty(),
            ..Self::new(now)
        }
    }
}

/// A running simulator. It has a thread of its own and stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<server::Running>,
}

impl Simulator {
    /// Starts it; it answers as soon as this returns. Fails when the address cannot be bound or is not loopback.
    pub fn start(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the simulator listens on loopback only",
            ));
        }
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let clock = Clock::new(options.now);
        let mut world = World::build(&options.world, options.seed, clock.clone());
        world.google.visibility = options.visibility;
        let shared = Arc::new(Shared {
            clock,
            endpoints: Endpoints::at(address),
            world: Mutex::new(world),
            faults: Mutex::new(Faults::new(options.seed)),
            calls: Mutex::new(Calls::default()),
            meter: Mutex::new(quota::Meter::new(options.quotas)),
            latency: Mutex::new(options.latency),
        });
        let server = server::start(listener, Arc::clone(&shared))?;
        Ok(Self {
            address,
            shared,
            server: Some(server),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to point clients at.
    pub fn endpoints(&self) -> Endpoints {
        self.shared.endpoints.clone()
    }

    /// The simulated time; movable.
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// The world, locked: requests wait until the guard is dropped, so do not hold it while waiting for a client.
    pub fn world(&self) -> Locked<'_, World> {
        Locked(lock(&self.shared.world))
    }

    /// The faults in force, locked.
    pub fn faults(&self) -> Locked<'_, Faults> {
        Locked(lock(&self.shared.faults))
    }

    /// The log of calls, locked.
    pub fn calls(&self) -> Locked<'_, Calls> {
        Locked(lock(&self.shared.calls))
    }

    /// Changes the rate limits; what was counted before stays counted.
    pub fn set_quotas(&self, quotas: Quotas) {
        lock(&self.shared.meter).quotas = quotas;
    }

    /// Changes the latency of each call.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// Stops it: open connections are cut, the port is free afterwards.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A part of the simulator, locked as long as this lives.
#[derive(Debug)]
pub struct Locked<'a, T>(MutexGuard<'a, T>);

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Addresses of the fake services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// Whole URL of the consent page.
    pub google_auth: String,
    /// Whole URL.
    pub google_token: String,
    /// Whole URL.
    pub google_revoke: String,
    /// Whole URL.
    pub google_userinfo: String,
    /// What stands before `/v2`.
    pub google_meet: String,
    /// Ends in `/calendar/v3`.
    pub google_calendar: String,
    /// Ends in `/api/v1`.
    pub clockify: String,
    /// What stands before `/state`, `/calls` and so on.
    pub control: String,
}

impl Endpoints {
    fn at(address: SocketAddr) -> Self {
        let root = format!("http://{address}");
        Self {
            google_auth: format!("{root}/o/oauth2/v2/auth"),
            google_token: format!("{root}/token"),
            google_revoke: format!("{root}/revoke"),
            google_userinfo: format!("{root}/v1/userinfo"),
            google_calendar: format!("{root}/calendar/v3"),
            clockify: format!("{root}/api/v1"),
            control: format!("{root}/_simulator"),
            google_meet: root,
        }
    }

    /// The environment variables that point Syncline here.
    pub fn env(&self) -> [(&'static str, &str); 7] {
        [
            ("SYNCLINE_GOOGLE_AUTH_URL", &self.google_auth),
            ("SYNCLINE_GOOGLE_TOKEN_URL", &self.google_token),
            ("SYNCLINE_GOOGLE_REVOKE_URL", &self.google_revoke),
            ("SYNCLINE_GOOGLE_USERINFO_URL", &self.google_userinfo),
            ("SYNCLINE_GOOGLE_MEET_URL", &self.google_meet),
            ("SYNCLINE_GOOGLE_CALENDAR_URL", &self.google_calendar),
            ("SYNCLINE_CLOCKIFY_URL", &self.clockify),
        ]
    }
}

/// What the server's thread and the owner share. Each part has its own lock; none is held while another is taken.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    endpoints: Endpoints,
    world: Mutex<World>,
    faults: Mutex<Faults>,
    calls: Mutex<Calls>,
    meter: Mutex<quota::Meter>,
    latency: Mutex<Duration>,
}

impl Shared {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// A test that panics while holding a lock must not take the simulator down with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
