//! What came of a run, as people read it.

use crate::{
    api::v1::{Run, RunState, SyncResult},
    cli::{Exit, output::table},
};
use std::collections::BTreeMap;

/// How the command ends for a run in this state.
pub fn exit(run: &Run) -> Exit {
    match run.state() {
        RunState::Succeeded => Exit::Done,
        RunState::Partial => Exit::Partial,
        _ => Exit::Failed,
    }
}

/// State, figures, notices and failures of a finished run.
pub fn figures(run: &Run) -> String {
    let mut text = format!("{} {}", run.name, state(run));
    if run.dry_run {
        text.push_str(" (dry run: nothing was written)");
    }
    if let Some(result) = &run.result {
        text.push_str(&format!("\n\n{}", counts(result, run.dry_run)));
        for notice in &result.notices {
            text.push_str(&format!("\nnote: {notice}"));
        }
        for failure in &result.failures {
            text.push_str(&format!("\nfailed: {failure}"));
        }
    }
    if let Some(error) = &run.error {
        text.push_str(&format!("\n{}: {}", error.reason, error.message));
    }
    text
}

/// The state in words.
pub fn state(run: &Run) -> String {
    let name = run.state().as_str_name().trim_start_matches("RUN_STATE_");
    name.to_lowercase()
}

/// The figures of a run or of a preview.
pub fn counts(result: &SyncResult, dry_run: bool) -> String {
    let would = if dry_run { "would be " } else { "" };
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut row = |name: String, count: i64, why: String| rows.push([name, count.to_string(), why]);
    row(
        "meetings found".to_owned(),
        result.meetings_found,
        String::new(),
    );
    row(format!("{would}created"), result.created, String::new());
    row(format!("{would}updated"), result.updated, String::new());
    row(format!("{would}adopted"), result.adopted, String::new());
    row("skipped".to_owned(), result.skipped, reasons(&result.skips));
    row("failed".to_owned(), result.failed, String::new());
    row(
        "unresolved".to_owned(),
        result.unresolved,
        match result.unresolved {
            0 => String::new(),
            _ => "no answer came; the next run finds out".to_owned(),
        },
    );
    if result.duplicates_deleted > 0 {
        row(
            "duplicates deleted".to_owned(),
            result.duplicates_deleted,
            String::new(),
        );
    }
    row(
        "entries in Clockify".to_owned(),
        result.total_in_destination,
        String::new(),
    );
    let calls: i64 = result.calls.values().sum();
    row("calls".to_owned(), calls, reasons(&result.calls));
    table(["", "", ""], rows)
}

/// `240 unchanged, 3 solo`, the largest first.
fn reasons(counts: &std::collections::HashMap<String, i64>) -> String {
    let mut sorted: Vec<_> = counts
        .iter()
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts = sorted
        .iter()
        .map(|(name, count)| format!("{count} {}", name.replace('_', " ")));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_did_everything_is_done() {
        let run = |state| {
            let mut run = Run::default();
            run.set_state(state);
            exit(&run)
        };
        assert_eq!(run(RunState::Succeeded), Exit::Done);
        assert_eq!(run(RunState::Partial), Exit::Partial);
        for state in [
            RunState::Failed,
            RunState::Cancelled,
            RunState::Running,
            RunState::Unspecified,
        ] {
            assert_eq!(run(state), Exit::Failed);
        }
    }

    #[test]
    fn reasons_are_sorted_by_their_number() {
        let counts = [
            ("solo".to_owned(), 3),
            ("unchanged".to_owned(), 240),
            ("too_short".to_owned(), 3),
        ];
        assert_eq!(
            reasons(&counts.into()),
            "240 unchanged, 3 solo, 3 too short"
        );
    }
}
