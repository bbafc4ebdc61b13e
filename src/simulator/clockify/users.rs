//! The key's user and the workspaces.

use serde_json::{Value, json};

use super::{answer, scope, user};
use crate::simulator::faults::Tweak;
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{ClockifyUser, Workspace, World};

/// `GET /user`.
pub(in crate::simulator) fn get_user(world: &mut World, request: &Request) -> Reply {
    answer(user(world, request).map(|user| {
        let memberships = request.query_flag("include-memberships") == Some(true);
        let mut body = user_json(&user);
        if memberships {
            body["memberships"] = world
                .clockify
                .workspaces
                .iter()
                .map(|workspace| json!({
                    "userId": user.id, "targetId": workspace.id, "membershipType": "WORKSPACE", "membershipStatus": "ACTIVE",
                }))
                .collect();
        }
        Reply::ok(&body)
    }))
}

pub(super) fn user_json(user: &ClockifyUser) -> Value {
    json!({
        "id": user.id, "email": user.email, "name": user.name, "memberships": [], "profilePicture": "",
        "activeWorkspace": user.active_workspace, "defaultWorkspace": user.default_workspace,
        "settings": {
            "weekStart": "MONDAY", "timeZone": user.zone, "timeFormat": "HOUR24", "dateFormat": "DD/MM/YYYY",
            "sendNewsletter": false, "summaryReportSettings": {"group": "Project", "subgroup": "Time Entry"},
        },
        "status": "ACTIVE", "customFields": [],
    })
}

/// `GET /workspaces`; paging parameters are ignored.
pub(in crate::simulator) fn list_workspaces(world: &mut World, request: &Request) -> Reply {
    answer(user(world, request).map(|_| {
        let workspaces = &world.clockify.workspaces;
        let items: Vec<Value> = workspaces
            .iter()
            .map(|one| workspace_json(request, one))
            .collect();
        Reply::ok(&json!(items))
    }))
}

/// `GET /workspaces/{workspace}`.
pub(in crate::simulator) fn get_workspace(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).map(|(_, one)| Reply::ok(&workspace_json(request, &one))))
}

fn workspace_json(request: &Request, workspace: &Workspace) -> Value {
    let projects_forced = request.tweak == Some(Tweak::ForceProjects);
    json!({
        "id": workspace.id, "name": workspace.name, "imageUrl": "", "memberships": [],
        "featureSubscriptionType": "FREE",
        "hourlyRate": {"amount": 0, "currency": "USD"}, "costRate": {"amount": 0, "currency": "USD"},
        "workspaceSettings": {
            "forceProjects": workspace.force_projects || projects_forced,
            "forceTasks": workspace.force_tasks, "forceTags": workspace.force_tags,
            "forceDescription": workspace.force_description,
            "lockTimeEntries": null, "automaticLock": null, "timeRoundingInReports": false,
            "round": {"round": "Round to nearest", "minutes": "15"}, "onlyAdminsCreateTag": false,
            "onlyAdminsCreateTask": false, "timeTrackingMode": "DEFAULT",
            "isProjectPublicByDefault": true, "trackTimeDownToSecond": true,
            "projectGroupingLabel": "client",
        },
    })
}
