//! All settings as they are, for people who ask why something is as it is.

use super::{Config, Faults, Origin, Sources, check, keys, layers, names, variables::Variables};

/// A setting, its value, and where that comes from.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The dotted key.
    pub key: String,
    /// Its value as it is written; `None` where it is not set, or must not be shown.
    pub value: Option<String>,
    /// Whether there is a value that must not be shown.
    pub is_hidden: bool,
    /// Where the value comes from.
    pub origin: Origin,
    /// The built-in value; empty where there is none.
    pub default: &'static str,
    /// The variable that sets it; others that do are in the documentation.
    pub variable: String,
}

impl Config {
    /// Every setting by its key, and what is wrong with them. Secrets, and URLs, which may carry one, are only said to
    /// be set; their defaults are public.
    pub fn list(sources: &Sources) -> (Vec<Setting>, Faults) {
        let mut faults = Faults::default();
        let variables = Variables::of(sources, &mut faults);
        names::judge(
            &variables,
            sources.obeys_original,
            &mut faults,
            &mut Vec::new(),
        );
        let values = layers::gather(sources, &variables, &mut faults);
        check::config(&values, &mut faults);
        let settings = values.into_iter().map(|(key, value)| {
            let default = keys::all().get(&key).map_or("", String::as_str);
            let is_set = !value.text.is_empty();
            let is_hidden = is_set && keys::is_private(&key) && value.origin != Origin::Default;
            Setting {
                value: (is_set && !is_hidden).then_some(value.text),
                is_hidden,
                origin: value.origin,
                default,
                variable: keys::variable(&key),
                key,
            }
        });
        (settings.collect(), faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_told_with_its_origin_and_no_secret_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(".env"),
            "REDIS_URL=redis://:canary@127.0.0.1\n",
        )
        .unwrap();
        let mut sources = Sources {
            dir: dir.path().to_owned(),
            environment: [("SYNCLINE_RUNS_POLL".to_owned(), "1s".to_owned())].into(),
            ..Sources::default()
        };
        sources = sources.with_flag("key", "canary");
        let (settings, faults) = Config::list(&sources);
        assert_eq!(settings.len(), keys::all().len());
        assert!(!format!("{settings:?} {faults:?}").contains("canary"));
        let of = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!(of("runs.poll").value.as_deref(), Some("1s"));
        assert_eq!(of("runs.poll").default, "500ms");
        assert_eq!(
            of("runs.poll").origin.to_string(),
            "variable SYNCLINE_RUNS_POLL"
        );
        assert!(of("redis.url").is_hidden && of("redis.url").value.is_none());
        assert!(of("redis.url").origin.to_string().contains("line 1"));
        assert!(
            of("google.meet_url").value.is_some(),
            "the built-in one is public"
        );
        assert!(!of("instance").is_hidden && of("instance").value.is_none());
        assert_eq!(faults.0.len(), 1, "the key is none: {faults}");
    }
}
