//! The peer: a tonic server that does nothing but read a message and send it back, in a process of its own.

use crate::process::Running;
use anyhow::Context as _;
use std::{convert::Infallible, future::Ready, process::Command};
use syncline::api::v1::IssueAccessTokenRequest;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

/// The argument that makes this program the echo.
pub const ECHO: &str = "echo-server";
/// The one call that it answers.
pub const PATH: &str = "bench.Echo/Echo";
/// As many as the program has.
const THREADS: usize = 4;

/// Starts it, and gives its address.
pub fn start() -> anyhow::Result<(Running, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ECHO);
    let (process, document) = Running::start(command)?;
    let document: serde_json::Value = serde_json::from_str(&document)?;
    let address = document["address"].as_str().context("it says where")?;
    Ok((process, address.to_owned()))
}

/// Answers until it is killed.
pub fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{{\"address\": \"{}\"}}", listener.local_addr()?);
        Server::builder()
            .add_service(Echo)
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
            .await?;
        Ok(())
    })
}

#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async {
            let codec = ProstCodec::<IssueAccessTokenRequest, IssueAccessTokenRequest>::default();
            Ok(Grpc::new(codec).unary(Echoed, request).await)
        })
    }
}

struct Echoed;

impl UnaryService<IssueAccessTokenRequest> for Echoed {
    type Response = IssueAccessTokenRequest;
    type Future = Ready<Result<Response<IssueAccessTokenRequest>, Status>>;

    fn call(&mut self, request: Request<IssueAccessTokenRequest>) -> Self::Future {
        std::future::ready(Ok(Response::new(request.into_inner())))
    }
}
