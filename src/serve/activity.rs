//! What goes on on a connection of gRPC: whether somebody who is known uses it, and whether what they asked for is taken.

use crate::api::auth::Known;
use axum::body::Bytes;
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Instant;
use tonic::{Status, body::Body};

/// So much of an answer is handed on at once: whoever takes less has not taken it.
const PIECE: usize = 16 << 10;

/// How long a connection may be of no use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until its first call.
    pub(super) first: Duration,
    /// Without a call of somebody who is known.
    pub(super) idle: Duration,
    /// With an answer that nobody takes.
    pub(super) stall: Duration,
}

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is used, or was a moment ago.
    Used,
    /// Nobody who is known has used it for long.
    Idle,
    /// Its caller does not take what was asked for.
    Stalled,
}

/// What goes on on one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    calls: Vec<Arc<Call>>,
    had_any: bool,
    /// When the last call of somebody who is known ended; before the first one, when the connection began.
    since: Instant,
}

#[derive(Debug, Default)]
struct Call {
    known: Known,
    /// Since when a part of the answer lies there, and nobody takes it.
    lies: Mutex<Option<Instant>>,
}

impl Activity {
    pub(super) fn begun(now: Instant) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            calls: Vec::new(),
            had_any: false,
            since: now,
        })))
    }

    /// A call begins, which ends when this is dropped.
    pub(super) fn call(self: &Arc<Self>) -> Open {
        let call = Arc::new(Call::default());
        let mut state = self.state();
        state.had_any = true;
        state.calls.push(Arc::clone(&call));
        drop(state);
        Open {
            activity: Arc::clone(self),
            call,
        }
    }

    /// How the connection is at this moment.
    pub(super) fn look(&self, patience: &Patience, now: Instant) -> Look {
        let state = self.state();
        let lies_too_long = |since: Instant| now.saturating_duration_since(since) >= patience.stall;
        if state
            .calls
            .iter()
            .any(|call| call.lies().is_some_and(lies_too_long))
        {
            return Look::Stalled;
        }
        if state.calls.iter().any(|call| call.known.is_known()) {
            return Look::Used;
        }
        let longest = match state.had_any {
            true => patience.idle,
            false => patience.first.min(patience.idle),
        };
        match now.saturating_duration_since(state.since) >= longest {
            true => Look::Idle,
            false => Look::Used,
        }
    }

    fn ended(&self, ended: &Arc<Call>, now: Instant) {
        let mut state = self.state();
        state.calls.retain(|call| !Arc::ptr_eq(call, ended));
        if ended.known.is_known() {
            state.since = now;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    fn lies(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Open {
    activity: Arc<Activity>,
    call: Arc<Call>,
}

impl Open {
    /// Told when it is known who calls.
    pub(super) fn known(&self) -> Known {
        self.call.known.clone()
    }

    /// Watches how the answer is taken, to its end.
    pub(super) fn watch(self, body: Body) -> Watched {
        self.lies();
        Watched {
            body,
            rest: Bytes::new(),
            open: self,
        }
    }

    /// Something of the answer is there to be taken.
    fn lies(&self) {
        *self.call.lies() = Some(Instant::now());
    }

    /// Whoever calls took it.
    fn taken(&self) {
        *self.call.lies() = None;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.activity.ended(&self.call, Instant::now());
    }
}

/// The body of an answer. It is asked for its next part only when the one before was taken.
#[derive(Debug)]
pub(super) struct Watched {
    body: Body,
    /// Of the part that is being handed on.
    rest: Bytes,
    open: Open,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        this.open.taken();
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        this.open.lies();
        let piece = this.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use http_body::Body as _;
    use std::{future::poll_fn, io};

    const PATIENCE: Patience = Patience {
        first: Duration::from_secs(30),
        idle: Duration::from_secs(300),
        stall: Duration::from_secs(20),
    };

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    fn call(activity: &Arc<Activity>) -> Open {
        let call = activity.call();
        call.known().set();
        call
    }

    #[test]
    fn only_calls_of_somebody_known_keep_a_connection() {
        let activity = Activity::begun(Instant::now());
        assert_eq!(activity.look(&PATIENCE, after(29)), Look::Used);
        assert_eq!(activity.look(&PATIENCE, after(30)), Look::Idle, "no call");
        let unknown = activity.call();
        assert_eq!(activity.look(&PATIENCE, after(299)), Look::Used);
        assert_eq!(activity.look(&PATIENCE, after(300)), Look::Idle);
        let known = call(&activity);
        assert_eq!(activity.look(&PATIENCE, after(9000)), Look::Used);
        activity.ended(&known.call, after(9000));
        assert_eq!(activity.look(&PATIENCE, after(9299)), Look::Used);
        assert_eq!(activity.look(&PATIENCE, after(9301)), Look::Idle);
        drop(unknown);
    }

    async fn next(body: &mut Watched) -> Option<usize> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        Some(frame.unwrap().into_data().unwrap().len())
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_is_noticed_to_its_last_piece() {
        let activity = Activity::begun(Instant::now());
        let answer = axum::body::Body::from(vec![0; PIECE + 1]);
        let mut body = call(&activity).watch(Body::new(answer));
        for expected in [PIECE, 1] {
            assert_eq!(activity.look(&PATIENCE, after(19)), Look::Used);
            assert_eq!(activity.look(&PATIENCE, after(20)), Look::Stalled);
            assert_eq!(next(&mut body).await, Some(expected));
        }
        assert_eq!(activity.look(&PATIENCE, after(20)), Look::Stalled);
        assert_eq!(next(&mut body).await, None);
        assert_eq!(activity.look(&PATIENCE, after(20)), Look::Used);
    }

    #[tokio::test]
    async fn a_stream_that_has_nothing_to_say_is_not_stalled() {
        let activity = Activity::begun(Instant::now());
        let silent = stream::pending::<Result<Bytes, io::Error>>();
        let silent = axum::body::Body::from_stream(silent);
        let mut body = call(&activity).watch(Body::new(silent));
        let polled = poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await;
        assert!(polled.is_pending());
        assert_eq!(activity.look(&PATIENCE, after(9000)), Look::Used);
    }
}
