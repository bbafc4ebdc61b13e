//! The embedded widget: its files, its key, the pages that may show it, and what it tells of syncs.

mod kept;
mod shown;
mod spent;

use super::Server;
use crate::{
    cli::LONG,
    kit::{Builder, Database, Process, each_engine, eventually, temp_dir},
};
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};
use syncline::api::v1::{self, tenant_service_client::TenantServiceClient};
use tempfile::TempDir;
use tonic::transport::Channel;

each_engine!(
    a_page_gets_the_look_without_ids_and_times,
    only_a_good_key_of_a_widget_is_taken,
    a_tenant_that_is_not_active_shows_no_widget,
    only_pages_on_the_list_may_ask,
    a_browser_is_told_what_a_page_may_send_and_others_nothing,
    a_rotated_key_is_refused_everywhere_at_once,
);

struct Scene {
    server: Server,
    database: Database,
    folder: TempDir,
}

impl Scene {
    async fn open(database: Database) -> Self {
        let folder = temp_dir();
        let server = Server::ready(Self::command(&database, &folder)).await;
        Self {
            server,
            database,
            folder,
        }
    }

    fn command(database: &Database, folder: &TempDir) -> Builder {
        Process::syncline(&["--json", "serve"])
            .env("SYNCLINE_DATA_DIR", folder.path())
            .env("DATABASE_URL", database.url())
            .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0")
    }

    async fn tenants(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.server.channel().await)
    }

    /// The tenant `acme` with a widget's key.
    async fn with_widget(&self, domains: &[&str]) -> v1::CreateApiKeyResponse {
        let tenant = v1::Tenant {
            allowed_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            ..v1::Tenant::default()
        };
        let request = v1::CreateTenantRequest {
            tenant_id: "acme".to_owned(),
            tenant: Some(tenant),
        };
        self.tenants().await.create_tenant(request).await.unwrap();
        let request = v1::CreateApiKeyRequest {
            parent: "tenants/acme".to_owned(),
            api_key: Some(v1::ApiKey {
                kind: v1::ApiKeyKind::Widget.into(),
                ..v1::ApiKey::default()
            }),
            ..v1::CreateApiKeyRequest::default()
        };
        self.tenants()
            .await
            .create_api_key(request)
            .await
            .unwrap()
            .into_inner()
    }

    async fn change(&self, change: v1::Tenant, field: &str) {
        let request = v1::UpdateTenantRequest {
            tenant: Some(v1::Tenant {
                name: "tenants/acme".to_owned(),
                ..change
            }),
            update_mask: Some(pbjson_types::FieldMask {
                paths: vec![field.to_owned()],
            }),
        };
        self.tenants().await.update_tenant(request).await.unwrap();
    }

    async fn config(&self, key: &str, origin: Option<&str>) -> Response {
        config(&self.server, key, origin).await
    }
}

const CONFIG: &str = "/api/widget/config";

async fn config(server: &Server, key: &str, origin: Option<&str>) -> Response {
    let mut asked = server.request(Method::GET, CONFIG).header("x-api-key", key);
    if let Some(origin) = origin {
        asked = asked.header(header::ORIGIN, origin);
    }
    asked.send().await.unwrap()
}

fn allowed(answer: &Response) -> Option<&str> {
    let origin = answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    origin.map(|origin| origin.to_str().unwrap())
}

