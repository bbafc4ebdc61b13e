//! `syncline sync create` and `update`: a definition from a file, from flags, or from both (flags win).

use super::{Command, Exit, Output, Session, rule, schedule, table};
use crate::{
    api::v1::{self, AttendedTime, MappingRule, MeetToClockify, Sync, sync::Definition},
    cli::Usage,
    config::units,
};
use anyhow::Context as _;
use pbjson_types::FieldMask;
use std::path::{Path, PathBuf};

/// What `sync create` can make.
#[derive(clap::Subcommand, Debug)]
pub enum Create {
    /// Google Meet attendance becomes Clockify time entries
    MeetToClockify {
        /// The sync's id: lower-case letters, digits, hyphens
        id: String,
        #[command(flatten)]
        flags: Box<Flags>,
        /// Check everything, store nothing
        #[arg(long)]
        validate_only: bool,
    },
}

/// Arguments of `sync update`.
#[derive(clap::Args, Debug)]
pub struct Update {
    /// The sync's id
    id: String,
    #[command(flatten)]
    flags: Box<Flags>,
    /// Take the schedule away: the sync runs only when asked
    #[arg(long)]
    no_schedule: bool,
    /// Check everything, store nothing
    #[arg(long)]
    validate_only: bool,
}

/// A definition in flags.
#[derive(clap::Args, Debug)]
pub struct Flags {
    /// The definition as a file: a Sync in proto3 JSON, or the same in TOML
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// The Google token; `google` when it is not given
    #[arg(long, value_name = "TOKEN")]
    source: Option<String>,
    /// The Clockify token; `clockify` when it is not given
    #[arg(long, value_name = "TOKEN")]
    destination: Option<String>,
    /// How many days back a run looks
    #[arg(long)]
    days: Option<i32>,
    /// Project of entries that no rule matches
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Task of that project
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Tag of those entries; may be given several times
    #[arg(long, value_name = "NAME")]
    tag: Vec<String>,
    /// Whether those entries are billable
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    billable: Option<bool>,
    /// The Clockify workspace's id; the active one when it is not given
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// Calendar that gives titles; may be given several times; primary when it is not given
    #[arg(long, value_name = "ID")]
    calendar: Vec<String>,
    /// Mapping rule; may be given several times, the first that matches decides:
    /// 'CONDITION [& CONDITION …] => skip' or '… => PROJECT [/ TASK] [#TAG …] [$]', conditions title=TEXT, title~REGEX,
    /// domain=DOMAIN, code=MEETING-CODE, calendar=ID, and name=NAME for the rule itself
    #[arg(long, value_name = "RULE", value_parser = rule::parse, verbatim_doc_comment)]
    rule: Vec<MappingRule>,
    /// Liquid template of the description, as in '{{ title }} ({{ hours }}h)'; an unknown variable names all there are
    #[arg(long, value_name = "TEMPLATE")]
    description: Option<String>,
    /// From the first join to the last leave, or the sum of all sessions
    #[arg(long, value_name = "span|sum", value_parser = ["span", "sum"])]
    attended_time: Option<String>,
    /// Leave out meetings that I declined
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_declined: Option<bool>,
    /// Leave out meetings where nobody else was
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_solo: Option<bool>,
    /// Leave out meetings where I was shorter than this, as in 5m
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    skip_shorter_than: Option<std::time::Duration>,
    /// IANA time zone of the times in descriptions
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    #[command(flatten)]
    schedule: schedule::Flags,
}

/// A definition that is to be written.
pub struct Wanted {
    id: String,
    is_new: bool,
    no_schedule: bool,
    validate_only: bool,
    from_file: Option<Sync>,
    flags: Box<Flags>,
}

/// A command whose file, if it has one, was read.
pub enum Ready {
    /// `create` or `update`.
    Definition(Box<Wanted>),
    /// Everything else.
    Other(Command),
}

