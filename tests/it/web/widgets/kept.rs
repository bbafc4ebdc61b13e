//! What somebody registered with, and the key of their widget, outlive the server.

use super::*;
use crate::isolation::messages::good;

each_engine!(
    who_registers_gets_a_widget_with_the_defaults_which_outlives_the_server_with_its_key_and_session,
);

/// A server where everybody may register, and gets a tenant.
async fn start(database: &Database, folder: &TempDir) -> (Server, Channel) {
    let command = Scene::command(database, folder)
        .env("SYNCLINE_AUTH_REQUIRED", "true")
        .env("SYNCLINE_PEOPLE_REGISTRATION", "open")
        .env("SYNCLINE_PEOPLE_REGISTRATION_CREATES_TENANT", "true");
    let server = Server::ready(command).await;
    let channel = server.channel().await;
    (server, channel)
}

/// Checks 1 and 3 of the dashboard.
async fn who_registers_gets_a_widget_with_the_defaults_which_outlives_the_server_with_its_key_and_session(
    database: Database,
) {
    let folder = temp_dir();
    let (mut server, channel) = start(&database, &folder).await;
    let password = "composed for this test";
    let register = json!({"user": {"username": "vera_k"}, "password": password});
    let made: v1::RegisterResponse = good(&channel, "", "AccountService/Register", &register).await;
    let (user, session) = (made.user.unwrap(), made.session_token);
    let tenant = user.memberships[0].tenant.clone();
    let named = json!({"name": format!("{tenant}/widget")});
    let widget: v1::Widget = good(&channel, &session, "TenantService/GetWidget", &named).await;
    assert_eq!(
        (
            widget.primary_color.as_str(),
            widget.position(),
            widget.welcome_message.as_str(),
            widget.widget_name.as_str()
        ),
        (
            "#3b82f6",
            v1::WidgetPosition::BottomRight,
            "Hi! How can I help?",
            "Support"
        )
    );
    let create = json!({"parent": tenant, "api_key": {"kind": 2}});
    let created = good(&channel, &session, "TenantService/CreateApiKey", &create);
    let created: v1::CreateApiKeyResponse = created.await;
    let key = created.secret;
    assert!(key.starts_with("pk_live_") && key.len() == 72, "{key}");
    let first: Value = config(&server, &key, None).await.json().await.unwrap();
    assert_eq!(first["welcomeMessage"], "Hi! How can I help?");
    let update =
        json!({"widget": {"name": format!("{tenant}/widget"), "primary_color": "#12ab9F"}});
    let changed: v1::Widget = good(&channel, &session, "TenantService/UpdateWidget", &update).await;
    let before: Value = config(&server, &key, None).await.json().await.unwrap();
    assert_eq!(before["primaryColor"], "#12ab9F");

    server.process.terminate();
    assert!(server.process.wait_exit(LONG).await.success());
    let (server, channel) = start(&database, &folder).await;
    let after = config(&server, &key, None).await;
    assert_eq!(after.status(), StatusCode::OK);
    assert_eq!(after.json::<Value>().await.unwrap(), before);
    let widget: v1::Widget = good(&channel, &session, "TenantService/GetWidget", &named).await;
    assert_eq!(widget, changed);
    let me: v1::GetMeResponse = good(&channel, &session, "AccountService/GetMe", &json!({})).await;
    assert_eq!(me.user.unwrap().name, user.name);
    let login = json!({"login": "vera_k", "password": password});
    let again: v1::LoginResponse = good(&channel, "", "AccountService/Login", &login).await;
    assert_eq!(again.user.unwrap().name, user.name);
}
