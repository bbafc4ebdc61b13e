//! Looks at the names of all variables that are set: an unknown name of ours is a slip, and one of the originals may
//! need a word.

use super::{
    Faults, Notice, keys,
    originals::{self, Verdict},
    variables::Variables,
};
use std::collections::BTreeMap;

/// Names with SYNCLINE_ that are no settings, and what becomes of them.
pub(super) const RESERVED: [(&str, Verdict); 2] = [
    (
        "SYNCLINE_CONFIG",
        Verdict::Common("names the settings file"),
    ),
    (
        "SYNCLINE_SERVER",
        Verdict::Common("names the server that the command line talks to"),
    ),
];

/// Names with this start belong to the test suite.
const TESTS: &str = "SYNCLINE_TEST_";

/// Adds faults and notices. `obeys_original`: the caller obeys the variables of meet-clockify-sync.
pub(super) fn judge(
    variables: &Variables,
    obeys_original: bool,
    faults: &mut Faults,
    notices: &mut Vec<Notice>,
) {
    // By what is said of them, so that a whole environment of an original makes a handful of notices.
    let mut said: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
    for name in variables.names() {
        let (quiet, text) = match of_name(name, variables, faults) {
            Some(Verdict::Ignored(why)) => (false, format!("no effect: {why}")),
            Some(Verdict::Common(why)) => (true, format!("left alone: {why}")),
            Some(Verdict::Original(_)) if !obeys_original => (
                false,
                "no effect here: only `serve` and `sync once` read it".to_owned(),
            ),
            Some(Verdict::Refused(why)) if is_on(variables, name) => {
                faults.add(name, None, why);
                continue;
            }
            _ => continue,
        };
        said.entry((quiet, text)).or_default().push(name);
    }
    notices.extend(said.into_iter().map(|((quiet, text), names)| Notice {
        quiet,
        text: format!("{}: {text}", names.join(", ")),
    }));
}

fn of_name(name: &str, variables: &Variables, faults: &mut Faults) -> Option<Verdict> {
    if name.starts_with("SYNCLINE_") {
        return of_syncline(name, variables, faults);
    }
    originals::verdict(name).or_else(|| {
        let plain = name.strip_suffix("_FILE")?;
        originals::verdict(plain).filter(|verdict| matches!(verdict, Verdict::Original(_)))
    })
}

fn is_on(variables: &Variables, name: &str) -> bool {
    variables
        .get(name)
        .is_some_and(|value| !["false", "0"].contains(&value.text.to_lowercase().as_str()))
}

fn of_syncline(name: &str, variables: &Variables, faults: &mut Faults) -> Option<Verdict> {
    let plain = name.strip_suffix("_FILE").unwrap_or(name);
    if let Some((_, verdict)) = RESERVED.iter().find(|(reserved, _)| *reserved == plain) {
        return Some(*verdict);
    }
    let settings: Vec<_> = keys::all()
        .keys()
        .flat_map(|key| {
            let names = keys::variables(key);
            let files = names.iter().map(|name| format!("{name}_FILE"));
            let files: Vec<_> = files.filter(|_| keys::has_file_form(key)).collect();
            names.into_iter().chain(files)
        })
        .collect();
    let is_known = settings.iter().any(|setting| setting == name)
        || name.starts_with(TESTS)
        || variables
            .get(name)
            .is_some_and(|value| is_from_kubernetes(name, &value.text));
    if !is_known {
        let all = settings
            .iter()
            .map(String::as_str)
            .chain(RESERVED.iter().map(|(name, _)| *name));
        let message = format!("there is no such variable{}", keys::suggestion(name, all));
        faults.add(name, None, message);
    }
    None
}

/// Kubernetes tells each pod where all services are: one that is called `syncline…` shows up under our names.
fn is_from_kubernetes(name: &str, text: &str) -> bool {
    let is_address = text.starts_with("tcp://") || text.starts_with("udp://");
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP"))
        || name.ends_with("_PORT") && is_address
}
