//! Reads the files in which other programs keep a Google grant: Google's Python and Node libraries in their several
//! forms, the original tool's file and its table. Anything else is refused with what it is and what to do.

use crate::{
    base::Secret,
    tokens::{OauthGrant, Scopes},
};
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Largest file that is looked at, in bytes; real ones have some hundred.
const LARGEST: usize = 64 << 10;

/// How long Google's access tokens are good for: tells when a grant was given from when its access token ends.
const ACCESS_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// Who else may be named as the one who gives tokens: Google, new and old.
const GOOGLE_TOKEN_URLS: [&str; 4] = [
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v3/token",
    "https://www.googleapis.com/oauth2/v4/token",
];

type Fields = Map<String, Value>;

/// Reads `text`: JSON or base64 of it, or a row of the original's table. `token_url` is where grants of ours are
/// refreshed. The error says what is wrong for a person, and repeats nothing of the text.
pub fn parse(text: &str, token_url: &str) -> Result<OauthGrant, String> {
    if text.len() > LARGEST {
        return Err(format!(
            "expected at most {LARGEST} bytes, got {}: this is no token file",
            text.len()
        ));
    }
    let text = bare(text);
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if let Some(fields) = psql_row(text) {
        return grant(&fields, token_url);
    }
    if text.starts_with(['{', '[']) {
        return grant(&object(text)?, token_url);
    }
    let decoded = base64(text).ok_or("it is neither JSON nor base64 of it")?;
    let text = std::str::from_utf8(&decoded)
        .map_err(|_| "it is base64, but of something that is no text")?;
    grant(&object(bare(text))?, token_url)
}

/// Without byte order mark and the blanks around.
fn bare(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim()
}

fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // Written over several lines, or in the form for URLs, or without its padding: all seen in variables.
    let one_line: Zeroizing<String> = Zeroizing::new(
        text.chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                c => c,
            })
            .collect(),
    );
    BASE64_STANDARD
        .decode(one_line.as_bytes())
        .or_else(|_| BASE64_STANDARD_NO_PAD.decode(one_line.as_bytes()))
        .ok()
        .map(Zeroizing::new)
}

fn object(text: &str) -> Result<Fields, String> {
    let value: Value = serde_json::from_str(text).map_err(|cause| {
        // serde_json's own message can quote the text.
        if cause.is_eof() {
            "it is cut off: the JSON ends too early".to_owned()
        } else {
            format!(
                "it is no JSON: line {}, column {}",
                cause.line(),
                cause.column()
            )
        }
    })?;
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Array(rows) => match <[Value; 1]>::try_from(rows) {
            Ok([Value::Object(fields)]) => Ok(fields),
            _ => Err("expected one token, got a list".to_owned()),
        },
        _ => Err("expected a JSON object".to_owned()),
    }
}

/// A row of the original's table `tokens`, as psql prints it unaligned: id, provider, access token, refresh token,
/// expiry, type, scope, and two times.
fn psql_row(text: &str) -> Option<Fields> {
    let cells: Vec<&str> = text.split('|').map(str::trim).collect();
    let [
        _id,
        provider,
        access,
        refresh,
        expires_at,
        _token_type,
        scope,
        ..,
    ] = cells.as_slice()
    else {
        return None;
    };
    if text.contains(['{', '\n']) || !provider.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let named = [
        ("provider", provider),
        ("access_token", access),
        ("refresh_token", refresh),
        ("expires_at", expires_at),
        ("scope", scope),
    ];
    Some(
        named
            .into_iter()
            .map(|(name, cell)| (name.to_owned(), Value::from(*cell)))
            .collect(),
    )
}

