//! What the widget asks for: its look, and how its tenant's syncs are. First the key (401), then the tenant's state (403), then
//! the page that asks (403).

use crate::{
    app::App,
    base::{Caller, Error, Needs, Permissions, Result, Role, Secret, TenantId, Who, reach::Reach},
    syncs::standing,
    tenants::{
        State as TenantState, keys,
        widget::{self, Shown},
    },
    web::{Site, problem::Problem, widget::cors},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts};
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// `GET /api/widget/config`: the look, and the state of the syncs.
pub async fn config(State(site): State<Site>, request: Parts) -> Response {
    answer(&site, request, true).await
}

/// `GET /api/widget/status`: the state of the syncs alone, for a widget that is shown already.
pub async fn status(State(site): State<Site>, request: Parts) -> Response {
    answer(&site, request, false).await
}

/// `OPTIONS`: whether a page may ask with a header. Says nothing to those that may not.
pub async fn preflight(State(site): State<Site>, request: Parts) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let Ok(app) = site.door.app().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let headers = &request.headers;
    let lists = match in_query(&request.uri) {
        Some(key) => match owner(&app, &request, &key).await {
            Ok(tenant) => look(&app, &tenant)
                .await
                .map(|shown| vec![shown.allowed_domains]),
            Err(error) => Err(error),
        },
        None => widget::allowed_anywhere(&app)
            .await
            .map(|lists| lists.to_vec()),
    };
    let origin = cors::origin(headers);
    let lists = lists.unwrap_or_default();
    let list = lists
        .iter()
        .find(|list| cors::allows(list, origin.as_deref()));
    match list {
        Some(list) => {
            cors::mark(&mut response, list, headers);
            cors::mark_preflight(&mut response);
        }
        None => {
            let vary = HeaderValue::from_static("Origin");
            response.headers_mut().insert(header::VARY, vary);
        }
    }
    response
}

async fn answer(site: &Site, request: Parts, with_look: bool) -> Response {
    let mut response = match told(site, &request, with_look).await {
        Ok((document, list)) => {
            let mut response = Json(document).into_response();
            cors::mark(&mut response, &list, &request.headers);
            response
        }
        Err(refused) => {
            let mut response = Problem::from(refused.error).into_response();
            // The visitors of a page know no password of ours.
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
            if let Some(list) = refused.list {
                cors::mark(&mut response, &list, &request.headers);
            }
            response
        }
    };
    let fresh = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, fresh);
    response
}

/// A refusal; with the list of the pages that may read it, once it is known whose key it is.
struct Refused {
    error: Error,
    list: Option<Vec<String>>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, list: None }
    }
}

async fn told(
    site: &Site,
    request: &Parts,
    with_look: bool,
) -> Result<(Value, Vec<String>), Refused> {
    let app = site.door.app().await?;
    let headers = &request.headers;
    let key = in_header(headers).or_else(|| in_query(&request.uri));
    let key = key.ok_or_else(|| Error::Unauthenticated {
        reason: "CREDENTIALS_MISSING",
        message: "show the key of the widget: x-api-key: pk_live_…, or ?key=pk_live_…".to_owned(),
    })?;
    let tenant = owner(&app, request, &key).await?;
    let Shown {
        state,
        allowed_domains: list,
        widget,
    } = look(&app, &tenant).await?;
    let refused = |reason, message: &str| Refused {
        error: Error::Denied {
            reason,
            message: message.to_owned(),
        },
        list: Some(list.clone()),
    };
    match state {
        TenantState::Active => {}
        TenantState::Paused => return Err(refused("TENANT_PAUSED", "the tenant is paused")),
        TenantState::Disabled => return Err(refused("TENANT_DISABLED", "the tenant is disabled")),
    }
    if !cors::allows(&list, cors::origin(headers).as_deref()) {
        let message = "this page is not on the list of those that may show the widget";
        return Err(refused("PAGE_NOT_ALLOWED", message));
    }
    let standing = reach(&tenant).contain(standing::of_tenant(&app, &tenant));
    let syncs: Vec<_> = standing.await?.iter().map(sync).collect();
    let document = match with_look {
        true => json!({
            "primaryColor": widget.primary_color,
            "position": widget.position.as_str(),
            "welcomeMessage": widget.welcome_message,
            "widgetName": widget.widget_name,
            "syncs": syncs,
        }),
        false => json!({ "syncs": syncs }),
    };
    Ok((document, list))
}

fn sync(standing: &standing::Standing) -> Value {
    let moment =
        |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    json!({
        "name": standing.name,
        "state": standing.state.as_str(),
        "last_success": moment(standing.last_success),
        "next_run": moment(standing.next_run),
    })
}

/// Whose key it is. Who tries many is slowed down, by where it comes from.
async fn owner(app: &App, request: &Parts, key: &Secret) -> Result<TenantId> {
    let address = crate::api::auth::address(&request.extensions);
    let nobody = Caller::nobody(Permissions::none(), address);
    let reach = Reach::new(Arc::new(nobody), Needs::Nothing);
    reach.contain(keys::widget_tenant(app, key)).await
}

async fn look(app: &App, tenant: &TenantId) -> Result<Shown> {
    reach(tenant).contain(widget::show(app, tenant)).await
}

/// A widget looks at its own tenant, and at nothing else.
fn reach(tenant: &TenantId) -> Reach {
    let caller = Caller {
        name: widget::name_of(tenant),
        who: Who::Nobody,
        permissions: Permissions::tenant(tenant.clone(), Role::Viewer),
        address: None,
    };
    Reach::new(Arc::new(caller), Needs::Tenant(Role::Viewer))
}

fn in_header(headers: &HeaderMap) -> Option<Secret> {
    headers.get(KEY)?.to_str().ok().map(Secret::new)
}

fn in_query(uri: &Uri) -> Option<Secret> {
    let query = uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, key) = pairs.find(|(name, _)| name == "key")?;
    Some(Secret::new(key.into_owned()))
}
