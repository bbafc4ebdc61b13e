//! The time zone of this process, as other programs of the machine find it: the original wrote its descriptions, and
//! fired, by that clock.

use std::path::Path;

/// The IANA name from `TZ`, else from where `/etc/localtime` leads; UTC when neither says.
pub fn of_process() -> String {
    let variable = std::env::var("TZ").ok();
    let link = std::fs::read_link("/etc/localtime").ok();
    name(variable.as_deref(), link.as_deref())
}

fn name(variable: Option<&str>, link: Option<&Path>) -> String {
    let known = |text: &str| {
        text.parse::<chrono_tz::Tz>()
            .is_ok()
            .then(|| text.to_owned())
    };
    let set = variable.filter(|text| !text.is_empty());
    let from_variable = set.map(|text| after_zoneinfo(text.trim_start_matches(':')));
    let from_link = link.and_then(Path::to_str).map(after_zoneinfo);
    from_variable
        .or(from_link)
        .and_then(known)
        .unwrap_or_else(|| "UTC".to_owned())
}

fn after_zoneinfo(text: &str) -> &str {
    text.split_once("zoneinfo/").map_or(text, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_and_utc_is_the_last_resort() {
        let link = Path::new("../usr/share/zoneinfo/Europe/Zurich");
        assert_eq!(
            name(Some("America/New_York"), Some(link)),
            "America/New_York"
        );
        assert_eq!(
            name(Some(":/usr/share/zoneinfo/Asia/Tokyo"), Some(link)),
            "Asia/Tokyo"
        );
        assert_eq!(name(Some(""), Some(link)), "Europe/Zurich");
        assert_eq!(name(None, Some(link)), "Europe/Zurich");
        assert_eq!(name(Some("Mars/Olympus"), Some(link)), "UTC");
        assert_eq!(name(None, None), "UTC");
    }
}