fn grant(fields: &Fields, token_url: &str) -> Result<OauthGrant, String> {
    refuse_other_files(fields, token_url)?;
    let refresh_token = text(fields, "refresh_token")?.ok_or(
        "it has no refresh token, so it would stop working within the hour; \
         connect the account again with `syncline token login google`",
    )?;
    let access_token = match text(fields, "access_token")? {
        None => text(fields, "token")?,
        some => some,
    };
    let access_expires_at = expiry(fields);
    let grant_expires_at = access_expires_at
        .zip(
            fields
                .get("refresh_token_expires_in")
                .and_then(Value::as_i64),
        )
        .and_then(|(end, seconds)| {
            (end - ACCESS_LIFETIME).checked_add_signed(TimeDelta::try_seconds(seconds)?)
        });
    Ok(OauthGrant {
        refresh_token: Secret::new(refresh_token),
        access_token: access_token.map(Secret::new),
        access_expires_at,
        grant_expires_at,
        client_id: text(fields, "client_id")?.map(str::to_owned),
        client_secret: text(fields, "client_secret")?.map(Secret::new),
        scopes: scopes(fields)?,
        unreadable: Vec::new(),
    })
}

/// Says what a file is that people take for a token.
fn refuse_other_files(fields: &Fields, token_url: &str) -> Result<(), String> {
    if fields.contains_key("installed") || fields.contains_key("web") {
        return Err(
            "this is the OAuth client (credentials.json), not a token: set google.client_id and google.client_secret \
             to the values in it, then run `syncline token login google`"
                .to_owned(),
        );
    }
    match fields.get("type").and_then(Value::as_str) {
        None | Some("authorized_user") => {}
        Some("service_account") => {
            return Err(
                "this is the key of a service account; a person's consent is needed: run `syncline token login google`"
                    .to_owned(),
            );
        }
        Some(_) => return Err("its type is not authorized_user".to_owned()),
    }
    let is_google = |key: &str, accepted: &dyn Fn(&str) -> bool| match fields.get(key) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str().is_some_and(accepted),
    };
    let named_google = is_google("provider", &|provider| {
        provider.eq_ignore_ascii_case("google")
    });
    let from_google = is_google("token_uri", &|uri| {
        uri == token_url || GOOGLE_TOKEN_URLS.contains(&uri)
    });
    if !named_google || !from_google {
        return Err("it is a token of somebody else than Google".to_owned());
    }
    let known = ["refresh_token", "access_token", "token"];
    if !known.iter().any(|key| fields.contains_key(*key)) {
        return Err("it is of no known form: there is no token in it".to_owned());
    }
    Ok(())
}

/// The text of a field; `None` when it is absent, null or empty.
fn text<'a>(fields: &'a Fields, key: &str) -> Result<Option<&'a str>, String> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("its {key} is no text")),
    }
}

/// Scopes as a list or as text with spaces, under either name.
fn scopes(fields: &Fields) -> Result<Scopes, String> {
    let field = match fields.get("scopes") {
        None | Some(Value::Null) => fields.get("scope"),
        some => some,
    };
    match field {
        None | Some(Value::Null) => Ok(Scopes::default()),
        Some(Value::String(text)) => Ok(Scopes::parse(text)),
        Some(Value::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts
                .map(Scopes::new)
                .ok_or_else(|| "its scopes are no list of texts".to_owned())
        }
        Some(_) => Err("its scopes are neither a list nor a text".to_owned()),
    }
}

/// When the access token ends; what cannot be read counts as ended, and the token is renewed at first use.
fn expiry(fields: &Fields) -> Option<DateTime<Utc>> {
    let millis = ["expiry_date", "expires_at"]
        .iter()
        .find_map(|key| number(fields.get(*key)?));
    match millis {
        Some(millis) => DateTime::from_timestamp_millis(millis),
        None => python_time(fields.get("expiry")?.as_str()?),
    }
}

/// A number, also as text or with a fraction.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number
            .as_i64()
            // Milliseconds of any real date are exact in a float.
            .or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Python writes UTC without saying so; its library appends a Z to that.
fn python_time(text: &str) -> Option<DateTime<Utc>> {
    let aware = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let naive = |text: &str| {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc())
    };
    aware.or_else(|_| naive(text.trim_end_matches('Z'))).ok()
}

#[cfg(test)]
mod tests;
