//! Two real processes, callers on both, refresh tokens that work once, and a provider that ends the whole grant when one
//! comes again: each expiry costs one refresh, and no grant is lost.

use super::{CLIENT_ID, CLIENT_SECRET, SCOPES, TOKEN};
use crate::{
    cli::{LONG, Stage},
    kit::{Database, Process, each_engine, eventually, rounds},
};
use futures::future::try_join_all;
use std::time::Duration;
use syncline::{
    api::v1::{
        self, IssueAccessTokenRequest, create_token_request::Credential,
        token_service_client::TokenServiceClient,
    },
    db::Engine,
};
use tonic::transport::Channel;

each_engine!(two_processes_use_each_single_use_refresh_token_once);

/// Callers of each process that ask for a token at the same time.
const CALLERS: usize = 50;
/// Life of an access token in seconds: long enough that all callers are answered within it.
const LIFE: i64 = 12;

async fn server(stage: &Stage, database: &Database) -> (Process, Channel) {
    let command = stage.command(&["serve"]);
    let command = match database.engine() {
        Engine::Postgres => command.env("DATABASE_URL", database.url()),
        Engine::Sqlite => command,
    };
    let mut process = command.start();
    let line = process.line("serving gRPC on", LONG).await;
    let address = line.split("serving gRPC on ").nth(1).unwrap();
    let address = address.split(',').next().unwrap();
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    (process, channel.connect().await.unwrap())
}

async fn two_processes_use_each_single_use_refresh_token_once(database: Database) {
    let stage = Stage::new();
    {
        let mut world = stage.simulator.world();
        world.google.rotate_refresh_tokens = true;
        world.google.reuse_ends_grants = true;
        world.google.access_token_seconds = LIFE;
    }
    let servers = [
        server(&stage, &database).await,
        server(&stage, &database).await,
    ];
    let clients = servers
        .each_ref()
        .map(|(_, channel)| TokenServiceClient::new(channel.clone()));
    let (grants, expiries) = (rounds(5, 100), rounds(2, 10));
    let mut names = Vec::new();
    for number in 0..grants {
        let grant = {
            let mut world = stage.simulator.world();
            let me = world.me();
            world.grant(&me.id, &SCOPES)
        };
        let create = v1::CreateTokenRequest {
            token_id: format!("grant-{number}"),
            token: Some(v1::Token {
                provider: v1::Provider::Google.into(),
                ..v1::Token::default()
            }),
            credential: Some(Credential::OauthGrant(v1::OauthGrant {
                refresh_token: grant.refresh_token.expect("offline access"),
                client_id: CLIENT_ID.to_owned(),
                client_secret: CLIENT_SECRET.to_owned(),
                scopes: SCOPES.map(str::to_owned).to_vec(),
                ..v1::OauthGrant::default()
            })),
            ..v1::CreateTokenRequest::default()
        };
        names.push(
            clients[0]
                .clone()
                .create_token(create)
                .await
                .unwrap()
                .into_inner()
                .name,
        );
    }
    stage.simulator.calls().clear();
    let mut refreshes = 0;
    for _ in 0..expiries {
        for name in &names {
            // Whatever was handed out before ends first.
            eventually(Duration::from_secs(60), || async {
                let world = stage.simulator.world();
                let now = stage.simulator.clock().now();
                let alive = world.grants().iter().flat_map(|grant| &grant.access_tokens);
                let alive = alive.filter(|(_, until)| *until > now).count();
                match refreshes % grants == 0 && refreshes > 0 && alive > 0 {
                    true => Err(format!("{alive} access tokens live")),
                    false => Ok(()),
                }
            })
            .await;
            let calls = (0..2 * CALLERS).map(|number| {
                let mut client = clients[number % 2].clone();
                let request = IssueAccessTokenRequest {
                    name: name.clone(),
                    min_validity: Some(pbjson_types::Duration::default()),
                    ..IssueAccessTokenRequest::default()
                };
                async move { client.issue_access_token(request).await }
            });
            let answers = try_join_all(calls).await.unwrap();
            refreshes += 1;
            let mut seen: Vec<_> = answers
                .into_iter()
                .map(|answer| answer.into_inner().access_token)
                .collect();
            seen.dedup();
            assert_eq!(
                seen.len(),
                1,
                "all callers of both get the same access token"
            );
            assert_eq!(stage.simulator.calls().count(TOKEN), refreshes);
        }
    }
    for name in names {
        let mut client = clients[1].clone();
        let token = client.get_token(v1::GetTokenRequest { name });
        let token = token.await.unwrap().into_inner();
        assert_eq!(
            token.state(),
            v1::TokenState::Active,
            "{}",
            token.state_reason
        );
    }
    println!(
        "{refreshes} expiries of {grants} grants, {CALLERS} callers on each of 2 processes: {refreshes} refreshes, 0 grants lost"
    );
}

#[tokio::test]
async fn the_simulator_ends_a_grant_whose_refresh_token_comes_again() {
    let stage = Stage::new();
    let refresh_token = {
        let mut world = stage.simulator.world();
        world.google.rotate_refresh_tokens = true;
        world.google.reuse_ends_grants = true;
        let me = world.me();
        world.grant(&me.id, &SCOPES).refresh_token.unwrap()
    };
    let client = reqwest::Client::new();
    let refresh = async |token: &str| -> serde_json::Value {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
        ];
        let url = stage.simulator.endpoints().google_token;
        client
            .post(url)
            .form(&form)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let next = refresh(&refresh_token).await["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(refresh(&refresh_token).await["error"], "invalid_grant");
    assert_eq!(
        refresh(&next).await["error"],
        "invalid_grant",
        "it went with its family"
    );
}
