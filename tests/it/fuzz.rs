//! Whatever somebody sends to what reads text from outside: no panic, nothing taken for something else. A few thousand
//! texts in `./test`, many more in `./test --long`; cargo-bolero runs the same with a fuzzer.

use crate::kit::rounds;
use http::{HeaderMap, HeaderValue, header::COOKIE};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, RefUnwindSafe},
};
use syncline::{
    api::{
        filter::{self, Match},
        page::Page,
    },
    base::{Clock, ResourceId, RunName, Secret, SyncName, TokenName},
    config::Config,
    people::Cookies,
    schedules::cron::Cron,
    tenants::{domains, keys::KeyName},
    tokens,
};

/// Tries texts: as they come, and put together of `words`, which come much further than noise.
fn texts(words: &'static [&'static str], check: impl Fn(&str) + RefUnwindSafe + 'static) {
    let rounds = rounds(3_000, 300_000);
    bolero::check!()
        .with_iterations(rounds)
        .with_max_len(64)
        .for_each(move |bytes: &[u8]| {
            let check = AssertUnwindSafe(&check);
            check(&String::from_utf8_lossy(bytes));
            let word = |byte: &u8| match words.get(usize::from(*byte) % (words.len() + 16)) {
                Some(word) => (*word).to_owned(),
                None => char::from(*byte).to_string(),
            };
            check(&bytes.iter().map(word).collect::<String>());
        });
}

#[test]
fn a_name_is_read_only_as_it_is_written() {
    const ID: &str = "018f2f4e-0000-7000-8000-000000000001";
    let words = &[
        "tenants/", "tokens/", "syncs/", "runs/", "apiKeys/", "/", "a", "default", "-", ID, ".",
        "%2F",
    ];
    texts(words, |text| {
        if let Ok(id) = ResourceId::parse("id", text) {
            assert_eq!(id.as_str(), text);
            assert!(!text.contains(['/', '\'', '"', '%', ' ', '\0']), "{text}");
        }
        let read = [
            TokenName::parse("name", text).map(|name| name.to_string()),
            SyncName::parse("name", text).map(|name| name.to_string()),
            RunName::parse("name", text).map(|name| name.to_string()),
            KeyName::parse("name", text).map(|name| name.to_string()),
        ];
        let read: Vec<_> = read.into_iter().flatten().collect();
        assert!(read.len() <= 1, "{text} is {read:?}");
        // A UUID may be written in several ways.
        assert!(
            read.iter()
                .all(|name| name.len() >= 8
                    && name.matches('/').count() == text.matches('/').count())
        );
    });
}

#[test]
fn a_page_token_leads_nowhere_but_in_its_own_list() {
    let rows = || vec!["first row", "second row"];
    texts(&["AAAA", "_", "-", "Zmlyc3Qgcm93"], move |text| {
        let mine = Page::parse(1, text, &["tokens", "tenants/a"]);
        let theirs = Page::parse(1, text, &["tokens", "tenants/b"]);
        if let (Ok(mine), Ok(theirs)) = (&mine, &theirs) {
            assert_eq!((&mine.after, &theirs.after), (&None, &None), "{text}");
        }
        // What a client made of a good one.
        let page = Page::parse(1, "", &["tokens", "tenants/a"]).unwrap();
        let good = page.cut(&mut rows(), |row| (*row).to_owned());
        let changed = format!("{good}{text}");
        let read = Page::parse(1, &changed, &["tokens", "tenants/a"]);
        let of_another = Page::parse(1, &changed, &["tokens", "tenants/b"]);
        assert!(of_another.is_err(), "{changed}");
        if let Ok(read) = read {
            let after = read.after.unwrap_or_default();
            assert!(after.starts_with("first row"), "{after}");
        }
    });
}

