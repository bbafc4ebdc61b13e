//! A run that somebody asked for by a job in Redis: `{"sync": "tenants/t/syncs/s", "request_id": …, "days": …}`.

use crate::{
    app::App,
    base::{Error, Result, SyncName, Violation, error::all_valid, name::shown},
    db::Scope,
    runs::accept::Request,
    syncs::{
        definition::MOST_DAYS,
        job::{Arguments, KIND},
        schedule, store,
    },
};
use serde_json::Value;
use uuid::Uuid;

/// Reads what is asked for. All that is wrong is said at once.
pub(super) async fn read(app: &App, payload: &Value) -> Result<Request> {
    let Value::Object(fields) = payload else {
        return Err(Error::invalid("data", "expected a JSON object"));
    };
    let mut wrong = Vec::new();
    let (mut name, mut request_id, mut arguments) = (None, None, Arguments::default());
    for (field, value) in fields {
        let read = match field.as_str() {
            "sync" => text(value)
                .and_then(|text| SyncName::parse(field, text).ok())
                .map(|read| name = Some(read)),
            "request_id" => text(value)
                .and_then(|text| Uuid::parse_str(text).ok())
                .map(|read| request_id = Some(read)),
            "days" => value
                .as_u64()
                .filter(|days| *days <= u64::from(MOST_DAYS))
                .and_then(|days| u32::try_from(days).ok())
                .map(|read| arguments.days = read),
            "dry_run" => value.as_bool().map(|read| arguments.dry_run = read),
            "full" => value.as_bool().map(|read| arguments.full = read),
            _ => None,
        };
        if read.is_none() {
            wrong.push(Violation::new(
                format!("data.{}", shown(field).trim_matches('"')),
                format!("{}, got {}", expected(field), shown(&value.to_string())),
            ));
        }
    }
    if !fields.contains_key("sync") {
        wrong.push(Violation::new("data.sync", expected("sync")));
    }
    all_valid(wrong)?;
    let name = name.ok_or_else(|| Error::invalid("data.sync", expected("sync")))?;
    let mut tx = app.db.read(Scope::Tenant(name.tenant.clone())).await?;
    let sync = store::syncs::get(&mut tx, &name)
        .await?
        .ok_or_else(|| name.not_found())?;
    let arguments = serde_json::to_value(arguments).map_err(Error::internal)?;
    Ok(Request {
        request_id,
        lane: schedule::lane(&sync).to_owned(),
        ..Request::new(KIND, name, "queue", arguments)
    })
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn expected(field: &str) -> &'static str {
    match field {
        "sync" => "expected tenants/{tenant}/syncs/{sync}",
        "request_id" => "expected a UUID",
        "days" => "expected a number of days, 0 to 1825",
        "dry_run" | "full" => "expected true or false",
        _ => "expected one of sync, request_id, days, dry_run, full",
    }
}
