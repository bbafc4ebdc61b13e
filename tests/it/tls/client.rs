//! The command line and a server with TLS.

use super::{Authority, Secured, with};
use crate::cli::{Stage, ended};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_trusts_and_shows_what_the_settings_name() {
    let (stage, authority, stranger) = (Stage::new(), Authority::new(), Authority::new());
    let command = with(&stage, &authority.sign("a", &["localhost"]))
        .env("SYNCLINE_TLS_CLIENT_CA", authority.ca())
        .env("SYNCLINE_TLS_CLIENT_AUTH", "required");
    let server = Secured::start(command).await;
    let port = server.grpc.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}");
    let list = || stage.command(&["token", "list", "--server", &url]);
    let me = authority.sign("me", &["client"]);
    let shown = list()
        .env("SYNCLINE_CLIENT_CA", authority.ca())
        .env("SYNCLINE_CLIENT_CERT", &me.cert)
        .env("SYNCLINE_CLIENT_KEY", &me.key);
    let shown = ended(shown).await;
    assert_eq!(shown.code, 0, "{}", shown.text);

    let untrusted = ended(list().env("SYNCLINE_CLIENT_CA", stranger.ca())).await;
    assert_ne!(untrusted.code, 0);
    assert!(
        untrusted.text.contains("client.ca names who signs it"),
        "{}",
        untrusted.text
    );
    let unusable = ended(list().env("SYNCLINE_CLIENT_CA", "/nowhere/ca.pem")).await;
    assert!(
        unusable
            .text
            .contains("client.ca: the file /nowhere/ca.pem cannot be read"),
        "{}",
        unusable.text
    );
}
