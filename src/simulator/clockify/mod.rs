//! The fake Clockify, API v1.

mod draft;
pub(super) mod entries;
mod entry_json;
pub(super) mod errors;
mod paging;
pub(super) mod projects;
mod selection;
pub(super) mod tags;
pub(super) mod users;
mod window;

use super::http::{Reply, Request};
use super::world::{ClockifyUser, Workspace, World};

/// Whose rate limit a call counts against: the workspace of the key's user.
pub(super) fn account(world: &World, request: &Request) -> Option<String> {
    user(world, request).ok().map(|user| user.active_workspace)
}

/// The user of the key. Exactly one of the two key headers must be there; `Authorization` is not looked at.
fn user(world: &World, request: &Request) -> Result<ClockifyUser, Reply> {
    match (request.header("x-api-key"), request.header("x-addon-token")) {
        (Some(key), None) => {
            let user = world.clockify.users.iter().find(|user| user.api_key == key);
            user.cloned().ok_or_else(errors::unknown_key)
        }
        (None, Some(_)) => Err(errors::unknown_addon_token()),
        _ => Err(errors::no_single_key()),
    }
}

/// The user of the key and the workspace of the path.
fn scope(world: &World, request: &Request) -> Result<(ClockifyUser, Workspace), Reply> {
    let user = user(world, request)?;
    let workspace = world
        .clockify
        .workspaces
        .iter()
        .find(|workspace| workspace.id == request.param(0));
    Ok((user, workspace.cloned().ok_or_else(errors::access_denied)?))
}

fn answer(result: Result<Reply, Reply>) -> Reply {
    result.unwrap_or_else(|refusal| refusal)
}

/// Whether a name passes the `name` and `strict-name-search` parameters.
fn name_fits(request: &Request, name: &str) -> bool {
    let Some(wanted) = request.query("name").filter(|wanted| !wanted.is_empty()) else {
        return true;
    };
    if request.query_flag("strict-name-search") == Some(true) {
        name == wanted
    } else {
        name.to_lowercase().contains(&wanted.to_lowercase())
    }
}

/// The name in a body that creates something, if its length is allowed.
fn new_name(
    body: &serde_json::Value,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<String, Reply> {
    let name = body
        .get("name")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
        .trim();
    if lengths.contains(&name.chars().count()) {
        return Ok(name.to_owned());
    }
    let (least, most) = (lengths.start(), lengths.end());
    Err(errors::invalid(&format!(
        "You entered invalid value for field: [name]. Size must be between {least} and {most}"
    )))
}

fn body(request: &Request) -> Result<serde_json::Value, Reply> {
    request.json().map_err(|_| errors::unreadable())
}
