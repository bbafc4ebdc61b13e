//! Who hears what needs a person: the log, and the figures. Mail will be told here, too.

use crate::{
    base::notify::{Notice, Notify},
    telemetry::metrics,
};

/// Writes it where operators look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operators;

impl Notify for Operators {
    fn tell(&self, notice: &Notice) {
        metrics::notice(notice.reason);
        tracing::warn!(
            notice.reason = notice.reason,
            notice.about = notice.about,
            "somebody is needed: {}",
            notice.message
        );
    }
}
