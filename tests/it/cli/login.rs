//! Google's consent, by the browser and by a pasted address.

use super::{LONG, Stage};
use crate::kit::Process;

/// What a browser does with the address that was printed: the simulated person consents at once.
async fn consent(url: &str) -> String {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = browser.get(url).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn address(login: &mut Process) -> String {
    login.line("http://127.0.0.1", LONG).await
}

#[tokio::test]
async fn the_browser_comes_back_and_the_token_works() {
    let stage = Stage::new();
    let mut login = stage
        .command(&["token", "login", "google", "--no-browser"])
        .start();
    let redirect = consent(&address(&mut login).await).await;
    let forged = redirect.replace("state=", "state=forged");
    let refused = reqwest::get(&forged).await.unwrap();
    assert_eq!(
        refused.status(),
        404,
        "an address with another state is nobody's"
    );
    let page = reqwest::get(&redirect).await.unwrap();
    assert!(page.text().await.unwrap().contains("Back to the terminal"));
    assert!(login.wait_exit(LONG).await.success(), "{}", login.output());
    assert_eq!(stage.run(&["token", "check", "google"]).await.code, 0);
}

#[tokio::test]
async fn the_address_can_be_pasted() {
    let stage = Stage::new();
    // The address is known only once it is printed; a named pipe keeps standard input open until then.
    let pipe = stage.folder.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let program = env!("CARGO_BIN_EXE_syncline");
    let script = format!(
        "exec {program} token login google --no-browser < {}",
        pipe.display()
    );
    let endpoints = stage.simulator.endpoints();
    let mut login = Process::of("/bin/sh".as_ref(), &["-c", &script])
        .env("SYNCLINE_DATA_DIR", stage.folder.path())
        .env(
            "SYNCLINE_GOOGLE_CLIENT_ID",
            syncline::simulator::world::CLIENT_ID,
        )
        .env(
            "SYNCLINE_GOOGLE_CLIENT_SECRET",
            syncline::simulator::world::CLIENT_SECRET,
        );
    for (name, value) in endpoints.env() {
        login = login.env(name, value);
    }
    let mut login = login.start();
    let writer =
        tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe));
    let mut writer = writer.await.unwrap().unwrap();
    let redirect = consent(&address(&mut login).await).await;
    std::io::Write::write_all(
        &mut writer,
        format!("not an address\n{redirect}\n").as_bytes(),
    )
    .unwrap();
    assert!(login.wait_exit(LONG).await.success(), "{}", login.output());
    assert!(
        login.output().contains("not the address of this consent"),
        "{}",
        login.output()
    );
}

#[tokio::test]
async fn a_refused_consent_ends_with_1() {
    let stage = Stage::new();
    stage
        .simulator
        .faults()
        .apply_named("oauth-access-denied")
        .expect("it is on the menu");
    let mut login = stage
        .command(&["token", "login", "google", "--no-browser"])
        .start();
    let redirect = consent(&address(&mut login).await).await;
    reqwest::get(&redirect).await.unwrap();
    let status = login.wait_exit(LONG).await;
    assert_eq!(status.code(), Some(1), "{}", login.output());
    assert!(login.output().contains("error: "), "{}", login.output());
}

#[tokio::test]
async fn a_consent_without_all_scopes_ends_with_3() {
    let stage = Stage::new();
    stage
        .simulator
        .faults()
        .apply_named("oauth-reduced-scope")
        .expect("it is on the menu");
    let mut login = stage
        .command(&["token", "login", "google", "--no-browser"])
        .start();
    let redirect = consent(&address(&mut login).await).await;
    reqwest::get(&redirect).await.unwrap();
    let status = login.wait_exit(LONG).await;
    assert_eq!(status.code(), Some(3), "{}", login.output());
    assert!(
        login.output().contains("missing scopes"),
        "{}",
        login.output()
    );
}
