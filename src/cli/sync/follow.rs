//! Follows a run on the screen: a bar on a terminal, else a line now and then.

use super::{Output, Session};
use crate::{
    api::v1::{CancelRunRequest, GetRunRequest, Run, RunState, WatchRunRequest},
    base::Error,
    cli::signals,
    telemetry,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io::IsTerminal as _, time::Duration};

/// Without a terminal, a line for each new phase and for each such part of a phase.
const PARTS: i64 = 4;

/// Follows the run to its last state. Without a server it is executed here meanwhile, and Ctrl-C (or SIGTERM) cancels it; a
/// server's run goes on when nobody looks.
pub async fn follow(run: &str, session: &Session, output: Output) -> anyhow::Result<Run> {
    let worker = session.execute(run).await?;
    let mut screen = Screen::new(output);
    let watched = tokio::select! {
        watched = watch(run, session, &mut screen) => watched,
        () = signals::received() => stopped(run, session, &mut screen, worker.is_some()).await,
    };
    screen.bar.finish_and_clear();
    if let (Some(worker), Some(app)) = (worker, session.app()) {
        worker.shut_down(app.config.runs.grace).await;
    }
    watched
}

async fn stopped(
    run: &str,
    session: &Session,
    screen: &mut Screen,
    is_here: bool,
) -> anyhow::Result<Run> {
    if !is_here {
        screen.note(&format!(
            "The run goes on: `syncline sync watch {}`.",
            super::last(run)
        ));
        let request = GetRunRequest {
            name: run.to_owned(),
        };
        return Ok(session.syncs().get_run(request).await?.into_inner());
    }
    screen.note("Stopping after the entries that are being written.");
    let request = CancelRunRequest {
        name: run.to_owned(),
    };
    session.syncs().cancel_run(request).await?;
    tokio::select! {
        watched = watch(run, session, screen) => watched,
        () = signals::received() => std::process::exit(signals::INTERRUPTED),
    }
}

async fn watch(run: &str, session: &Session, screen: &mut Screen) -> anyhow::Result<Run> {
    let request = WatchRunRequest {
        name: run.to_owned(),
    };
    let mut stream = session.syncs().watch_run(request).await?.into_inner();
    let mut last = None;
    while let Some(response) = stream.message().await? {
        if let Some(run) = response.run {
            screen.show(&run);
            last = Some(run);
        }
    }
    match last {
        Some(run) if is_final(run.state()) => Ok(run),
        _ => Err(Error::unavailable(
            "WATCH_ENDED",
            "the server stopped telling about the run before its end",
        )
        .into()),
    }
}

fn is_final(state: RunState) -> bool {
    matches!(
        state,
        RunState::Succeeded | RunState::Partial | RunState::Failed | RunState::Cancelled
    )
}

struct Screen {
    bar: ProgressBar,
    output: Output,
    is_terminal: bool,
    said: String,
}

impl Screen {
    fn new(output: Output) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = match is_terminal && !output.is_json() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.enable_steady_tick(Duration::from_millis(120));
        telemetry::log_above(&bar);
        Self {
            bar,
            output,
            is_terminal,
            said: String::new(),
        }
    }

    /// Says something above the bar.
    fn note(&self, text: &str) {
        self.bar.suspend(|| self.output.note(text));
    }

    fn show(&mut self, run: &Run) {
        let (phase, done, total) = match (run.state(), &run.progress) {
            (RunState::Running, Some(progress)) => {
                (progress.phase.clone(), progress.done, progress.total)
            }
            (RunState::Waiting | RunState::Retrying, _) => {
                let until = super::time::moment(run.due_time.as_ref());
                (
                    format!("waits until {until} UTC: {}", run.wait_reason),
                    0,
                    0,
                )
            }
            (RunState::Queued, _) => ("queued".to_owned(), 0, 0),
            _ => return,
        };
        match total > 0 {
            true => {
                let style = ProgressStyle::with_template("{msg:32} {wide_bar} {pos}/{len}");
                self.bar
                    .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                self.bar.set_length(total.unsigned_abs());
                self.bar.set_position(done.unsigned_abs());
            }
            false => self.bar.set_style(ProgressStyle::default_spinner()),
        }
        self.bar.set_message(phase.clone());
        if !self.is_terminal && !self.output.is_json() {
            self.line(phase, done, total);
        }
    }

    fn line(&mut self, phase: String, done: i64, total: i64) {
        let part = if total > 0 { done * PARTS / total } else { 0 };
        let key = format!("{phase} {part}");
        if key != self.said {
            self.output.note(match total {
                0 => phase,
                total => format!("{phase} {done}/{total}"),
            });
            self.said = key;
        }
    }
}
