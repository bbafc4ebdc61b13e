//! `POST /sync`: runs a sync, as the original server did, which had only one.

use crate::{
    app::App,
    base::{
        Error, ResourceId, Result, SyncName, TokenName, Violation, error::all_valid, name::shown,
    },
    db::Scope,
    syncs::{job::Arguments, start, store},
    tokens::{self, Provider, Standing},
    web::{Site, auth, problem::Problem},
};
use axum::{
    Json,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

/// What is run when nothing else is named.
const USUAL: &str = "tenants/default/syncs/default";
/// Where the queue can be looked at.
const QUEUE: &str = "/admin/queues";

/// What a caller may say, in the query, in a form or in JSON; nothing of it must be said.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    sync: Option<String>,
    request_id: Option<String>,
    dry_run: Option<bool>,
}

/// Accepts a run and answers 202 with its name; `jobId` and `queueUrl` are what clients of the original look at.
pub async fn run(
    State(site): State<Site>,
    query: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let app = site.door.app().await?;
    let Query(query) = query.map_err(|error| Error::invalid("query", error.body_text()))?;
    let body = body.map_err(|error| Problem::of_body(error.status(), error.body_text()))?;
    let body = read(&headers, &body)?;
    let name = body.sync.or(query.sync);
    let request_id = body.request_id.or(query.request_id);
    let arguments = Arguments {
        dry_run: body.dry_run.or(query.dry_run).unwrap_or_default(),
        ..Arguments::default()
    };
    let (name, request_id) = check(name.as_deref().unwrap_or(USUAL), request_id.as_deref())?;
    check_tokens(&app, &name)
        .await
        .map_err(|error| asking(&app, error))?;
    let terms = start::Terms {
        request_id,
        ..start::Terms::default()
    };
    let run = start::start(&app, name, arguments, terms).await?;
    let document = json!({
        "status": "success",
        "message": "the run was accepted",
        "jobId": run.name.id,
        "queueUrl": QUEUE,
        "run": run.name.to_string(),
    });
    Ok((StatusCode::ACCEPTED, Json(document)))
}

/// Adds where the consent is given that is missing, if it is one of Google's.
fn asking(app: &App, error: Missing) -> Problem {
    match error {
        Missing::Consent(token, error) => {
            let mut url = format!("{}/auth", app.config.public_url());
            if token.to_string() != auth::USUAL {
                let named = form_urlencoded::Serializer::new(String::new())
                    .append_pair("token", &token.to_string())
                    .finish();
                url = format!("{url}?{named}");
            }
            Problem::from(error).with_consent(url)
        }
        Missing::Other(error) => error.into(),
    }
}