#[test]
fn a_filter_says_each_field_once_and_only_fields_that_there_are() {
    let fields = ["actor", "action", "state"];
    let words = &[
        "actor",
        "action",
        "state",
        " = ",
        "=",
        " AND ",
        "AND",
        "\"",
        "a",
        "OR",
        " ",
        "*",
        "tenants/a",
    ];
    texts(words, move |text| {
        let Ok(read) = filter::parse(text, &fields) else {
            return;
        };
        let names: BTreeSet<_> = read.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(names.len(), read.len(), "{text}");
        assert!(names.iter().all(|name| fields.contains(name)), "{text}");
        // What stands for all that begin so is what stands before the one star.
        for (field, value) in &read {
            let said = match Match::parse(field, value) {
                Ok(Match::Exactly(whole)) => whole,
                Ok(Match::Beginning(beginning)) => {
                    assert!(!beginning.is_empty() && !beginning.contains('*'), "{text}");
                    format!("{beginning}*")
                }
                Err(_) => {
                    assert!(value.contains('*'), "{text}");
                    continue;
                }
            };
            assert_eq!(&said, value);
        }
        // A bare value may have a quote in it, and then cannot be quoted.
        if read.iter().any(|(_, value)| value.contains('"')) {
            return;
        }
        let again: Vec<_> = read
            .iter()
            .map(|(field, value)| format!("{field} = \"{value}\""))
            .collect();
        assert_eq!(
            filter::parse(&again.join(" AND "), &fields).ok(),
            Some(read)
        );
    });
}

#[test]
fn a_token_file_is_read_whole_or_refused_without_repeating_it() {
    let words = &[
        "{",
        "}",
        "[",
        "]",
        "\"refresh_token\":\"1//0composed-canary\"",
        "\"access_token\":\"ya29.composed-canary\"",
        "\"scope\":\"openid\"",
        "\"expiry_date\":1762600000123",
        "\"expiry_date\":-1e300",
        "\"token_uri\":\"http://x\"",
        ",",
        "\"",
        "null",
        "\"installed\":",
        "ey",
        "=",
        "\u{feff}",
    ];
    texts(words, |text| {
        match tokens::parse_token_json(text, "https://oauth2.googleapis.com/token") {
            Ok(grant) => assert!(text.contains(grant.refresh_token.expose()), "{text}"),
            Err(why) => assert!(!why.contains("canary"), "{why}"),
        }
    });
}

#[test]
fn a_cron_expression_has_times_that_go_forward() {
    let words = &[
        "* ", "0 ", "*/5 ", "1-5 ", "MON ", "L ", "LW ", "15W ", "29 ", "2 ", "FRI#5 ", "@daily",
        "? ", "59/7 ", "31 ",
    ];
    texts(words, |text| {
        let Ok(cron) = Cron::parse(text) else {
            return;
        };
        let start = Clock::system().now().naive_utc();
        let first = cron.next(start);
        if let Some(first) = first {
            assert!(first >= start, "{text}");
        }
        // The same text always means the same.
        assert_eq!(
            Cron::parse(text).ok().and_then(|cron| cron.next(start)),
            first
        );
    });
}

#[test]
fn an_origin_is_let_in_only_when_its_host_is_on_the_list() {
    let words = &[
        "https://",
        "http://",
        "example.org",
        "evil",
        ".",
        ":443",
        ":8443",
        "/",
        "@",
        "*",
        "null",
        "#",
        "?",
        "%2e",
        "\\",
        "shop",
        "[::1]",
        "EXAMPLE.ORG",
    ];
    texts(words, |text| {
        let list = ["example.org".to_owned(), "*.example.org".to_owned()];
        if !domains::matches(&list, text) {
            return;
        }
        let (_, rest) = text.split_once("://").expect("an origin has a scheme");
        let rest = rest.to_ascii_lowercase();
        let host = rest.split(':').next().unwrap_or_default();
        assert!(
            host == "example.org" || host.ends_with(".example.org"),
            "{text}"
        );
        assert!(
            !rest.contains(['/', '@', '#', '?', '\\', '*', '%']),
            "{text}"
        );
    });
}

#[test]
fn a_session_is_taken_from_the_cookie_of_its_name_and_nowhere_else() {
    let words = &[
        "syncline_session",
        "__Host-syncline_session",
        "=",
        ";",
        "; ",
        "\"",
        ",",
        "other",
        "SYNCLINE_SESSION",
        " ",
        "%3B",
    ];
    let config = Config::with_defaults(".");
    texts(words, move |text| {
        let Ok(value) = HeaderValue::from_str(text) else {
            return;
        };
        let headers = HeaderMap::from_iter([(COOKIE, value)]);
        let session = Cookies::of(&config).session(&headers);
        if let Some(session) = session.as_ref().map(Secret::expose) {
            assert!(
                text.contains("syncline_session=") && text.contains(session),
                "{text}"
            );
        }
    });
}
