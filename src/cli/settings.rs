//! `syncline settings`: every setting with its value and where that comes from. It works on wrong settings, too: that is
//! when it is needed.

use super::{
    Exit,
    output::{Output, table},
};
use crate::config::{Config, Setting, Sources};
use serde_json::{Value, json};

/// Arguments of `settings`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only those whose key contains this, as in runs or clockify.budget
    part: Option<String>,
}

pub fn run(args: &Args, sources: &Sources, output: Output) -> anyhow::Result<Exit> {
    let (mut settings, faults) = Config::list(sources);
    if let Some(part) = &args.part {
        settings.retain(|setting| setting.key.contains(part.as_str()));
    }
    let document = json!({ "settings": settings.iter().map(document).collect::<Vec<_>>() });
    output.result(&document, |_| match settings.is_empty() {
        true => "there is no such setting".to_owned(),
        false => table(["SETTING", "VALUE", "FROM"], settings.iter().map(row)),
    })?;
    if faults.0.is_empty() {
        return Ok(Exit::Done);
    }
    output.note(faults.to_string());
    Ok(Exit::Wrong)
}

fn row(setting: &Setting) -> [String; 3] {
    let value = match (&setting.value, setting.is_hidden) {
        (Some(value), _) => value.clone(),
        (None, true) => "(hidden)".to_owned(),
        (None, false) => "(not set)".to_owned(),
    };
    [setting.key.clone(), value, setting.origin.to_string()]
}

fn document(setting: &Setting) -> Value {
    json!({
        "key": setting.key,
        "value": setting.value,
        "hidden": setting.is_hidden,
        "origin": setting.origin.to_string(),
        "default": setting.default,
        "variable": setting.variable,
    })
}
