//! One connection: it must greet soon, and take what we send, or it is cut.

use super::places::Place;
use crate::{
    api::auth::{Certificate, Peer},
    tls,
};
use http::Extensions;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_rustls::server::TlsStream;

/// The bytes, plain or not.
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How long we wait for the other side.
pub(super) struct Patience {
    /// Bytes that are still missing of its greeting, and until when they may come.
    greeting: usize,
    greets: Pin<Box<Sleep>>,
    /// How long it may take nothing of what we send.
    stall: Duration,
    /// Since it does: until when it may.
    takes: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(handshake: Duration, greeting: usize, stall: Duration) -> Self {
        Self {
            greeting,
            greets: Box::pin(sleep(handshake)),
            stall,
            takes: None,
        }
    }

    fn read(&mut self, context: &mut Context<'_>, outcome: Poll<usize>) -> Poll<io::Result<()>> {
        match outcome {
            Poll::Ready(count) => {
                self.greeting = self.greeting.saturating_sub(count);
                Poll::Ready(Ok(()))
            }
            Poll::Pending if self.greeting > 0 && self.greets.as_mut().poll(context).is_ready() => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn wrote<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.takes = None;
            return outcome;
        }
        let until = Instant::now() + self.stall;
        let takes = self
            .takes
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        match takes.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// A connection that is ready for use.
pub(in crate::serve) struct Connection {
    io: Io,
    peer: Peer,
    patience: Patience,
    _place: Place,
}

impl Connection {
    pub(super) fn new(io: Io, peer: Peer, patience: Patience, place: Place) -> Self {
        Self {
            io,
            peer,
            patience,
            _place: place,
        }
    }

    /// What a request of this connection carries along: where it comes from, and the certificate that was shown.
    pub(in crate::serve) fn origin(&self) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(self.peer);
        if let Io::Tls(stream) = &self.io
            && let Some([shown, ..]) = stream.get_ref().1.peer_certificates()
        {
            extensions.insert(Certificate(tls::subject(shown).into()));
        }
        extensions
    }
}

impl Io {
    fn read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match self.io.read(context, buffer) {
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => Poll::Ready(buffer.filled().len() - before),
            Poll::Pending => Poll::Pending,
        };
        self.patience.read(context, read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        self.patience.wrote(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        };
        self.patience.wrote(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(context),
            Io::Tls(stream) => Pin::new(stream).poll_flush(context),
        };
        self.patience.wrote(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        };
        self.patience.wrote(context, shut)
    }
}
