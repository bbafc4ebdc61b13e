//! Stands before the services that need an application: until it is open they answer that it is not. Health and
//! reflection, which need none, are answered all the time.

use crate::{api::status, app::Door, base::Error};
use futures::future::BoxFuture;
use http::{Request, Response};
use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};
use tonic::{body::Body, service::Routes};
use tower::Service;

/// What is answered in any case.
const ALWAYS: [&str; 2] = ["/grpc.health.", "/grpc.reflection."];

/// The services that need an application, once it is there.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    door: Door,
    opened: Arc<OnceLock<Routes>>,
}

impl Gate {
    /// A closed gate; `door` says why it is.
    pub(super) fn new(door: Door) -> Self {
        Self {
            door,
            opened: Arc::default(),
        }
    }

    /// From now on these services answer. They go on while the process ends: a call that is under way is finished.
    pub(super) fn open(&self, routes: Routes) {
        // It is opened once.
        let _ = self.opened.set(routes.prepare());
    }
}

impl<S> tower::Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, always: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            always,
        }
    }
}

/// Services, some of them behind a gate.
#[derive(Clone, Debug)]
pub(super) struct Gated<S> {
    gate: Gate,
    always: S,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.always.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        if ALWAYS.iter().any(|always| path.starts_with(always)) {
            return Box::pin(self.always.call(request));
        }
        if let Some(routes) = self.gate.opened.get() {
            return Box::pin(routes.clone().call(request));
        }
        let gate = self.gate.clone();
        Box::pin(async move {
            let outcome = gate.door.app().await;
            match (outcome, gate.opened.get()) {
                (Ok(_), Some(routes)) => routes.clone().call(request).await,
                (Err(error), _) => Ok(status::answer(error)),
                (Ok(_), None) => {
                    let error = Error::internal("a door is open before its gate");
                    Ok(status::answer(error))
                }
            }
        })
    }
}
