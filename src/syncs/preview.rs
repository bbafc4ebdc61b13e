//! Says what a run would do, and why, with reading calls only, and without remembering anything but what providers said
//! about themselves.

use crate::{
    app::App,
    base::Result,
    syncs::{
        Sync,
        engine::{Case, Options, Pass},
        plan::{Action, Skip},
        source::Source,
        summary::Summary,
    },
};

/// What a run would do.
#[derive(Debug)]
pub struct Preview {
    /// Newest meeting first.
    pub plans: Vec<Plan>,
    /// The counts of them.
    pub summary: Summary,
}

/// What would happen with one meeting.
#[derive(Debug)]
pub struct Plan {
    /// The meeting and what the rules want of it.
    pub case: Case,
    /// What would be done; `None` where the rules leave it out.
    pub action: Option<Action>,
    /// Why, for a person.
    pub reason: String,
}

/// Previews a sync, which need not be saved.
pub async fn of(app: &App, sync: &Sync, days: u32) -> Result<Preview> {
    let app = app.counting_calls();
    let options = Options { days, full: false };
    let (pass, source) = Pass::open_both(&app, sync, None, options).await?;
    preview(&pass, source).await
}

/// Previews one pass.
pub async fn preview(pass: &Pass<'_>, source: Source) -> Result<Preview> {
    let mut summary = Summary {
        window_start_time: Some(pass.window.start),
        window_end_time: Some(pass.window.end),
        ..Summary::default()
    };
    let meetings = pass.read(source, false, &mut summary).await?;
    let cases = pass.cases(meetings);
    summary.meetings_found = cases.len() as u64;
    let mut plans = Vec::with_capacity(cases.len());
    if !cases.is_empty() {
        let view = pass.look(&cases).await?;
        summary.total_in_destination = view.marked(pass.window);
        pass.second_copies(&view, false, &mut summary).await?;
        for case in cases {
            let action = match &case.wish {
                Ok(desired) => Some(pass.decide(&view, &case.meeting.conference, desired)),
                Err(_) => None,
            };
            let reason = count(&case, action.as_ref(), &mut summary);
            plans.push(Plan {
                case,
                action,
                reason,
            });
        }
    }
    plans.reverse();
    summary.calls = pass.app.outbound.calls();
    Ok(Preview { plans, summary })
}

fn count(case: &Case, action: Option<&Action>, summary: &mut Summary) -> String {
    let skip = match (&case.wish, action) {
        (Err(skip), _) | (_, Some(Action::Skip(skip))) => Some(*skip),
        _ => None,
    };
    if let Some(skip) = skip {
        summary.skip(skip.as_str());
        return match skip {
            Skip::Rule => format!("{} leaves it out", case.rule),
            Skip::Unchanged => "the entry is there".to_owned(),
            Skip::Edited => "you edited the entry: it is left alone".to_owned(),
            Skip::Deleted => "you deleted the entry: it stays deleted".to_owned(),
            Skip::Declined => "you declined the meeting".to_owned(),
            Skip::Solo => "nobody else was there".to_owned(),
            Skip::TooShort => "it was too short".to_owned(),
        };
    }
    match action {
        Some(Action::Update) => {
            summary.updated += 1;
            "the entry is not as the rules want it".to_owned()
        }
        Some(Action::Adopt { .. }) => {
            summary.adopted += 1;
            "an entry with its marker is there".to_owned()
        }
        Some(Action::Wait(_) | Action::LookFor { .. }) => {
            summary.unresolved += 1;
            "an earlier write got no answer: the run finds out".to_owned()
        }
        _ => {
            summary.created += 1;
            "no entry is there".to_owned()
        }
    }
}
