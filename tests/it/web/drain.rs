//! The end of a server: told first, then done.

use super::{Server, reason};
use crate::{
    cli::{LONG, Stage, ended},
    kit::{eventually, temp_dir},
};
use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;
use syncline::{
    base::Clock,
    simulator::{Now, Options, Simulator, WorldSpec},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_runs_end_http_says_that_the_server_stops_and_takes_nothing_more() {
    // So slow that a call is always under way.
    let options = Options {
        world: WorldSpec::of(2, 2),
        latency: Duration::from_secs(2),
        ..Options::new(Now::Running(Clock::system().now()))
    };
    let stage = Stage {
        simulator: Simulator::start(options).unwrap(),
        folder: temp_dir(),
    };
    let key = stage.simulator.world().clockify_me().api_key;
    for command in [
        stage
            .command(&["token", "add", "clockify"])
            .input(&format!("{key}\n")),
        stage
            .command(&["token", "import", "-"])
            .input(&stage.token_json()),
        stage.command(&["sync", "create", "meet-to-clockify", "default"]),
    ] {
        let ended = ended(command).await;
        assert_eq!(ended.code, 0, "{}", ended.text);
    }
    let mut server = Server::ready(stage.command(&["--json", "serve"])).await;
    let before = stage.simulator.calls().all().len();
    assert_eq!(server.post("/sync").await.status(), StatusCode::ACCEPTED);
    eventually(LONG, || {
        let calls = stage.simulator.calls().all().len();
        std::future::ready((calls > before).then_some(()).ok_or("no call yet"))
    })
    .await;

    server.process.terminate();
    let found = server.becomes(StatusCode::SERVICE_UNAVAILABLE, LONG).await;
    assert_eq!(found["status"], "stopping");
    assert_eq!(found["checks"]["database"]["status"], "ok");
    let health: Value = server.get("/health").await.json().await.unwrap();
    assert_eq!(health["status"], "unhealthy");
    let refused = server.post("/sync").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reason(refused).await, "SHUTTING_DOWN");
    let status = server.process.wait_exit(LONG).await;
    assert!(status.success(), "{}", server.process.output());
}
