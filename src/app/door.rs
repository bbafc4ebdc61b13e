//! The way to an application that may not be there yet, or not any more: a server answers before its database does.

use crate::{
    app::App,
    base::{Error, Result},
};
use std::time::Duration;
use tokio::{sync::watch, time::timeout};

/// How long who comes while the application is being opened for the first time waits for it. Usually that is over at once.
const FIRST_OPENING: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
enum State {
    Opening,
    Shut { reason: &'static str, what: String },
    Open(Box<App>),
    Closed,
}

/// Asks for the application. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Door(watch::Receiver<State>);

/// Opens and closes the door.
#[derive(Debug)]
pub struct Doorkeeper(watch::Sender<State>);

/// A door behind which an application is being opened.
pub fn door() -> (Doorkeeper, Door) {
    let (sender, receiver) = watch::channel(State::Opening);
    (Doorkeeper(sender), Door(receiver))
}

impl Doorkeeper {
    /// The application is there.
    pub fn open(&self, app: App) {
        self.0.send_replace(State::Open(Box::new(app)));
    }

    /// It could not be opened, and somebody tries again.
    pub fn shut(&self, reason: &'static str, what: &str) {
        let what = what.to_owned();
        self.0.send_replace(State::Shut { reason, what });
    }

    /// The process ends.
    pub fn close(&self) {
        self.0.send_replace(State::Closed);
    }
}

impl Door {
    /// The application. While it is not there [`Error::Unavailable`] says why: right away, except that it waits for a
    /// moment while the first attempt to open is under way.
    pub async fn app(&self) -> Result<App> {
        let mut state = self.0.clone();
        let tried = state.wait_for(|state| !matches!(state, State::Opening));
        // Too long, or nobody is left to open: what is known by then is the answer.
        let _ = timeout(FIRST_OPENING, tried).await;
        self.now()
    }

    /// The same without waiting.
    pub fn now(&self) -> Result<App> {
        match &*self.0.borrow() {
            State::Open(app) => Ok((**app).clone()),
            State::Opening => Err(Error::unavailable(
                "DATABASE_UNREACHABLE",
                "the server has just started, and its database has not answered yet",
            )),
            State::Shut { reason, what } => Err(Error::unavailable(
                reason,
                format!("the server is up and waits for its database: {what}"),
            )),
            State::Closed => Err(Error::unavailable(
                "SHUTTING_DOWN",
                "the server is shutting down",
            )),
        }
    }
}
