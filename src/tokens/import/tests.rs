//! All forms that are documented, their odd cases, and that no text makes the reader panic.

use super::*;
use proptest::prelude::*;

const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const PYTHON: &str = r#"{"token":"ya29.composedPY","refresh_token":"1//0composedPY","token_uri":"https://oauth2.googleapis.com/token",
 "client_id":"123-abc.apps.googleusercontent.com","client_secret":"composed-client-secret",
 "scopes":["https://www.googleapis.com/auth/meetings.space.readonly","openid"],
 "universe_domain":"googleapis.com","account":"","expiry":"2026-11-21T00:51:50.518903Z"}"#;
const NODE: &str = r#"{"access_token":"ya29.composedJS","refresh_token":"1//0composedJS",
 "scope":"https://www.googleapis.com/auth/calendar.events.readonly openid","token_type":"Bearer",
 "expiry_date":1795222363232,"refresh_token_expires_in":604799}"#;
const QUICKSTART: &str = r#"{"type":"authorized_user","client_id":"123-abc.apps.googleusercontent.com",
 "client_secret":"composed-client-secret","refresh_token":"1//0composedQS"}"#;
const ORIGINAL: &str = r#"{"access_token":"ya29.composedAAAA","refresh_token":"1//0composedBBBB","scope":"https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/meetings.space.readonly","token_type":"Bearer","expiry_date":1762600000123}"#;
const ROW: &str = r#"{"id":1,"provider":"google","access_token":"ya29.composedAAAA","refresh_token":"1//0composedBBBB","expires_at":"1762600000123","token_type":"Bearer","scope":null}"#;
const PSQL: &str = "1|google|ya29.composedAAAA|1//0composedBBBB|1762600000123|Bearer|openid|2025-11-08 10:00:00+00|2025-11-09 07:00:01+00";

fn read(text: &str) -> OauthGrant {
    parse(text, TOKEN_URL).unwrap()
}

fn refusal(text: &str) -> String {
    parse(text, TOKEN_URL).unwrap_err()
}

fn access(grant: &OauthGrant) -> &str {
    grant.access_token.as_ref().map_or("", Secret::expose)
}

#[test]
fn pythons_file_is_read() {
    let grant = read(PYTHON);
    assert_eq!(grant.refresh_token.expose(), "1//0composedPY");
    assert_eq!(access(&grant), "ya29.composedPY");
    assert_eq!(
        grant.client_id.as_deref(),
        Some("123-abc.apps.googleusercontent.com")
    );
    assert_eq!(grant.scopes.as_slice().len(), 2);
    let end = grant.access_expires_at.unwrap();
    assert_eq!(end.to_rfc3339(), "2026-11-21T00:51:50.518903+00:00");
}

#[test]
fn pythons_times_are_utc_with_and_without_fraction_and_zone() {
    for (written, seconds) in [
        ("2026-11-21T00:51:51Z", 1_795_222_311),
        ("2026-11-21T00:51:51", 1_795_222_311),
        ("2026-11-21T00:51:51.000001Z", 1_795_222_311),
        ("2026-11-21T00:51:51.000001", 1_795_222_311),
        ("2026-11-21T02:51:51+02:00", 1_795_222_311),
    ] {
        let text = PYTHON.replace("2026-11-21T00:51:50.518903Z", written);
        assert_eq!(
            read(&text).access_expires_at.unwrap().timestamp(),
            seconds,
            "{written}"
        );
    }
    let unreadable = PYTHON.replace("2026-11-21T00:51:50.518903Z", "tomorrow");
    assert_eq!(read(&unreadable).access_expires_at, None);
}

#[test]
fn nodes_file_is_read_with_milliseconds_and_the_end_of_the_grant() {
    let grant = read(NODE);
    assert_eq!(access(&grant), "ya29.composedJS");
    assert_eq!(
        grant.access_expires_at.unwrap().timestamp_millis(),
        1_795_222_363_232
    );
    assert_eq!(grant.client_id, None);
    let seconds =
        (grant.grant_expires_at.unwrap() - grant.access_expires_at.unwrap()).num_seconds();
    assert_eq!(seconds, 604_799 - 3600);
}

#[test]
fn the_quickstarts_file_is_read_and_counts_as_expired() {
    let grant = read(QUICKSTART);
    assert_eq!(grant.refresh_token.expose(), "1//0composedQS");
    assert!(grant.access_token.is_none() && grant.access_expires_at.is_none());
}

#[test]
fn the_originals_file_is_read_compact_and_indented() {
    let pretty = serde_json::to_string_pretty(&object(ORIGINAL).unwrap()).unwrap();
    for text in [ORIGINAL, &pretty] {
        let grant = read(text);
        assert_eq!(grant.refresh_token.expose(), "1//0composedBBBB");
        assert_eq!(
            grant.access_expires_at.unwrap().timestamp_millis(),
            1_762_600_000_123
        );
        assert_eq!(grant.scopes.as_slice().len(), 2);
    }
}

