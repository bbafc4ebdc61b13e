//! `syncline token rotate-key`, `rewrap` and `retire-keys`: another key for what is sealed, from beginning to end.

use crate::{
    api::v1,
    cli::{Exit, output::Output, session::Session},
};
use std::fmt::Write as _;

/// Sealed again in one call.
const BATCH: i32 = 200;

/// Arguments of `rewrap`.
#[derive(clap::Args, Debug)]
pub struct Rewrap {
    /// Say after each step how far it is
    #[arg(long)]
    watch: bool,
}

/// Seals with a new key from now on.
pub async fn rotate(session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = v1::RotateKeyRequest {};
    let answer = session.tokens().rotate_key(request).await?.into_inner();
    output.result(&answer, |answer| {
        format!(
            "{} seals from now on; `syncline token rewrap` seals again what older keys sealed",
            answer.key_id
        )
    })?;
    Ok(Exit::Done)
}

/// Seals everything again, step by step, to the end.
pub async fn rewrap(args: Rewrap, session: &Session, output: Output) -> anyhow::Result<Exit> {
    let mut tokens = session.tokens();
    let mut all = 0;
    loop {
        let request = v1::RewrapTokensRequest { limit: BATCH };
        let mut answer = tokens.rewrap_tokens(request).await?.into_inner();
        all += answer.rewrapped;
        let is_over = answer.remaining == 0 || answer.rewrapped == 0;
        if args.watch && !is_over {
            eprintln!("{all} sealed again, {} to go", answer.remaining);
        }
        if is_over {
            answer.rewrapped = all;
            let stuck = answer.remaining > 0;
            output.result(&answer, rewrapped)?;
            return Ok(match stuck {
                true => Exit::Partial,
                false => Exit::Done,
            });
        }
    }
}

/// Lets older keys go that nothing needs.
pub async fn retire(session: &Session, output: Output) -> anyhow::Result<Exit> {
    let request = v1::RetireKeysRequest {};
    let answer = session.tokens().retire_keys(request).await?.into_inner();
    output.result(&answer, retired)?;
    Ok(Exit::Done)
}

fn rewrapped(answer: &v1::RewrapTokensResponse) -> String {
    let mut text = format!("{} sealed again", answer.rewrapped);
    if answer.remaining > 0 {
        let _ = write!(
            text,
            "; {} cannot be opened, and are as they were: the server's log names them",
            answer.remaining
        );
    }
    text + "\n" + &keys(&answer.keys)
}

fn retired(answer: &v1::RetireKeysResponse) -> String {
    let ids = answer.retired_key_ids.join(", ");
    let first = match (answer.retired_key_ids.is_empty(), answer.removed_from_file) {
        (true, _) => "no key could be retired".to_owned(),
        (false, true) => format!("retired, and taken out of the key file: {ids}"),
        (false, false) => format!("retired; take them out of where the keys come from: {ids}"),
    };
    first + "\n" + &keys(&answer.keys)
}

fn keys(keys: &[v1::KeyUse]) -> String {
    let lines = keys.iter().map(|key| {
        let role = match key.seals {
            true => "seals",
            false => "opens",
        };
        format!("key {} {role}: {} texts", key.key_id, key.sealed_texts)
    });
    lines.collect::<Vec<_>>().join("\n")
}
