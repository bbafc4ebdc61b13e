//! An answer that goes on, as a stream that follows a run: what it still looks up is within the reach of its call, and it
//! ends when its caller may not have it any more.

use crate::{
    api::status,
    base::{Authenticate, Caller, Credential, Error, Needs, Result, reach::Reach},
};
use futures::future::BoxFuture;
use http_body::{Frame, SizeHint};
use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tonic::body::Body;

/// How often it is asked whether the caller is still good: a key that was revoked ends its streams within a second.
const EVERY: Duration = Duration::from_millis(500);

/// What was asked when the call began.
#[derive(Clone)]
pub(super) struct Asks {
    pub authenticate: Arc<dyn Authenticate>,
    pub credential: Option<Credential>,
    pub address: Option<IpAddr>,
    pub needs: Needs,
}

impl Asks {
    /// The caller after a moment, as it is then.
    async fn again(self) -> Result<Arc<Caller>> {
        tokio::time::sleep(EVERY).await;
        let credential = self.credential.as_ref();
        let caller = self.authenticate.still(credential, self.address).await?;
        self.needs.check(&caller)?;
        Ok(caller)
    }
}

/// The body of an answer.
pub(super) struct Within {
    body: Body,
    reach: Reach,
    asks: Asks,
    /// The next answer to the question; nobody asks as long as the body need not be waited for.
    next: Option<BoxFuture<'static, Result<Arc<Caller>>>>,
    has_ended: bool,
}

impl Within {
    pub(super) fn new(body: Body, reach: Reach, asks: Asks) -> Self {
        Self {
            body,
            reach,
            asks,
            next: None,
            has_ended: false,
        }
    }

    /// Why the caller may not go on.
    fn refused(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        loop {
            let asks = &self.asks;
            let next = self
                .next
                .get_or_insert_with(|| Box::pin(asks.clone().again()));
            match next.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(caller)) => self.reach = self.reach.again(caller, self.asks.needs),
                // That the database does not answer, or that somebody guesses at the same address, says nothing about
                // the caller.
                Poll::Ready(Err(
                    Error::Unavailable { .. } | Error::Limited { .. } | Error::Internal(_),
                )) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(error),
            }
            self.next = None;
        }
    }
}

impl http_body::Body for Within {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let reach = self.reach.clone();
        let polled = reach.contain_sync(|| Pin::new(&mut self.body).poll_frame(context));
        if polled.is_ready() && self.next.is_none() {
            return polled;
        }
        match self.refused(context) {
            Poll::Pending => polled,
            Poll::Ready(error) => {
                self.has_ended = true;
                Poll::Ready(Some(Ok(Frame::trailers(status::trailers(error)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
