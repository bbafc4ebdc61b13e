//! What is wrong with a template, in one line: where, what was expected, and what came. The parser's own text draws arrows
//! and speaks of the rules of its grammar.

use super::VARIABLES;
use crate::base::name::shown;

/// Says what is wrong with `template`, which the parser, or a try, refused with `error`.
pub fn of(template: &str, error: &liquid::Error) -> String {
    let said = error.to_string();
    let said = Said(&said);
    match said.position() {
        Some((line, column)) => {
            let rest = rest_at(template, line, column);
            let expected = said.at_a_place(template, rest);
            format!("line {line}, column {column}: {expected}")
        }
        None => said.as_a_whole(),
    }
}

/// The parser's text: a message, or a drawing with the message behind `=`, then lines of `name=value`.
struct Said<'a>(&'a str);

impl<'a> Said<'a> {
    fn lines(&self) -> impl Iterator<Item = &'a str> {
        self.0.lines().map(str::trim)
    }

    /// The value of a line of `name=value`.
    fn about(&self, name: &str) -> Option<&'a str> {
        self.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }

    /// Line and column, both from 1.
    fn position(&self) -> Option<(usize, usize)> {
        let place = self.lines().find_map(|line| line.split("--> ").nth(1))?;
        let (line, column) = place.split_once(':')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    }

    fn at_a_place(&self, template: &str, rest: &str) -> String {
        let message = self.lines().find_map(|line| line.strip_prefix("= "));
        let message = message.unwrap_or_default().trim_end_matches('.');
        if let Some(tag) = self.about("requested") {
            return match tag.strip_prefix("end") {
                Some(_) => format!("{{% {tag} %}} closes nothing"),
                None => format!(
                    "expected one of the tags {}, got {}",
                    self.about("available blocks").unwrap_or_default(),
                    shown(tag)
                ),
            };
        }
        if let Some(end) = message
            .strip_prefix("Unclosed block. ")
            .and_then(|text| text.strip_suffix(" tag expected"))
        {
            return format!("expected {end} before the end");
        }
        if let Some(missing) = unclosed(template, rest) {
            return format!("expected {missing} behind it");
        }
        let expected = message
            .strip_prefix("expected ")
            .or_else(|| message.strip_suffix(" expected"))
            .unwrap_or(message);
        match expected {
            "Literal" | "Value" | "FilterChain" => {
                "expected one variable, number or text in quotes, and after it only filters, each behind |"
                    .to_owned()
            }
            "Identifier" => "expected a name".to_owned(),
            other => format!("expected {other}"),
        }
    }

    fn as_a_whole(&self) -> String {
        if let Some(variable) = self.about("requested variable") {
            let known = VARIABLES.join(", ");
            return format!(
                "expected one of the variables {known}, got {}",
                shown(variable)
            );
        }
        if let Some(filter) = self.about("requested filter") {
            let known = self.about("available filters").unwrap_or_default();
            return format!("expected one of the filters {known}, got {}", shown(filter));
        }
        if let (Some(variable), Some(part)) =
            (self.about("variable"), self.about("requested index"))
        {
            return format!("{} has no part {}", shown(variable), shown(part));
        }
        if let (Some(filter), Some(cause)) = (self.about("filter"), self.about("cause")) {
            let cause = cause.trim_end_matches('.').to_lowercase();
            return format!("the filter {} does not work: {cause}", shown(filter.trim()));
        }
        let first = self.lines().next().unwrap_or_default();
        let first = first.trim_start_matches("liquid:").trim().to_lowercase();
        format!("it cannot be read: {}", shown(&first))
    }
}

/// What the template has from that place on.
fn rest_at(template: &str, line: usize, column: usize) -> &str {
    let start: usize = template
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = template.get(start..).unwrap_or_default();
    let skipped: usize = rest
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    rest.get(skipped..).unwrap_or_default()
}

/// The brackets that are missing, where those before `rest` are not closed in it.
fn unclosed(template: &str, rest: &str) -> Option<&'static str> {
    let before = &template[..template.len() - rest.len()];
    let (_, closing) = [("{{", "}}"), ("{%", "%}")]
        .into_iter()
        .filter_map(|(opening, closing)| Some((before.rfind(opening)?, closing)))
        .max()?;
    let own = rest.find("{{").into_iter().chain(rest.find("{%")).min();
    let own = &rest[..own.unwrap_or(rest.len())];
    (!own.contains(closing)).then_some(closing)
}

#[cfg(test)]
mod tests {
    use crate::syncs::describe::Template;

    fn refused(template: &str) -> String {
        match Template::parse(template) {
            Err(why) => why,
            Ok(_) => panic!("{template} is fine"),
        }
    }

    #[test]
    fn each_fault_is_one_line_that_says_what_was_expected() {
        let faults = [
            (
                "x {{ titel }}",
                "expected one of the variables title, meeting_code, calendar, start, end, hours, minutes, seconds, project, record, original, got \"titel\"",
            ),
            ("a\n{{ title", "line 2, column 4: expected }} behind it"),
            ("{% if title", "line 1, column 12: expected %} behind it"),
            (
                "{% if title %}x",
                "line 1, column 16: expected {% endif %} before the end",
            ),
            (
                "x {% endif %}",
                "line 1, column 6: {% endif %} closes nothing",
            ),
            (
                "{% for i in (1..9) %}x{% endfor %}",
                "line 1, column 4: expected one of the tags case, comment, if, raw, unless, got \"for\"",
            ),
            (
                "{% if title = 'x' %}{% endif %}",
                "line 1, column 13: expected \"and\" or \"or\"",
            ),
            (
                "{{ project title }}",
                "line 1, column 4: expected one variable, number or text in quotes, and after it only filters, each behind |",
            ),
            ("{{ title | }}", "line 1, column 12: expected a name"),
            ("{{ title.x }}", "\"title\" has no part \"x\""),
            (
                "{{ minutes | divided_by: 0 }}",
                "the filter \"divided_by : 0\" does not work: can't divide by zero",
            ),
            (
                "{{ title | append }}",
                "the filter \"append\" does not work: expected at least 1 positional argument",
            ),
        ];
        for (template, expected) in faults {
            assert_eq!(refused(template), expected, "{template}");
        }
        let filter = refused("{{ title | upper }}");
        assert!(
            filter.starts_with("expected one of the filters append, ")
                && filter.ends_with("got \"upper\""),
            "{filter}"
        );
    }

    #[test]
    fn a_number_that_is_too_large_is_refused_and_nothing_panics() {
        assert_eq!(
            refused("{{ 99999999999999999999 }}"),
            "expected numbers that fit 64 bits"
        );
    }
}
