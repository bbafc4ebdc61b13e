//! The layers and rules together.

use super::*;
use std::{collections::BTreeSet, fs, path::Path};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn sources(dir: &Path, environment: &[(&str, &str)]) -> Sources {
    Sources {
        dir: dir.to_owned(),
        environment: environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        ..Sources::default()
    }
}

/// Loads with these variables only.
fn load(environment: &[(&str, &str)]) -> Result<Config, Faults> {
    let dir = tempfile::tempdir().unwrap();
    Config::load(&sources(dir.path(), environment)).map(|(config, _)| config)
}

#[test]
fn the_embedded_defaults_are_right_and_complete() {
    let dir = tempfile::tempdir().unwrap();
    let (config, notices) = Config::load(&sources(dir.path(), &[])).unwrap();
    assert_eq!(notices, []);
    assert_eq!(config.grpc.addr.to_string(), "127.0.0.1:50051");
    assert_eq!(config.grpc.max_message_bytes, 4 << 20);
    assert_eq!(config.outbound.backoff_base, Duration::from_millis(200));
    assert_eq!(config.clockify.budget, "50/1s".parse().ok());
    assert!(config.key.is_none() && config.database.url.is_none());
    assert_eq!(
        Config::with_defaults("x").data.sqlite_file(),
        Path::new("x/syncline.db")
    );
}