/// Reads the file of a definition, so that a bad one is refused before anything is opened.
pub fn read(command: Command) -> anyhow::Result<Ready> {
    let (id, flags, no_schedule, validate_only, is_new) = match command {
        Command::Create(Create::MeetToClockify {
            id,
            flags,
            validate_only,
        }) => (id, flags, false, validate_only, true),
        Command::Update(Update {
            id,
            flags,
            no_schedule,
            validate_only,
        }) => (id, flags, no_schedule, validate_only, false),
        other => return Ok(Ready::Other(other)),
    };
    if no_schedule && flags.schedule.any() {
        let why =
            "--no-schedule: takes the schedule away; leave out --cron and all that describes one";
        return Err(Usage(why.to_owned()).into());
    }
    let from_file = flags.file.as_deref().map(of_file).transpose()?;
    Ok(Ready::Definition(Box::new(Wanted {
        id,
        is_new,
        no_schedule,
        validate_only,
        from_file,
        flags,
    })))
}

/// Creates or changes the sync.
pub async fn write(wanted: Box<Wanted>, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let name = session.sync(&wanted.id);
    // A file without a schedule says nothing of it.
    let filed = wanted.from_file.as_ref();
    let is_scheduled = filed.is_some_and(|sync| sync.schedule.is_some())
        || wanted.flags.schedule.any()
        || wanted.no_schedule;
    let mut base = match (wanted.from_file, wanted.is_new) {
        (Some(sync), _) => sync,
        (None, true) => Sync::default(),
        (None, false) => get(&name, session).await?,
    };
    base.schedule = match wanted.no_schedule {
        true => None,
        false => wanted.flags.schedule.apply(base.schedule.take())?,
    };
    let sync = Sync {
        name,
        ..wanted.flags.apply(base, session)
    };
    let stored = match wanted.is_new {
        true => {
            let request = v1::CreateSyncRequest {
                parent: session.parent(),
                sync_id: wanted.id,
                sync: Some(sync),
                validate_only: wanted.validate_only,
            };
            session.syncs().create_sync(request).await
        }
        false => {
            let mut paths = vec![
                "display_name",
                "source_token",
                "destination_token",
                "meet_to_clockify",
            ];
            if is_scheduled {
                paths.push("schedule");
            }
            let request = v1::UpdateSyncRequest {
                sync: Some(sync),
                update_mask: Some(FieldMask {
                    paths: paths.into_iter().map(str::to_owned).collect(),
                }),
                validate_only: wanted.validate_only,
            };
            session.syncs().update_sync(request).await
        }
    };
    output.result(&stored?.into_inner(), |sync| {
        let said = match wanted.validate_only {
            true => "The definition is fine; nothing was stored.",
            false => "Stored. Look at what it would do with `syncline sync preview`.",
        };
        format!("{}\n\n{said}", shown(sync))
    })?;
    Ok(Exit::Done)
}

impl Flags {
    fn apply(&self, mut sync: Sync, session: &Session) -> Sync {
        let Definition::MeetToClockify(mut definition) = sync
            .definition
            .take()
            .unwrap_or_else(|| Definition::MeetToClockify(MeetToClockify::default()));
        set(&mut sync.display_name, &self.display_name);
        set(
            &mut sync.source_token,
            &self.source.as_ref().map(|id| session.token(id)),
        );
        set(
            &mut sync.destination_token,
            &self.destination.as_ref().map(|id| session.token(id)),
        );
        set(&mut definition.days, &self.days);
        set(&mut definition.workspace_id, &self.workspace);
        set(&mut definition.description_template, &self.description);
        set(&mut definition.time_zone, &self.time_zone);
        set_all(&mut definition.calendars, &self.calendar);
        set_all(&mut definition.rules, &self.rule);
        let mut target = definition.default_target.take().unwrap_or_default();
        set(&mut target.project, &self.project);
        set(&mut target.task, &self.task);
        set_all(&mut target.tags, &self.tag);
        set(&mut target.billable, &self.billable);
        definition.default_target = (target != v1::Target::default()).then_some(target);
        if let Some(attended) = &self.attended_time {
            definition.set_attended_time(match attended.as_str() {
                "sum" => AttendedTime::Sum,
                _ => AttendedTime::Span,
            });
        }
        set(&mut definition.skip_declined, &self.skip_declined);
        set(&mut definition.skip_solo, &self.skip_solo);
        if let Some(shortest) = self.skip_shorter_than {
            definition.skip_shorter_than = Some(shortest.into());
        }
        Sync {
            definition: Some(Definition::MeetToClockify(definition)),
            ..sync
        }
    }
}

