//! `syncline audit`: who did what.

use super::{
    Context, Exit,
    output::table,
    session::Session,
    time::{self, End},
};
use crate::api::v1;
use std::mem;

/// Largest page that a server gives.
const PAGE: i32 = 500;

/// What `audit` can be told.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What belongs to no tenant: queues, keys, refused calls
    #[arg(long)]
    instance: bool,
    /// Only who is called so, as in tenants/default/apiKeys/…; whose name begins so, as in 'users/*'
    #[arg(long)]
    actor: Option<String>,
    /// Only this, as in token.create; all that begins so, as in 'token.*'
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to this, as in tenants/default/tokens/google; a * at the end as above
    #[arg(long)]
    resource: Option<String>,
    /// Only what ended so: done, or a reason as in ROLE_TOO_LOW; a * at the end as above
    #[arg(long)]
    outcome: Option<String>,
    /// Only from this address; a * at the end as above
    #[arg(long)]
    address: Option<String>,
    /// Not before this day or moment
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Not after this day or moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub async fn run(args: Args, context: Context) -> anyhow::Result<Exit> {
    let moment = |flag, end, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| time::parse(flag, end, text)).transpose()
    };
    let (start, end) = (
        moment("--from", End::From, &args.from)?,
        moment("--to", End::To, &args.to)?,
    );
    let session = Session::open(&context).await?;
    let wanted = v1::ListAuditEntriesRequest {
        parent: match args.instance {
            true => String::new(),
            false => session.parent(),
        },
        instance: args.instance,
        filter: args.filter(),
        start_time: start,
        end_time: end,
        ..v1::ListAuditEntriesRequest::default()
    };
    let listed = list(&session, wanted, usize::try_from(args.limit)?).await;
    session.close().await;
    let shown = |all: &v1::ListAuditEntriesResponse| match all.audit_entries.is_empty() {
        true => "nothing was done".to_owned(),
        false => rows(all),
    };
    context.output.result(&listed?, shown)?;
    Ok(Exit::Done)
}

/// The first `most` entries, page after page.
async fn list(
    session: &Session,
    mut wanted: v1::ListAuditEntriesRequest,
    most: usize,
) -> anyhow::Result<v1::ListAuditEntriesResponse> {
    let mut all = v1::ListAuditEntriesResponse::default();
    loop {
        let left = most.saturating_sub(all.audit_entries.len());
        wanted.page_size = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
        let page = session.tenants().list_audit_entries(wanted.clone()).await?;
        let page = page.into_inner();
        all.audit_entries.extend(page.audit_entries);
        all.next_page_token = page.next_page_token;
        if all.audit_entries.len() >= most || all.next_page_token.is_empty() {
            return Ok(all);
        }
        wanted.page_token = mem::take(&mut all.next_page_token);
    }
}

impl Args {
    fn filter(&self) -> String {
        let conditions = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("resource", &self.resource),
            ("outcome", &self.outcome),
            ("address", &self.address),
        ];
        let conditions = conditions.iter().filter_map(|(field, value)| {
            let value = value.as_deref()?;
            Some(format!("{field} = \"{value}\""))
        });
        conditions.collect::<Vec<_>>().join(" AND ")
    }
}

fn rows(all: &v1::ListAuditEntriesResponse) -> String {
    let rows = all.audit_entries.iter().map(|entry| {
        let action = match entry.count {
            1 => entry.action.clone(),
            count => format!("{} ({count} times)", entry.action),
        };
        [
            time::second(entry.time.as_ref()),
            entry.actor.clone(),
            entry.address.clone(),
            action,
            entry.resource.clone(),
            entry.outcome.clone(),
            entry.detail.clone(),
        ]
    });
    table(
        [
            "TIME (UTC)",
            "WHO",
            "FROM",
            "WHAT",
            "TO WHOM",
            "OUTCOME",
            "DETAIL",
        ],
        rows,
    )
}
