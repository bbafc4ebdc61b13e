//! Pages for people: one plain form, at most one button, nothing loaded from anywhere, nothing that runs.

use crate::web::problem::Problem;
use axum::{
    Json,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = "body { font: 16px/1.5 sans-serif; max-width: 36em; margin: 4em auto; padding: 0 1em } \
                     code { overflow-wrap: anywhere } li { margin: .3em 0 } \
                     button { font: inherit; padding: .5em 1em }";

/// Nothing may be loaded, framed or run, and forms go nowhere else than this ends with.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action";

/// What a person is told.
#[derive(Debug)]
pub struct Page {
    /// In a few words.
    pub title: &'static str,
    /// Sentences.
    pub paragraphs: Vec<String>,
    /// Lists with their headings; empty ones are left out.
    pub lists: Vec<(&'static str, Vec<String>)>,
    /// What a person may do about it.
    pub button: Option<Button>,
    /// The same for programs.
    pub document: Value,
}

/// A button that sends the page's own address, with POST.
#[derive(Debug)]
pub struct Button {
    /// What it says.
    pub label: &'static str,
    /// Where that may lead, as a content security policy lists it.
    pub leads_to: String,
}

impl Page {
    fn html(&self) -> String {
        let title = escaped(self.title);
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} · Syncline</title>\n\
             <style>{STYLE}</style>\n<h1>{title}</h1>\n"
        );
        for paragraph in &self.paragraphs {
            let _ = writeln!(html, "<p>{}</p>", escaped(paragraph));
        }
        for (heading, items) in self.lists.iter().filter(|(_, items)| !items.is_empty()) {
            let _ = writeln!(html, "<h2>{}</h2>\n<ul>", escaped(heading));
            for item in items {
                let _ = writeln!(html, "<li>{}</li>", escaped(item));
            }
            html.push_str("</ul>\n");
        }
        if let Some(button) = &self.button {
            let label = escaped(button.label);
            let _ = writeln!(
                html,
                "<form method=\"post\"><button>{label}</button></form>"
            );
        }
        html.push_str("</html>\n");
        html
    }
}

/// Answers in the form that the visitor asks for.
pub fn answer(headers: &HeaderMap, outcome: Result<Page, Problem>) -> Response {
    let is_person = wants_html(headers);
    let button = outcome.as_ref().ok().and_then(|page| page.button.as_ref());
    let (leads_to, referrer) = match button {
        // The origin has to come along with the form, so referrers stay within the site.
        Some(button) => (button.leads_to.as_str(), "same-origin"),
        // The address of the page may hold a code, and goes nowhere.
        None => ("'none'", "no-referrer"),
    };
    let policy = HeaderValue::from_str(&format!("{POLICY} {leads_to}"));
    let mut response = match outcome {
        Ok(page) if is_person => Html(page.html()).into_response(),
        Ok(page) => Json(page.document).into_response(),
        Err(problem) if is_person => of_problem(problem),
        Err(problem) => problem.into_response(),
    };
    let fixed = HeaderValue::from_static;
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            policy.unwrap_or_else(|_| fixed("default-src 'none'")),
        ),
        (header::REFERRER_POLICY, fixed(referrer)),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::CACHE_CONTROL, fixed("no-store")),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}

fn of_problem(problem: Problem) -> Response {
    let page = Page {
        title: "That did not work",
        paragraphs: vec![sentence(problem.message())],
        lists: Vec::new(),
        button: None,
        document: Value::Null,
    };
    let plain = problem.into_response();
    let status: StatusCode = plain.status();
    let mut response = (status, Html(page.html())).into_response();
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
        if let Some(value) = plain.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accept| accept.contains("text/html"))
}

/// A message of an error, as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// The text, as it stands in HTML.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_becomes_markup() {
        let page = Page {
            title: "A",
            paragraphs: vec!["<script>alert('x')</script> & \"y\"".to_owned()],
            lists: vec![("Empty", Vec::new()), ("Full", vec!["<b>".to_owned()])],
            button: None,
            document: Value::Null,
        };
        let html = page.html();
        assert!(
            !html.contains("<script") && !html.contains("<b>") && !html.contains("Empty"),
            "{html}"
        );
        assert!(
            html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;"),
            "{html}"
        );
    }
}
