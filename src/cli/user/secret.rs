//! Passwords from a prompt, standard input, or a file: never from the command line, where every user of the machine and the
//! shell's history can see them.

use crate::cli::Usage;
use anyhow::Context as _;
use std::{
    fs::File,
    io::{IsTerminal as _, Read, stdin},
    path::{Path, PathBuf},
};

/// No password is longer.
const LONGEST: u64 = 8192;

/// Where a password comes from.
#[derive(clap::Args, Debug)]
pub struct Source {
    /// Read the password from this file; `-` is standard input. Else it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Only there to say why it is refused.
    #[arg(hide = true, long = "password", num_args = 0..=1)]
    password: Option<Option<String>>,
}

impl Source {
    /// One that somebody knows.
    pub fn known(&self) -> anyhow::Result<String> {
        self.read(false)
    }

    /// A new one; at a prompt it is asked for twice.
    pub fn new_one(&self) -> anyhow::Result<String> {
        self.read(true)
    }

    fn read(&self, is_new: bool) -> anyhow::Result<String> {
        if self.password.is_some() {
            let message = "the password is never taken from the command line, where every user of this machine and the shell's \
                           history can see it: type it at the prompt, pipe it in, or name a file with --password-file";
            return Err(Usage(message.to_owned()).into());
        }
        let password = match &self.password_file {
            Some(file) if file != Path::new("-") => {
                let opened = File::open(file);
                first_line(opened.with_context(|| format!("{} cannot be read", file.display()))?)?
            }
            None if stdin().is_terminal() => prompted(is_new)?,
            _ => first_line(stdin().lock())?,
        };
        match password.is_empty() {
            false => Ok(password),
            true => Err(Usage(
                "no password was given: type it at the prompt, or pipe it in".to_owned(),
            )
            .into()),
        }
    }
}

fn prompted(is_new: bool) -> anyhow::Result<String> {
    let password = rpassword::prompt_password("Password (not shown): ")?;
    if is_new && rpassword::prompt_password("Once more: ")? != password {
        return Err(Usage("the two passwords differ".to_owned()).into());
    }
    Ok(password)
}

/// Blanks belong to a password; the end of the line does not.
fn first_line(source: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    source.take(LONGEST).read_to_string(&mut text)?;
    let line = text.split('\n').next().unwrap_or_default();
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
