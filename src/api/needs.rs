//! What each call asks of its caller: the one table. A test holds it against the descriptors, so that no call is missing.

use crate::base::{Needs, Role};
use std::{collections::HashMap, sync::LazyLock};

const VIEW: Needs = Needs::Tenant(Role::Viewer);
const OPERATE: Needs = Needs::Tenant(Role::Operator);
const ADMINISTER: Needs = Needs::Tenant(Role::Admin);
const VIEW_ALL: Needs = Needs::Instance(Role::Viewer);
const OPERATE_ALL: Needs = Needs::Instance(Role::Operator);
const ADMINISTER_ALL: Needs = Needs::Instance(Role::Admin);

/// The calls of each service.
const SERVICES: &[(&str, &[(&str, Needs)])] = &[
    (
        "syncline.v1.TokenService",
        &[
            ("CreateToken", ADMINISTER),
            ("GetToken", VIEW),
            ("ListTokens", VIEW),
            ("UpdateToken", ADMINISTER),
            ("DeleteToken", ADMINISTER),
            ("BeginAuthorization", ADMINISTER),
            ("CompleteAuthorization", ADMINISTER),
            ("IssueAccessToken", OPERATE),
            ("RefreshToken", OPERATE),
            ("CheckToken", OPERATE),
            ("RevokeToken", ADMINISTER),
            ("ListTokenEvents", VIEW),
            ("RotateKey", ADMINISTER_ALL),
            ("RewrapTokens", ADMINISTER_ALL),
            ("RetireKeys", ADMINISTER_ALL),
        ],
    ),
    (
        "syncline.v1.SyncService",
        &[
            ("CreateSync", ADMINISTER),
            ("GetSync", VIEW),
            ("ListSyncs", VIEW),
            ("UpdateSync", ADMINISTER),
            ("DeleteSync", ADMINISTER),
            ("RunSync", OPERATE),
            ("PreviewSync", OPERATE),
            ("BackfillSync", OPERATE),
            ("PauseSync", OPERATE),
            ("ResumeSync", OPERATE),
            ("PreviewSchedule", VIEW),
            ("ListOccurrences", VIEW),
            ("GetRun", VIEW),
            ("ListRuns", VIEW),
            ("WatchRun", VIEW),
            ("CancelRun", OPERATE),
            ("RetryRun", OPERATE),
            ("ListRunLogs", VIEW),
            ("ListRecords", VIEW),
            ("ListEffects", VIEW),
            ("ReconcileSync", OPERATE),
            ("CleanUpSync", ADMINISTER),
        ],
    ),
    (
        "syncline.v1.QueueService",
        &[
            ("ListQueues", VIEW_ALL),
            ("GetQueue", VIEW_ALL),
            ("AddJob", OPERATE_ALL),
            ("ListJobs", VIEW_ALL),
            ("GetJob", VIEW_ALL),
            ("PauseQueue", OPERATE_ALL),
            ("ResumeQueue", OPERATE_ALL),
            ("RetryJobs", OPERATE_ALL),
            ("PromoteJobs", OPERATE_ALL),
            ("RemoveJobs", OPERATE_ALL),
            ("CleanQueue", OPERATE_ALL),
        ],
    ),
    (
        "syncline.v1.TenantService",
        &[
            ("CreateTenant", ADMINISTER_ALL),
            ("GetTenant", VIEW),
            ("ListTenants", Needs::Caller),
            ("UpdateTenant", ADMINISTER),
            ("DeleteTenant", ADMINISTER_ALL),
            ("CreateApiKey", ADMINISTER),
            ("ListApiKeys", ADMINISTER),
            ("RotateApiKey", ADMINISTER),
            ("RevokeApiKey", ADMINISTER),
            ("CreateAccessRule", ADMINISTER_ALL),
            ("ListAccessRules", ADMINISTER_ALL),
            ("DeleteAccessRule", ADMINISTER_ALL),
            ("GetWidget", VIEW),
            ("UpdateWidget", ADMINISTER),
            ("ListAuditEntries", ADMINISTER),
        ],
    ),
    (
        "syncline.v1.AccountService",
        &[
            ("Register", Needs::Nothing),
            ("Login", Needs::Nothing),
            ("Logout", Needs::Caller),
            ("GetMe", Needs::Caller),
            ("GetUser", Needs::Caller),
            ("ListUsers", VIEW_ALL),
            ("UpdateUser", Needs::Caller),
            ("DeleteUser", Needs::Caller),
            ("GetUserStats", VIEW_ALL),
            ("ListSessions", Needs::Caller),
            ("RevokeSession", Needs::Caller),
        ],
    ),
    (
        "grpc.health.v1.Health",
        &[
            ("Check", Needs::Open),
            ("List", Needs::Open),
            ("Watch", Needs::Open),
        ],
    ),
];

static BY_PATH: LazyLock<HashMap<String, Needs>> = LazyLock::new(|| {
    let calls = SERVICES.iter().flat_map(|(service, calls)| {
        calls
            .iter()
            .map(move |(call, needs)| (format!("/{service}/{call}"), *needs))
    });
    calls.collect()
});

/// What the call with this path, as in `/syncline.v1.TokenService/GetToken`, asks. One that nobody knows, reflection too,
/// asks for a caller who is known.
pub fn of(path: &str) -> Needs {
    BY_PATH.get(path).copied().unwrap_or(Needs::Caller)
}

/// The same path as a text that is always there, without its first slash; "unknown" for one that nobody knows.
pub fn named(path: &str) -> &'static str {
    let known = BY_PATH.get_key_value(path);
    known.map_or("unknown", |(path, _)| path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DESCRIPTORS;
    use prost::Message as _;
    use std::collections::BTreeSet;

    #[test]
    fn every_call_stands_in_the_table_once_and_nothing_else_does() {
        let described = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let described: BTreeSet<String> = described
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| (file, service)))
            .flat_map(|(file, service)| {
                let full = format!("{}.{}", file.package(), service.name());
                service
                    .method
                    .iter()
                    .map(move |method| format!("/{full}/{}", method.name()))
            })
            .collect();
        let listed: Vec<String> = SERVICES
            .iter()
            .filter(|(service, _)| service.starts_with("syncline."))
            .flat_map(|(service, calls)| {
                calls
                    .iter()
                    .map(move |(call, _)| format!("/{service}/{call}"))
            })
            .collect();
        assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), described);
    }

    #[test]
    fn what_nobody_knows_asks_for_a_caller_who_is_known() {
        assert_eq!(
            of("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
            Needs::Caller
        );
        assert_eq!(of("/grpc.health.v1.Health/Check"), Needs::Open);
        assert_eq!(
            of("/syncline.v1.TokenService/CreateToken"),
            Needs::Tenant(Role::Admin)
        );
    }
}
