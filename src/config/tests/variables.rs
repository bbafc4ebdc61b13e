//! Variables that are not, or not only, ours.

use super::{KEY, faults, keys, load, notices, units};

#[test]
fn names_that_kubernetes_and_the_test_suite_set_are_no_slips() {
    let environment = [
        ("SYNCLINE_SERVICE_HOST", "10.0.0.1"),
        ("SYNCLINE_SERVICE_PORT_GRPC", "50051"),
        ("SYNCLINE_PORT", "tcp://10.0.0.1:50051"),
        ("SYNCLINE_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("SYNCLINE_TEST_POSTGRES", "x"),
        ("SYNCLINE_SERVER", "http://127.0.0.1:50051"),
    ];
    assert!(notices(&environment).iter().all(|notice| notice.quiet));
    assert!(faults(&[("SYNCLINE_PORT", "3000")]).contains("there is no such variable"));
}

#[test]
fn variables_of_the_originals_get_a_word_when_it_matters() {
    let texts = |environment: &[(&str, &str)], quiet| -> Vec<String> {
        let all = notices(environment).into_iter();
        all.filter(|notice| notice.quiet == quiet)
            .map(|notice| notice.text)
            .collect()
    };
    assert!(
        texts(
            &[
                ("PORT", "1"),
                ("NODE_ENV", "x"),
                ("LOG_LEVEL", "y"),
                ("PATH", "z")
            ],
            false
        )
        .is_empty()
    );
    assert_eq!(texts(&[("PORT", "1"), ("PATH", "z")], true).len(), 1);
    for (name, expected) in [
        (
            "SYNC_SCHEDULE",
            "SYNC_SCHEDULE: no effect here: only `serve`",
        ),
        ("RESEND_API_KEY", "no mails yet"),
        ("DISCORD_BOT_TOKEN", "not carried over"),
        ("CORS_ORIGINS", "other sites may not call"),
        (
            "CLOCKIFY_API_TOKEN",
            "CLOCKIFY_API_TOKEN: no effect here: only `serve` and `sync once`",
        ),
    ] {
        let said = texts(&[(name, "redis://canary")], false);
        assert_eq!(said.len(), 1, "{name}: {said:?}");
        assert!(
            said[0].contains(expected) && !said[0].contains("canary"),
            "{said:?}"
        );
    }
}

#[test]
fn what_is_the_same_is_said_once() {
    let environment = [
        ("DISCORD_A", "x"),
        ("DISCORD_B", "x"),
        ("NODE_ENV", "x"),
        ("PORT", "x"),
    ];
    let texts: Vec<_> = notices(&environment)
        .into_iter()
        .map(|notice| notice.text)
        .collect();
    assert_eq!(
        texts,
        [
            "DISCORD_A, DISCORD_B: no effect: the Discord bot is not carried over",
            "NODE_ENV, PORT: left alone: many programs use this name",
        ]
    );
}

#[test]
fn what_its_owner_wanted_to_prevent_is_refused() {
    for (text, dry) in [("1", true), ("TRUE", true), ("0", false), ("false", false)] {
        let config = load(&[("DRY_RUN", text)]).unwrap();
        assert_eq!(config.syncs.dry_run, dry, "{text}");
    }
    assert!(faults(&[("DRY_RUN", "yes")]).contains("expected true, 1, false or 0"));
}

#[test]
fn text_that_is_not_utf8_is_reported_where_it_is_ours() {
    assert!(faults(&[("GOOGLE_CLIENT_SECRET", "a\u{fffd}b")]).contains("is not valid UTF-8"));
    assert!(load(&[("PS1", "\u{fffd}")]).is_ok());
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    // Texts that differ from the default and are right for every key of their kind.
    let text_for = |key: &str, default: &str| match key {
        "key" => KEY.to_owned(),
        "grpc.addr" | "http.addr" => "[::1]:1".to_owned(),
        "serve.roles" => "worker".to_owned(),
        "auth.required" | "people.cookie_secure" => "true".to_owned(),
        "people.registration" => "open".to_owned(),
        "people.session_idle" => "1h".to_owned(),
        "auth.admin_key" => "k".repeat(32),
        "database.url" | "database.migrate_url" => "postgres://h/d".to_owned(),
        "redis.url" => "redis://localhost".to_owned(),
        "tls.client_auth" => "required".to_owned(),
        "http.trusted_proxies" => "10.0.0.0/8".to_owned(),
        "database.pooler" => "transaction".to_owned(),
        "log.level" => "warn".to_owned(),
        "log.format" => "json".to_owned(),
        "outbound.connect_timeout" => "9s".to_owned(),
        key if key.ends_with("url") || key == "otel.endpoint" => "https://example.org/x".to_owned(),
        key if key.ends_with("budget") || key == "auth.attempts" => "7/1m".to_owned(),
        _ if default.parse::<bool>().is_ok() => (default == "false").to_string(),
        _ if default.parse::<f64>().is_ok_and(|number| number == 1.0) => "0.5".to_owned(),
        _ if default == "0" => "1".to_owned(),
        _ if default.parse::<u32>().is_ok() => (default.parse::<u32>().unwrap() - 1).to_string(),
        _ if default.ends_with("MiB") => "2MiB".to_owned(),
        _ if default.ends_with("KiB") => "16KiB".to_owned(),
        "runs.heartbeat" => "6s".to_owned(),
        _ if units::duration(default).is_ok() => {
            units::duration_text(units::duration(default).unwrap() * 2)
        }
        _ => "changed".to_owned(),
    };
    let plain = format!("{:?}", load(&[]).unwrap());
    for (key, default) in keys::all() {
        let text = text_for(key, default);
        assert_ne!(&text, default, "{key}");
        // Name and password go together, certificates and keys, and what is asked of certificates.
        let others: &[(&str, &str)] = match key.as_str() {
            "auth.basic_username" => &[("BASIC_AUTH_PASSWORD", "x")],
            "auth.basic_password" => &[("BASIC_AUTH_USERNAME", "x")],
            "tls.cert" => &[("SYNCLINE_TLS_KEY", "x")],
            "tls.key" => &[("SYNCLINE_TLS_CERT", "x")],
            "tls.client_ca" | "tls.client_auth" => &[
                ("SYNCLINE_TLS_KEY", "x"),
                ("SYNCLINE_TLS_CERT", "x"),
                ("SYNCLINE_TLS_CLIENT_CA", "changed"),
                ("SYNCLINE_TLS_CLIENT_AUTH", "required"),
            ],
            "client.cert" => &[("SYNCLINE_CLIENT_KEY", "x")],
            "client.key" => &[("SYNCLINE_CLIENT_CERT", "x")],
            "redis.cert" => &[("SYNCLINE_REDIS_CA", "x"), ("SYNCLINE_REDIS_KEY", "x")],
            "redis.key" => &[("SYNCLINE_REDIS_CA", "x"), ("SYNCLINE_REDIS_CERT", "x")],
            "redis.allow_plaintext" => &[("REDIS_URL", "redis://h")],
            _ => &[],
        };
        let variable = keys::variable(key);
        let all = [others, &[(variable.as_str(), text.as_str())]].concat();
        let config = load(&all).unwrap_or_else(|faults| panic!("{faults}"));
        assert_ne!(format!("{config:?}"), plain, "{key} is read by nobody");
    }
}
