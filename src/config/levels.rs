//! Which log lines are wanted. Only our own modules can be asked for details: the details of libraries contain
//! headers, SQL and bodies, so they are held at warnings whatever is asked for.

use std::str::FromStr;
use tracing::level_filters::LevelFilter;

/// The root of our own modules, as the target of their log lines.
pub const OURS: &str = env!("CARGO_CRATE_NAME");

/// The most that a library may say.
pub const LIBRARIES: LevelFilter = LevelFilter::WARN;

/// Levels by target; of two that fit, the longer target wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(Vec<(String, LevelFilter)>);

impl Levels {
    /// Targets and their levels, libraries included as the empty target.
    pub fn targets(&self) -> impl Iterator<Item = (&str, LevelFilter)> {
        let libraries = std::iter::once(("", LIBRARIES));
        libraries.chain(
            self.0
                .iter()
                .map(|(target, level)| (target.as_str(), *level)),
        )
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    match text {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(
            "expected off, error, warn, info, debug or trace, or module=level, separated by commas"
                .to_owned(),
        ),
    }
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|directive| {
                let Some((target, wanted)) = directive.trim().split_once('=') else {
                    return Ok((OURS.to_owned(), level(directive.trim())?));
                };
                let (target, wanted) = (target.trim(), level(wanted.trim())?);
                let is_ours = target == OURS
                    || target
                        .strip_prefix(OURS)
                        .is_some_and(|rest| rest.starts_with("::"));
                if target.is_empty() || !(is_ours || wanted <= LIBRARIES) {
                    return Err(format!(
                        "expected levels for {OURS} and its modules only: libraries stay at warn, because their details contain headers, SQL and bodies"
                    ));
                }
                Ok((target.to_owned(), wanted))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bare_level_is_meant_for_our_own_modules() {
        let levels: Levels = "debug, syncline::tokens=trace, h2=error".parse().unwrap();
        assert_eq!(
            levels.targets().collect::<Vec<_>>(),
            [
                ("", LevelFilter::WARN),
                ("syncline", LevelFilter::DEBUG),
                ("syncline::tokens", LevelFilter::TRACE),
                ("h2", LevelFilter::ERROR),
            ]
        );
    }

    #[test]
    fn details_of_libraries_are_refused_with_the_reason() {
        for wrong in ["h2=trace", "info,sqlx=debug", "synclinex=info", "=trace"] {
            let error = wrong.parse::<Levels>().unwrap_err();
            assert!(
                error.contains("headers, SQL and bodies"),
                "{wrong}: {error}"
            );
        }
        for wrong in [
            "",
            "loud",
            "info,",
            "syncline=",
            "syncline[span]=trace",
            "3",
        ] {
            assert!(wrong.parse::<Levels>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_or_loosens_a_library(text in "([a-z_:=,]|h2|trace|debug|syncline){0,20}") {
            if let Ok(levels) = text.parse::<Levels>() {
                for (target, level) in levels.targets() {
                    prop_assert!(target == "syncline" || target.starts_with("syncline::") || level <= LIBRARIES);
                }
            }
        }
    }
}
