//! What is printed, for people or for programs: results on standard output, everything else on standard error.

use super::failure::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{self, Write as _};

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// With `json`, one document and nothing else on standard output.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads it.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints the result of a command: as it is for programs, as `text` for people.
    pub fn result<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let text = match self.json {
            true => serde_json::to_string_pretty(value)?,
            false => text(value),
        };
        print(&text);
        Ok(())
    }

    /// Says something to people that is part of the result; programs do not get it.
    pub fn say(self, text: impl AsRef<str>) {
        if !self.json {
            print(text.as_ref());
        }
    }

    /// Says something beside the result.
    pub fn note(self, text: impl AsRef<str>) {
        eprintln!("{}", text.as_ref());
    }

    /// Says why a command failed.
    pub fn failure(self, failure: &Failure) {
        match self.json {
            true => print(&failure.document()),
            false => eprint!("{failure}"),
        }
    }
}

/// Prints lines. A reader that went away, such as `head`, ends the program quietly.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    // Titles come from whoever sends an invitation: nothing of them may steer the terminal.
    let shown = text.trim_end_matches('\n').replace(
        |character: char| character.is_control() && character != '\n' && character != '\t',
        "\u{fffd}",
    );
    let printed = writeln!(out, "{shown}").and_then(|()| out.flush());
    if printed.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// A table for people: no frame, aligned columns.
pub fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if head.iter().any(|name| !name.is_empty()) {
        table.set_header(head);
    }
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.to_string();
    let lines: Vec<_> = lines.lines().map(str::trim_end).collect();
    lines.join("\n")
}