async fn a_page_gets_the_look_without_ids_and_times(database: Database) {
    let scene = Scene::open(database).await;
    let key = scene.with_widget(&[]).await.secret;
    let answer = scene.config(&key, Some("https://example.org")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(allowed(&answer), Some("*"), "every page may");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let document: Value = answer.json().await.unwrap();
    let expected = json!({
        "primaryColor": "#3b82f6",
        "position": "bottom-right",
        "welcomeMessage": "Hi! How can I help?",
        "widgetName": "Support",
        "syncs": [],
    });
    assert_eq!(document, expected);
    let request = v1::UpdateWidgetRequest {
        widget: Some(v1::Widget {
            name: "tenants/acme/widget".to_owned(),
            primary_color: "#12ab9F".to_owned(),
            position: v1::WidgetPosition::BottomLeft.into(),
            ..v1::Widget::default()
        }),
        update_mask: None,
    };
    scene.tenants().await.update_widget(request).await.unwrap();
    let by_query = scene.server.get(&format!("{CONFIG}?key={key}")).await;
    let document: Value = by_query.json().await.unwrap();
    assert_eq!(
        (
            &document["primaryColor"],
            &document["position"],
            &document["widgetName"]
        ),
        (&json!("#12ab9F"), &json!("bottom-left"), &json!("Support"))
    );
}

async fn only_a_good_key_of_a_widget_is_taken(database: Database) {
    let scene = Scene::open(database).await;
    let good = scene.with_widget(&[]).await;
    let request = v1::CreateApiKeyRequest {
        parent: "tenants/acme".to_owned(),
        ..v1::CreateApiKeyRequest::default()
    };
    let secret = scene
        .tenants()
        .await
        .create_api_key(request)
        .await
        .unwrap()
        .into_inner();
    let unknown = format!("pk_live_{}", "0".repeat(64));
    for wrong in [
        "",
        "x",
        "pk_live_",
        unknown.as_str(),
        secret.secret.as_str(),
    ] {
        let answer = scene.config(wrong, None).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{wrong}");
        let headers = answer.headers();
        assert!(
            !headers.contains_key(header::WWW_AUTHENTICATE),
            "visitors know no password"
        );
        assert_eq!(allowed(&answer), None);
    }
    let nothing = scene.server.get(CONFIG).await;
    assert_eq!(nothing.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(super::reason(nothing).await, "CREDENTIALS_MISSING");
    assert_eq!(
        scene.config(&good.secret, None).await.status(),
        StatusCode::OK
    );
    let name = good.api_key.unwrap().name;
    let request = v1::RevokeApiKeyRequest { name };
    scene.tenants().await.revoke_api_key(request).await.unwrap();
    eventually(LONG, async || {
        let status = scene.config(&good.secret, None).await.status();
        (status == StatusCode::UNAUTHORIZED)
            .then_some(())
            .ok_or(status.to_string())
    })
    .await;
}

async fn a_tenant_that_is_not_active_shows_no_widget(database: Database) {
    let scene = Scene::open(database).await;
    let key = scene.with_widget(&["example.org"]).await.secret;
    let origin = "https://example.org";
    for (state, reason) in [
        (v1::TenantState::Paused, "TENANT_PAUSED"),
        (v1::TenantState::Disabled, "TENANT_DISABLED"),
    ] {
        let change = v1::Tenant {
            state: state.into(),
            ..v1::Tenant::default()
        };
        scene.change(change, "state").await;
        let answer = scene.config(&key, Some(origin)).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert_eq!(allowed(&answer), Some(origin), "the page may read why");
        assert_eq!(super::reason(answer).await, reason);
        // The key is looked at first, and the page last.
        assert_eq!(
            scene.config("pk_live_x", Some(origin)).await.status(),
            StatusCode::UNAUTHORIZED
        );
        let foreign = scene.config(&key, Some("https://example.com")).await;
        assert_eq!(allowed(&foreign), None);
        assert_eq!(super::reason(foreign).await, reason);
    }
    let change = v1::Tenant {
        state: v1::TenantState::Active.into(),
        ..v1::Tenant::default()
    };
    scene.change(change, "state").await;
    assert_eq!(
        scene.config(&key, Some(origin)).await.status(),
        StatusCode::OK
    );
}

async fn only_pages_on_the_list_may_ask(database: Database) {
    let scene = Scene::open(database).await;
    let list = [
        "example.org",
        "*.example.org",
        "https://shop.example.net:8443/",
    ];
    let key = scene.with_widget(&list).await.secret;
    for origin in [
        "https://example.org",
        "http://example.org",
        "https://a.example.org",
        "https://b.a.example.org",
        "https://shop.example.net:8443",
    ] {
        let answer = scene.config(&key, Some(origin)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{origin}");
        assert_eq!(allowed(&answer), Some(origin));
        assert_eq!(answer.headers()[header::VARY], "Origin, X-Api-Key");
    }
    for origin in [
        "https://evilexample.org",
        "https://example.org.evil.example.com",
        "https://example.com",
        "https://example.org:8443",
        "http://shop.example.net:8443",
        "null",
    ] {
        let answer = scene.config(&key, Some(origin)).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(allowed(&answer), None, "{origin}");
        assert_eq!(super::reason(answer).await, "PAGE_NOT_ALLOWED");
    }
    let nowhere = scene.config(&key, None).await;
    assert_eq!(
        nowhere.status(),
        StatusCode::FORBIDDEN,
        "who does not say where the page is"
    );
    let asked = scene
        .server
        .request(Method::GET, CONFIG)
        .header("x-api-key", &key);
    let by_address = asked.header(header::REFERER, "https://a.example.org/page?x");
    assert_eq!(by_address.send().await.unwrap().status(), StatusCode::OK);
    scene.change(v1::Tenant::default(), "allowed_domains").await;
    for origin in [Some("https://evilexample.org"), None] {
        assert_eq!(
            scene.config(&key, origin).await.status(),
            StatusCode::OK,
            "an empty list is all"
        );
    }
}

async fn a_browser_is_told_what_a_page_may_send_and_others_nothing(database: Database) {
    let scene = Scene::open(database).await;
    let ask = async |path: &str, origin: &str| {
        let asked = scene
            .server
            .request(Method::OPTIONS, path)
            .header(header::ORIGIN, origin);
        let asked = asked.header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
        let asked = asked.header(header::ACCESS_CONTROL_REQUEST_HEADERS, "x-api-key");
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(
            answer.headers()[header::VARY]
                .to_str()
                .unwrap()
                .starts_with("Origin")
        );
        let headers = answer.headers().get(header::ACCESS_CONTROL_ALLOW_HEADERS);
        let headers = headers.map(|headers| headers.to_str().unwrap().to_owned());
        (allowed(&answer).map(str::to_owned), headers)
    };
    let granted = |origin: &str| (Some(origin.to_owned()), Some("x-api-key".to_owned()));
    assert_eq!(
        ask(CONFIG, "https://example.org").await,
        (None, None),
        "there is no widget yet"
    );
    let key = scene
        .with_widget(&["example.org", "*.example.org"])
        .await
        .secret;
    let by_key = format!("{CONFIG}?key={key}");
    for origin in ["https://example.org", "https://a.example.org"] {
        assert_eq!(ask(&by_key, origin).await, granted(origin));
        eventually(LONG, async || {
            let answer = ask(CONFIG, origin).await;
            (answer == granted(origin))
                .then_some(())
                .ok_or(format!("{answer:?}"))
        })
        .await;
    }
    for origin in ["https://evilexample.org", "https://example.com", "null"] {
        assert_eq!(ask(CONFIG, origin).await, (None, None), "{origin}");
        assert_eq!(ask(&by_key, origin).await, (None, None), "{origin}");
    }
    let unknown = format!("{CONFIG}?key=pk_live_x");
    assert_eq!(ask(&unknown, "https://example.org").await, (None, None));
}

async fn a_rotated_key_is_refused_everywhere_at_once(database: Database) {
    let scene = Scene::open(database).await;
    let other = Server::ready(Scene::command(&scene.database, &scene.folder)).await;
    let old = scene.with_widget(&[]).await;
    for server in [&scene.server, &other] {
        assert_eq!(
            config(server, &old.secret, None).await.status(),
            StatusCode::OK
        );
    }
    let request = v1::RotateApiKeyRequest {
        name: old.api_key.unwrap().name,
        overlap: Some(pbjson_types::Duration::default()),
    };
    let new = scene
        .tenants()
        .await
        .rotate_api_key(request)
        .await
        .unwrap()
        .into_inner();
    let digits = new.secret.strip_prefix("pk_live_").unwrap();
    assert!(
        digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()),
        "64 digits"
    );
    let begun = std::time::Instant::now();
    for server in [&scene.server, &other] {
        eventually(LONG, async || {
            let status = config(server, &old.secret, None).await.status();
            (status == StatusCode::UNAUTHORIZED)
                .then_some(())
                .ok_or(status.to_string())
        })
        .await;
        assert_eq!(
            config(server, &new.secret, None).await.status(),
            StatusCode::OK
        );
    }
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
