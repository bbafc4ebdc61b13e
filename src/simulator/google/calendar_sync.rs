//! Sync tokens of Calendar lists. A token stands for a revision of the calendars and is bound to the parameters of its list.

use super::errors;
use crate::simulator::http::{Reply, Request};
use crate::simulator::paging::{decode, encode, fingerprint};
use crate::simulator::world::World;

/// Parameters that may be on a full list but not beside a sync token.
const FULL_LIST_ONLY: [&str; 8] = [
    "timeMin",
    "timeMax",
    "updatedMin",
    "q",
    "orderBy",
    "iCalUID",
    "privateExtendedProperty",
    "sharedExtendedProperty",
];

/// Whether the last page of this list carries a sync token. Searches and sorted lists do not.
pub(super) fn gives_token(request: &Request) -> bool {
    request.query("q").is_none()
        && request.query("orderBy").is_none()
        && request.query("iCalUID").is_none()
}

/// The token for what was listed as of a revision.
pub(super) fn token(request: &Request, revision: u64) -> String {
    encode([revision, bound_to(request)])
}

/// The revision that a sync token stands for. 410 when it is too old, 400 when it does not fit this list.
pub(super) fn revision(world: &World, request: &Request, token: &str) -> Result<u64, Reply> {
    if let Some(parameter) = FULL_LIST_ONLY
        .into_iter()
        .find(|parameter| request.query(parameter).is_some())
    {
        return Err(errors::calendar_invalid(
            parameter,
            "Sync token cannot be used together with this parameter.",
        ));
    }
    if request.query_flag("showDeleted") == Some(false) {
        return Err(errors::calendar_invalid(
            "showDeleted",
            "Deletions are always part of an incremental list.",
        ));
    }
    let [revision, bound] = decode(token)
        .map_err(|_| errors::calendar_invalid("syncToken", "Invalid sync token value."))?;
    if revision < world.google.oldest_sync_revision {
        return Err(errors::full_sync_required());
    }
    if bound != bound_to(request) {
        return Err(errors::calendar_invalid(
            "syncToken",
            "Sync token belongs to a list with other parameters.",
        ));
    }
    Ok(revision)
}

fn bound_to(request: &Request) -> u64 {
    let mut free = FULL_LIST_ONLY.to_vec();
    free.extend(["syncToken", "showDeleted"]);
    fingerprint(request, &free)
}
