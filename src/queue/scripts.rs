//! The Lua verbs, one a file. Each is one atomic step on one queue; the typed functions around them are the methods of
//! `Queue`.

use super::Connection;
use crate::base::Result;
use fred::{
    prelude::ClientLike as _,
    types::{ClusterHash, CustomCommand, Value},
    util::sha1_hash,
};
use std::sync::LazyLock;

/// One verb.
pub(super) struct Script {
    source: String,
    sha: String,
}

impl Script {
    fn new(parts: &[&str]) -> Self {
        let source = parts.concat();
        let sha = sha1_hash(&source);
        Self { source, sha }
    }

    /// Runs it on the queue whose keys begin with `base`. A server that does not have it yet gets it: it answers so
    /// before it does anything.
    pub(super) async fn run(
        &self,
        connection: &Connection,
        base: &str,
        arguments: Vec<Value>,
    ) -> Result<Value> {
        let words = |script: &str| {
            let mut words = Vec::with_capacity(3 + arguments.len());
            words.extend([script.into(), 1.into(), base.into()]);
            words.extend_from_slice(&arguments);
            words
        };
        let answer = match call(connection, "EVALSHA", words(&self.sha)).await {
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                call(connection, "EVAL", words(&self.source)).await
            }
            other => other,
        };
        answer.map_err(|error| connection.told(&error))
    }
}

/// As a command of our own: `fred` knows scripts too, but lets them run without a time-out.
async fn call(
    connection: &Connection,
    command: &'static str,
    words: Vec<Value>,
) -> std::result::Result<Value, fred::error::Error> {
    let command = CustomCommand::new_static(command, ClusterHash::Offset(2), false);
    connection.calls().custom(command, words).await
}

macro_rules! scripts {
    ($($name:ident = $($part:literal)+;)*) => {$(
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(&[$(include_str!(concat!("scripts/", $part, ".lua"))),+]));
    )*};
}

scripts! {
    PUT = "shared/queue" "shared/state" "put";
    CLAIM = "shared/queue" "shared/taking" "claim";
    FINISH = "shared/queue" "shared/family" "shared/removal" "shared/ending" "finish";
    EXCHANGE = "shared/queue" "shared/family" "shared/removal" "shared/ending" "shared/taking" "exchange";
    EXTEND = "shared/queue" "extend";
    STALLED = "shared/queue" "stalled";
    PROGRESS = "shared/queue" "progress";
    LOG = "shared/queue" "log";
    PAUSE = "shared/queue" "pause";
    RESUME = "shared/queue" "resume";
    RETRY = "shared/queue" "shared/family" "retry";
    PROMOTE = "shared/queue" "promote";
    REMOVE = "shared/queue" "shared/state" "shared/family" "shared/removal" "remove";
    CLEAN = "shared/queue" "shared/state" "shared/family" "shared/removal" "clean";
    DRAIN = "shared/queue" "shared/state" "shared/family" "shared/removal" "drain";
    COUNTS = "shared/queue" "counts";
    LIST = "shared/queue" "list";
    GET = "shared/queue" "shared/state" "get";
}
