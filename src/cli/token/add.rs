//! `syncline token add`: an API key, which never comes from the command line. Arguments are visible to every user of the
//! machine, and shells write them down.

use super::{Credential, Destination, Given};
use crate::{api::v1::Provider, cli::Usage};
use std::io::{BufRead as _, IsTerminal as _, Read as _};

/// Longer than any key; a file that was piped in by mistake is not read to its end.
const LONGEST_KEY: u64 = 4096;

const NO_ARGUMENT: &str = "the key is never taken from the command line, where every user of this machine and the shell's history can \
     see it: run `syncline token add clockify` and type it at the prompt, or pipe it in; if it was a real key, make a new one";

/// Arguments of `token add`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Whose key: clockify
    provider: String,
    #[command(flatten)]
    destination: Destination,
    /// Only there to say why it is refused.
    #[arg(hide = true, num_args = 0.., allow_hyphen_values = true, trailing_var_arg = true)]
    key: Vec<String>,
    /// The same for those who expect a flag.
    #[arg(hide = true, long = "key", alias = "api-key", alias = "token", alias = "secret", num_args = 0..=1)]
    key_flag: Option<Option<String>>,
}

/// Reads the key from the prompt or from standard input.
pub(super) fn read(args: Args) -> anyhow::Result<Given> {
    if !args.key.is_empty() || args.key_flag.is_some() {
        return Err(Usage(NO_ARGUMENT.to_owned()).into());
    }
    match args.provider.as_str() {
        "clockify" => {}
        "google" => {
            let message = "Google gives no keys: get its consent with `syncline token login google`, or bring a token.json with `syncline token import`";
            return Err(Usage(message.to_owned()).into());
        }
        // What was typed is not repeated: it may be the key.
        _ => {
            return Err(Usage(format!(
                "expected `clockify` after `token add`; {NO_ARGUMENT}"
            ))
            .into());
        }
    }
    let key = key()?;
    if key.is_empty() {
        return Err(
            Usage("no key was given: type it at the prompt, or pipe it in".to_owned()).into(),
        );
    }
    Ok(Given {
        provider: Provider::Clockify,
        credential: Credential::ApiKey(key),
        destination: args.destination,
    })
}

fn key() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let text = rpassword::prompt_password("Clockify API key (not shown): ")?;
        return Ok(text.trim().to_owned());
    }
    let mut line = String::new();
    stdin.lock().take(LONGEST_KEY).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