fn set<T: Clone>(place: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        place.clone_from(given);
    }
}

fn set_all<T: Clone>(place: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *place = given.to_vec();
    }
}

fn of_file(file: &Path) -> anyhow::Result<Sync> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{shown} cannot be read"))?;
    let wrong = |error: &dyn std::fmt::Display| {
        Usage(format!(
            "{shown}: expected a Sync as `syncline sync show --json` prints it: {error}"
        ))
    };
    let is_toml = file.extension().is_some_and(|kind| kind == "toml");
    let value: serde_json::Value = match is_toml {
        true => toml::from_str(&text).map_err(|error| wrong(&error))?,
        false => serde_json::from_str(&text).map_err(|error| wrong(&error))?,
    };
    let sync = serde_json::from_value(value).map_err(|error| wrong(&error))?;
    Ok(sync)
}

/// A sync as it is stored.
pub async fn get(name: &str, session: &Session) -> anyhow::Result<Sync> {
    let request = v1::GetSyncRequest {
        name: name.to_owned(),
    };
    Ok(session.syncs().get_sync(request).await?.into_inner())
}

/// The definition of a sync, which has one kind so far.
pub fn meet(sync: &Sync) -> Option<&MeetToClockify> {
    let Definition::MeetToClockify(definition) = sync.definition.as_ref()?;
    Some(definition)
}

/// A sync as people read it.
pub fn shown(sync: &Sync) -> String {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mut rows = vec![
        row("name", sync.name.clone()),
        row("display name", sync.display_name.clone()),
        row("from", sync.source_token.clone()),
        row("to", sync.destination_token.clone()),
        row("read until", super::time::moment(sync.watermark.as_ref())),
    ];
    if let Some(definition) = meet(sync) {
        let days = (definition.days > 0).then(|| definition.days.to_string());
        rows.push(row(
            "days",
            days.unwrap_or_else(|| "as the settings say".to_owned()),
        ));
        rows.push(row("workspace", definition.workspace_id.clone()));
        rows.push(row("calendars", definition.calendars.join(", ")));
        for (number, line) in definition.rules.iter().enumerate() {
            rows.push(row(&format!("rule {}", number + 1), rule::text(line)));
        }
        let target = definition.default_target.as_ref().map(rule::target_text);
        rows.push(row(
            "else",
            target.unwrap_or_else(|| "project \"Google Meet\"".to_owned()),
        ));
        rows.push(row("description", definition.description_template.clone()));
        rows.push(row("time zone", definition.time_zone.clone()));
        let skips = [
            (definition.skip_declined, "declined".to_owned()),
            (definition.skip_solo, "solo".to_owned()),
            (
                definition.skip_shorter_than.is_some(),
                format!(
                    "shorter than {} s",
                    definition
                        .skip_shorter_than
                        .as_ref()
                        .map_or(0, |shortest| shortest.seconds)
                ),
            ),
        ];
        let skips: Vec<_> = skips
            .into_iter()
            .filter_map(|(on, text)| on.then_some(text))
            .collect();
        rows.push(row("leave out", skips.join(", ")));
    }
    if let Some(schedule) = &sync.schedule {
        rows.extend(schedule::rows(schedule));
    }
    table(
        ["", ""],
        rows.into_iter().filter(|[_, value]| !value.is_empty()),
    )
}
