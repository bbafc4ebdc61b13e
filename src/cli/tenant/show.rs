//! Tenants as people read them.

use crate::{
    api::v1::Tenant,
    cli::{output::table, time},
};

/// One tenant, field by field.
pub fn tenant(tenant: &Tenant) -> String {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let rows = [
        row("name", tenant.name.clone()),
        row("display name", tenant.display_name.clone()),
        row("state", state(tenant)),
        row("domains", domains(tenant)),
        row("created", time::moment(tenant.create_time.as_ref())),
        row("changed", time::moment(tenant.update_time.as_ref())),
    ];
    table(["", ""], rows)
}

/// All of them.
pub fn tenants(tenants: &[Tenant]) -> String {
    table(
        ["TENANT", "NAME", "STATE", "DOMAINS"],
        tenants.iter().map(|tenant| {
            let id = tenant.name.rsplit('/').next().unwrap_or_default();
            [
                id.to_owned(),
                tenant.display_name.clone(),
                state(tenant),
                domains(tenant),
            ]
        }),
    )
}

fn state(tenant: &Tenant) -> String {
    let name = tenant.state().as_str_name();
    name.trim_start_matches("TENANT_STATE_").to_lowercase()
}

fn domains(tenant: &Tenant) -> String {
    match tenant.allowed_domains.as_slice() {
        [] => "all".to_owned(),
        domains => domains.join(" "),
    }
}