#[test]
fn a_row_of_the_originals_table_is_read_as_json_and_as_psql_prints_it() {
    for text in [ROW, &format!("[{ROW}]"), PSQL] {
        let grant = read(text);
        assert_eq!(grant.refresh_token.expose(), "1//0composedBBBB");
        assert_eq!(access(&grant), "ya29.composedAAAA");
        assert_eq!(
            grant.access_expires_at.unwrap().timestamp_millis(),
            1_762_600_000_123
        );
    }
}

#[test]
fn mixtures_of_the_forms_are_read() {
    let mixed = r#"{"type":"authorized_user","client_id":"c","refresh_token":"1//0r","access_token":"ya29.a","expiry_date":1795222363232.7,"scopes":"a b"}"#;
    let grant = read(mixed);
    assert_eq!(access(&grant), "ya29.a");
    assert_eq!(
        grant.access_expires_at.unwrap().timestamp_millis(),
        1_795_222_363_232
    );
    assert_eq!(grant.scopes.to_string(), "a b");
}

#[test]
fn a_byte_order_mark_and_blanks_do_not_matter() {
    assert_eq!(
        read(&format!("\u{feff}\n {ORIGINAL}\r\n"))
            .refresh_token
            .expose(),
        "1//0composedBBBB"
    );
}

#[test]
fn base64_is_read_in_each_of_its_forms() {
    let standard = BASE64_STANDARD.encode(ORIGINAL);
    let unpadded = standard.trim_end_matches('=').to_owned();
    let url_safe = standard.replace('+', "-").replace('/', "_");
    let wrapped: String = standard
        .as_bytes()
        .chunks(76)
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect();
    for text in [standard, unpadded, url_safe, wrapped] {
        assert_eq!(read(&text).refresh_token.expose(), "1//0composedBBBB");
    }
}

#[test]
fn without_a_refresh_token_the_reason_is_said() {
    for text in [
        r#"{"access_token":"ya29.a","expiry_date":1}"#,
        r#"{"access_token":"ya29.a","refresh_token":""}"#,
        r#"{"access_token":"ya29.a","refresh_token":null}"#,
        "1|google|ya29.a||1762600000123|Bearer|openid|x|y",
    ] {
        assert!(refusal(text).contains("no refresh token"), "{text}");
    }
}

#[test]
fn files_that_are_taken_for_a_token_are_named() {
    let client = r#"{"installed":{"client_id":"c","client_secret":"s","redirect_uris":["http://localhost"]}}"#;
    assert!(refusal(client).contains("credentials.json"));
    assert!(refusal(&client.replace("installed", "web")).contains("credentials.json"));
    assert!(refusal(r#"{"type":"service_account","private_key":"x"}"#).contains("service account"));
    assert!(
        refusal(r#"{"type":"external_account","refresh_token":"x"}"#).contains("authorized_user")
    );
    let foreign = PYTHON.replace(
        "https://oauth2.googleapis.com/token",
        "https://login.example.com/token",
    );
    assert!(refusal(&foreign).contains("somebody else"));
    assert!(refusal(&ROW.replace("google", "github")).contains("somebody else"));
    assert!(refusal(r#"{"name":"syncline"}"#).contains("no known form"));
}

#[test]
fn torn_and_odd_texts_are_refused_without_repeating_them() {
    for text in [
        "",
        "  ",
        &ORIGINAL[..ORIGINAL.len() / 2],
        "null",
        "[]",
        "[1,2]",
        "hello",
        r#"{"refresh_token":5}"#,
        r#"{"refresh_token":"1//0r","scopes":[1]}"#,
        r#"{"refresh_token":"1//0composedBBBB" "x"}"#,
        &"x".repeat(10_000_000),
    ] {
        let reason = refusal(text);
        assert!(
            !reason.contains("composed") && reason.len() < 300,
            "{reason}"
        );
    }
    assert!(refusal(&ORIGINAL[..80]).contains("cut off"));
}

#[test]
fn a_token_url_that_is_configured_is_ours() {
    let ours = "http://127.0.0.1:4000/token";
    let text = PYTHON.replace(TOKEN_URL, ours);
    assert!(parse(&text, TOKEN_URL).is_err());
    assert!(parse(&text, ours).is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\\s){0,300}") {
        let _ = parse(&text, TOKEN_URL);
    }

    #[test]
    fn no_change_of_one_byte_makes_the_reader_panic(at in 0..NODE.len(), byte in 0u8..128) {
        let mut bytes = NODE.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = parse(&String::from_utf8(bytes).unwrap(), TOKEN_URL);
    }

    #[test]
    fn what_was_written_is_read_back(
        refresh in "1//0[A-Za-z0-9_-]{10,80}",
        access_token in "ya29\\.[A-Za-z0-9_-]{10,80}",
        end in 0i64..4_000_000_000_000,
        in_base64: bool,
    ) {
        let json = serde_json::json!({
            "access_token": access_token, "refresh_token": refresh, "expiry_date": end, "scope": "a b",
        }).to_string();
        let text = if in_base64 { BASE64_STANDARD.encode(json) } else { json };
        let grant = read(&text);
        prop_assert_eq!(grant.refresh_token.expose(), refresh);
        prop_assert_eq!(access(&grant), access_token);
        prop_assert_eq!(grant.access_expires_at.unwrap().timestamp_millis(), end);
    }
}