/// What keeps a run from being accepted.
enum Missing {
    /// Google's consent for this token.
    Consent(TokenName, Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Missing {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Missing {
    fn of(provider: Provider, name: TokenName, message: String) -> Self {
        let error = Error::NeedsReauth {
            message,
            token: name.to_string(),
        };
        match provider {
            Provider::Google => Self::Consent(name, error),
            Provider::Clockify => Self::Other(error),
        }
    }
}

/// A run without a usable token would only fail, where the caller does not look: the original answered 401, too.
async fn check_tokens(app: &App, name: &SyncName) -> Result<(), Missing> {
    let mut tx = app.db.read(Scope::Tenant(name.tenant.clone())).await?;
    let found = store::syncs::get(&mut tx, name).await?;
    drop(tx);
    let Some(sync) = found else {
        return check_first_consent(app, name).await;
    };
    for token in [&sync.source, &sync.destination] {
        let token = tokens::get(app, token).await?;
        if let Standing::NeedsReauth | Standing::Revoked = token.standing(app.db.now()) {
            let (name, why) = (token.name(), &token.state_reason);
            let consent = consent(token.provider, &name);
            let why = match why.as_str() {
                "" => "it was revoked",
                why => why,
            };
            let message = format!("{name} cannot be used: {why}. {consent}");
            return Err(Missing::of(token.provider, name, message));
        }
    }
    Ok(())
}

/// The usual sync is made of the original's variables once there is a consent, so without one that is what is missing.
async fn check_first_consent(app: &App, name: &SyncName) -> Result<(), Missing> {
    let token = TokenName::new(name.tenant.clone(), ResourceId::parse("id", "google")?);
    if name.to_string() != USUAL || tokens::get(app, &token).await.is_ok() {
        return Err(name.not_found().into());
    }
    let consent = consent(Provider::Google, &token);
    let message = format!("there is no Google token yet. {consent}");
    Err(Missing::of(Provider::Google, token, message))
}

/// What a person types to make a token work.
fn consent(provider: Provider, token: &TokenName) -> String {
    let id = match token.id.as_str() {
        usual if usual == provider.as_str() => String::new(),
        id => format!(" --id {id}"),
    };
    match provider {
        Provider::Google => {
            format!("Consent at authUrl, or with `syncline token login google{id}`")
        }
        Provider::Clockify => {
            format!("Give a new key with `syncline token add clockify{id} --replace`")
        }
    }
}

/// Everything that is wrong with the two at once.
fn check(name: &str, request_id: Option<&str>) -> Result<(SyncName, Option<Uuid>)> {
    let mut wrong = Vec::new();
    let name = SyncName::parse("sync", name)
        .map_err(|error| match error {
            Error::Invalid(violations) => wrong.extend(violations),
            other => wrong.push(Violation::new("sync", other.to_string())),
        })
        .ok();
    let request_id = request_id
        .map(|text| {
            text.parse().map_err(|_| {
                let message = format!("expected a UUID, got {}", shown(text));
                wrong.push(Violation::new("request_id", message));
            })
        })
        .transpose()
        .ok();
    all_valid(wrong)?;
    name.zip(request_id)
        .ok_or_else(|| Error::internal("what is not wrong is right"))
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Wanted> {
    if body.trim_ascii().is_empty() {
        return Ok(Wanted::default());
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next();
    let wrong = |why: String| Error::invalid("body", why);
    match kind.map(|kind| kind.trim().to_ascii_lowercase()).as_deref() {
        Some("application/json") => {
            serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))
        }
        // A form without any field, as browsers and scripts send it, says nothing; so does any other kind.
        Some("application/x-www-form-urlencoded") => {
            let uri = format!("/?{}", String::from_utf8_lossy(body))
                .parse()
                .map_err(|_| wrong("expected a form".to_owned()))?;
            let Query(wanted) =
                Query::try_from_uri(&uri).map_err(|error| wrong(error.body_text()))?;
            Ok(wanted)
        }
        _ => Err(wrong(
            "expected application/json, a form, or nothing".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, body: &str) -> Result<Wanted> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
        read(&headers, body.as_bytes())
    }

    #[test]
    fn nothing_json_and_a_form_are_read() {
        assert!(of("text/plain", " \n").unwrap().sync.is_none());
        let json = of(
            "application/json; charset=utf-8",
            r#"{"sync": "x", "dry_run": true}"#,
        );
        let json = json.unwrap();
        assert_eq!(
            (json.sync.as_deref(), json.dry_run),
            (Some("x"), Some(true))
        );
        let form = of("application/x-www-form-urlencoded", "sync=a%2Fb").unwrap();
        assert_eq!(form.sync.as_deref(), Some("a/b"));
    }

    #[test]
    fn a_slip_is_refused() {
        for (kind, body) in [
            ("application/json", r#"{"snyc": "x"}"#),
            ("application/json", "{"),
            ("application/x-www-form-urlencoded", "dry_run=maybe"),
            ("text/plain", "sync=x"),
        ] {
            assert!(matches!(of(kind, body), Err(Error::Invalid(_))), "{body}");
        }
    }

    #[test]
    fn both_wrong_fields_are_named() {
        let Err(Error::Invalid(wrong)) = check("syncs/x", Some("7")) else {
            panic!("both are wrong");
        };
        let fields: Vec<_> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["sync", "request_id"]);
        assert!(check(USUAL, None).unwrap().1.is_none());
    }
}
