//! Lists the audit of a tenant, or of the installation: the newest first, filtered, page by page.

use crate::{
    api::{
        filter::{self, Match},
        page::Page,
        v1,
    },
    app::App,
    audit::store::{self, Row},
    base::{Error, Result, TenantId, Violation, error::all_valid, name::parse_parent, reach},
    db::Scope,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What can be asked for.
const FIELDS: [&str; 5] = ["actor", "action", "resource", "outcome", "address"];
/// Before and after everything, in seconds since 1970: the year 9999 ends with the last.
const EVER: (i64, i64) = (0, 253_402_300_799);

/// Which rows.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// `None` is the installation.
    pub tenant: Option<TenantId>,
    /// Rows before this one.
    pub before: (DateTime<Utc>, Uuid),
    /// At this moment or later.
    pub from: DateTime<Utc>,
    pub actor: Option<Match>,
    pub action: Option<Match>,
    pub resource: Option<Match>,
    pub outcome: Option<Match>,
    pub address: Option<Match>,
}

/// A page. Pages neither skip nor repeat what was there when the first one was read; what is added later is newer than
/// all of them.
pub async fn list(
    app: &App,
    request: v1::ListAuditEntriesRequest,
) -> Result<v1::ListAuditEntriesResponse> {
    let mut wrong = Vec::new();
    let tenant = match request.instance {
        true => whole_installation(&request.parent, &mut wrong)?,
        false => read(parse_parent("parent", &request.parent), &mut wrong)?,
    };
    let (start, end) = (
        moment("start_time", request.start_time, EVER.0, &mut wrong),
        moment("end_time", request.end_time, EVER.1, &mut wrong),
    );
    if start > end {
        let expected = "expected a time that is not before start_time";
        wrong.push(Violation::new("end_time", expected));
    }
    let page = Page::parse(
        request.page_size,
        &request.page_token,
        &[
            "audit",
            &request.parent,
            &request.instance.to_string(),
            &request.filter,
            &start.to_string(),
            &end.to_string(),
        ],
    );
    let page = read(page, &mut wrong)?;
    let mut wanted = Wanted {
        tenant: tenant.clone(),
        // No id is smaller, so that rows of that very moment are left out.
        before: (end, Uuid::nil()),
        from: start,
        actor: None,
        action: None,
        resource: None,
        outcome: None,
        address: None,
    };
    if let Some(key) = page.as_ref().and_then(|page| page.after.as_deref()) {
        wanted.before = read(position(key), &mut wrong)?.unwrap_or(wanted.before);
    }
    let conditions = read(filter::parse(&request.filter, &FIELDS), &mut wrong)?;
    for (field, value) in conditions.unwrap_or_default() {
        let value = read(Match::parse(&field, &value), &mut wrong)?;
        let place = match field.as_str() {
            "actor" => &mut wanted.actor,
            "action" => &mut wanted.action,
            "resource" => &mut wanted.resource,
            "outcome" => &mut wanted.outcome,
            _ => &mut wanted.address,
        };
        *place = value;
    }
    let Some(page) = page else {
        return Err(Error::Invalid(wrong));
    };
    all_valid(wrong)?;
    let scope = match tenant {
        Some(tenant) => Scope::Tenant(tenant),
        None => Scope::System("the audit of the installation belongs to no tenant"),
    };
    let mut tx = app.db.read(scope).await?;
    let mut rows = store::page(&mut tx, &wanted, page.limit()).await?;
    let next_page_token = page.cut(&mut rows, |row| {
        format!("{} {}", row.at.timestamp_micros(), row.id)
    });
    Ok(v1::ListAuditEntriesResponse {
        audit_entries: rows.into_iter().map(Into::into).collect(),
        next_page_token,
    })
}

/// `Ok(None)`, for who may ask for it.
fn whole_installation(parent: &str, wrong: &mut Vec<Violation>) -> Result<Option<TenantId>> {
    reach::check_instance()?;
    if !parent.is_empty() {
        let expected = "expected nothing: the installation has no parent";
        wrong.push(Violation::new("parent", expected));
    }
    Ok(None)
}

fn moment(
    field: &str,
    time: Option<crate::api::Timestamp>,
    otherwise: i64,
    wrong: &mut Vec<Violation>,
) -> DateTime<Utc> {
    let otherwise = DateTime::from_timestamp(otherwise, 0).unwrap_or_default();
    match time.map(DateTime::<Utc>::try_from) {
        None => otherwise,
        Some(Ok(at)) if at.timestamp() >= EVER.0 && at.timestamp() <= EVER.1 => at,
        Some(_) => {
            wrong.push(Violation::new(field, "expected a moment from 1970 to 9999"));
            otherwise
        }
    }
}

/// The row behind which a page begins.
fn position(key: &str) -> Result<(DateTime<Utc>, Uuid)> {
    let read = || {
        let (micros, id) = key.split_once(' ')?;
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        Some((at, id.parse().ok()?))
    };
    read().ok_or_else(|| {
        Error::invalid(
            "page_token",
            "expected next_page_token of the page before, with the same arguments",
        )
    })
}

/// Collects what is wrong with the request; other errors are told at once.
fn read<T>(outcome: Result<T>, wrong: &mut Vec<Violation>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Error::Invalid(more)) => {
            wrong.extend(more);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

impl From<Row> for v1::AuditEntry {
    fn from(row: Row) -> Self {
        Self {
            time: Some(row.at.into()),
            actor: row.actor,
            address: row.address,
            action: row.action,
            resource: row.resource,
            outcome: row.outcome,
            detail: row.detail,
            count: row.count,
        }
    }
}
