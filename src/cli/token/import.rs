//! `syncline token import`: a token.json of Google's libraries or of the original tool. What it holds is judged by the
//! service; here it is only read.

use super::{Credential, Destination, Given};
use crate::{api::v1::Provider, cli::Usage};
use anyhow::Context as _;
use std::{
    fs::File,
    io::{Read, stdin},
    path::{Path, PathBuf},
};

/// Larger than any such file.
const LARGEST_FILE: u64 = 1 << 20;

/// Arguments of `token import`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    #[command(flatten)]
    destination: Destination,
}

pub(super) fn read(args: Args) -> anyhow::Result<Given> {
    Ok(Given {
        provider: Provider::Google,
        credential: Credential::Json(text_of(&args.file)?),
        destination: args.destination,
    })
}

/// The content of a token file, or of standard input for `-`. It is never repeated in an error.
pub fn text_of(file: &Path) -> anyhow::Result<String> {
    let shown = file.display();
    let mut text = String::new();
    let mut read = |from: &mut dyn Read| from.take(LARGEST_FILE + 1).read_to_string(&mut text);
    match file.as_os_str() == "-" {
        true => read(&mut stdin()).context("standard input cannot be read")?,
        false => {
            let mut file = File::open(file).with_context(|| format!("{shown} cannot be opened"))?;
            read(&mut file).with_context(|| format!("{shown} cannot be read"))?
        }
    };
    match text.len() as u64 > LARGEST_FILE {
        true => Err(Usage(format!("{shown} is no token file: it is larger than 1 MiB")).into()),
        false => Ok(text),
    }
}
