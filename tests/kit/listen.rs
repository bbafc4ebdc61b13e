//! Hears what is logged on the thread of a test.

use tracing::{
    Dispatch, Subscriber,
    subscriber::{DefaultGuard, NoSubscriber, set_default},
};

/// Hears until it is dropped.
pub struct Listening {
    _guard: DefaultGuard,
    _second: Dispatch,
}

/// Has `subscriber` hear what is logged on this thread.
///
/// As long as nobody else listens in the process, `tracing` asks the thread that comes to a line first whether anybody hears
/// it, and keeps a no for all threads. Tests run on many, so somebody else listens.
pub fn listen(subscriber: impl Subscriber + Send + Sync) -> Listening {
    let second = Dispatch::new(NoSubscriber::default());
    Listening {
        _guard: set_default(subscriber),
        _second: second,
    }
}
