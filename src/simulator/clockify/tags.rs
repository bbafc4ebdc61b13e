//! Tags, clients and custom fields.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::paging::page;
use super::{answer, body, errors, name_fits, new_name, scope};
use crate::simulator::http::{Reply, Request};
use crate::simulator::world::{Client, Tag, World};

/// `GET …/tags`.
pub(in crate::simulator) fn list_tags(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(_, workspace)| {
        let tags = world
            .clockify
            .tags
            .iter()
            .filter(|tag| tag.workspace == workspace.id && name_fits(request, &tag.name));
        let tags = tags.filter(|tag| {
            request
                .query_flag("archived")
                .is_none_or(|archived| archived == tag.archived)
        });
        page(request, tags.collect(), tag_json)
    }))
}

/// `POST …/tags`.
pub(in crate::simulator) fn create_tag(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(_, workspace)| {
        let name = new_name(&body(request)?, 1..=100)?;
        if world
            .clockify
            .tags
            .iter()
            .any(|tag| tag.workspace == workspace.id && tag.name.eq_ignore_ascii_case(&name))
        {
            return Err(errors::name_taken("Tag", &name));
        }
        let tag = Tag {
            id: world.object_id(),
            workspace: workspace.id,
            name,
            archived: false,
        };
        let json = tag_json(&tag);
        world.clockify.tags.push(tag);
        Ok(Reply::json(StatusCode::CREATED, &json))
    }))
}

/// `GET …/clients`.
pub(in crate::simulator) fn list_clients(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(_, workspace)| {
        let all = &world.clockify.clients;
        let clients = all
            .iter()
            .filter(|client| client.workspace == workspace.id && name_fits(request, &client.name));
        let clients = clients.filter(|client| {
            request
                .query_flag("archived")
                .is_none_or(|archived| archived == client.archived)
        });
        page(request, clients.collect(), client_json)
    }))
}

/// `POST …/clients`.
pub(in crate::simulator) fn create_client(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).and_then(|(_, workspace)| {
        let name = new_name(&body(request)?, 1..=100)?;
        let taken = |client: &Client| {
            client.workspace == workspace.id && client.name.eq_ignore_ascii_case(&name)
        };
        if world.clockify.clients.iter().any(taken) {
            return Err(errors::name_taken("Client", &name));
        }
        let client = Client {
            id: world.object_id(),
            workspace: workspace.id,
            name,
            archived: false,
        };
        let json = client_json(&client);
        world.clockify.clients.push(client);
        Ok(Reply::json(StatusCode::CREATED, &json))
    }))
}

/// `GET …/custom-fields`; paging parameters are ignored.
pub(in crate::simulator) fn list_custom_fields(world: &mut World, request: &Request) -> Reply {
    answer(scope(world, request).map(|(_, workspace)| {
        let fields = world.clockify.custom_fields.iter().filter(|field| field.workspace == workspace.id);
        let fields: Vec<Value> = fields
            .map(|field| {
                json!({
                    "id": field.id, "workspaceId": field.workspace, "name": field.name, "type": field.kind,
                    "status": "VISIBLE", "required": false, "allowedValues": [], "entityType": "TIMEENTRY",
                    "onlyAdminCanEdit": false, "description": null, "placeholder": null, "projectDefaultValues": [],
                })
            })
            .collect();
        Reply::ok(&json!(fields))
    }))
}

pub(super) fn tag_json(tag: &Tag) -> Value {
    json!({"id": tag.id, "name": tag.name, "workspaceId": tag.workspace, "archived": tag.archived})
}

fn client_json(client: &Client) -> Value {
    json!({
        "id": client.id, "name": client.name, "workspaceId": client.workspace, "archived": client.archived,
        "email": null, "address": null, "note": null, "currencyId": null, "currencyCode": null,
    })
}
