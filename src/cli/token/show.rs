//! Tokens as people read them.

use super::{Exit, Session, table};
use crate::{
    api::{
        Timestamp,
        v1::{self, Token},
    },
    cli::{output::Output, time},
};

const NO_TOKENS: &str =
    "no tokens yet: `syncline token login google`, `syncline token add clockify`";

/// One token, field by field.
pub fn token(token: &Token) -> String {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let moment = |name: &str, at: &Option<Timestamp>| row(name, time::moment(at.as_ref()));
    let rows = [
        row("name", token.name.clone()),
        row("display name", token.display_name.clone()),
        row("state", state(token)),
        row("why", token.state_reason.clone()),
        row("account", account(token)),
        row("scopes", token.scopes.join(" ")),
        row("missing scopes", token.missing_scopes.join(" ")),
        row("request budget", token.request_budget.clone()),
        moment("access ends", &token.access_expire_time),
        moment("grant ends", &token.grant_expire_time),
        moment("refreshed", &token.refresh_time),
        moment("created", &token.create_time),
    ];
    table(
        ["", ""],
        rows.into_iter().filter(|[_, value]| !value.is_empty()),
    )
}

/// `token list`.
pub async fn list(session: &Session, output: Output) -> anyhow::Result<Exit> {
    let all = v1::ListTokensResponse {
        tokens: all(session).await?,
        ..Default::default()
    };
    output.result(&all, |all| match all.tokens.is_empty() {
        true => NO_TOKENS.to_owned(),
        false => table(
            ["TOKEN", "PROVIDER", "STATE", "ACCOUNT", "ACCESS ENDS (UTC)"],
            all.tokens.iter().map(|token| {
                [
                    id(token),
                    name_of(token.provider().as_str_name(), "PROVIDER_"),
                    state(token),
                    account(token),
                    time::moment(token.access_expire_time.as_ref()),
                ]
            }),
        ),
    })?;
    Ok(Exit::Done)
}

/// `token check`. Fails when one of them is not usable; none at all is fine.
pub async fn check(
    id_given: Option<String>,
    session: &Session,
    output: Output,
) -> anyhow::Result<Exit> {
    let mut usable = true;
    let mut documents = Vec::new();
    let names = match &id_given {
        Some(id) => vec![session.token(id)],
        None => all(session)
            .await?
            .into_iter()
            .map(|token| token.name)
            .collect(),
    };
    if names.is_empty() {
        output.say(NO_TOKENS);
    }
    for name in names {
        let request = v1::CheckTokenRequest { name: name.clone() };
        let checked = session.tokens().check_token(request).await?.into_inner();
        usable &= checked.usable;
        output.say(lines(&name, &checked));
        documents.push(checked);
    }
    if output.is_json() {
        match (&id_given, documents.as_slice()) {
            (Some(_), [one]) => output.result(one, |_| String::new())?,
            _ => output.result(&serde_json::json!({ "checks": documents }), |_| {
                String::new()
            })?,
        }
    }
    Ok(match usable {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn lines(name: &str, checked: &v1::CheckTokenResponse) -> String {
    let account = checked.token.as_ref().map(account).unwrap_or_default();
    let verdict = if checked.usable {
        "works"
    } else {
        "does not work"
    };
    let mut text = format!("{name} {verdict}");
    if !account.is_empty() {
        text.push_str(&format!(" (account {account})"));
    }
    for problem in &checked.problems {
        text.push_str(&format!("\n  {problem}"));
    }
    text
}

/// `token events`.
pub async fn events(id: &str, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = v1::ListTokenEventsRequest {
        parent: session.token(id),
        page_size: 200,
        page_token: String::new(),
    };
    let events = session
        .tokens()
        .list_token_events(request)
        .await?
        .into_inner();
    output.result(&events, |events| {
        let rows = events.events.iter();
        let rows = rows.map(|event| {
            [
                time::moment(event.time.as_ref()),
                event.kind.clone(),
                event.detail.clone(),
            ]
        });
        table(["TIME (UTC)", "EVENT", "DETAIL"], rows)
    })?;
    Ok(Exit::Done)
}

/// All tokens of the tenant.
pub async fn all(session: &Session) -> anyhow::Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListTokensRequest {
            parent: session.parent(),
            page_size: 500,
            page_token,
        };
        let page = session.tokens().list_tokens(request).await?.into_inner();
        tokens.extend(page.tokens);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(tokens);
        }
    }
}

fn id(token: &Token) -> String {
    token.name.rsplit('/').next().unwrap_or_default().to_owned()
}

fn state(token: &Token) -> String {
    name_of(token.state().as_str_name(), "TOKEN_STATE_")
}

fn account(token: &Token) -> String {
    match token.account_label.is_empty() {
        true => token.account_id.clone(),
        false => token.account_label.clone(),
    }
}

/// An enum's name as people read it.
fn name_of(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix)
        .to_lowercase()
        .replace('_', " ")
}
