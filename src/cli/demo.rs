//! stub
use super::{Context, Exit};
#[derive(clap::Args, Debug)]
pub struct Args {}
pub async fn run(_: Args, _: Context) -> anyhow::Result<Exit> { Ok(Exit::Done) }
