//! Every call of every service, with what a caller would put into it to reach somebody else's data.
//!
//! `{t}` is a tenant, `{own}` the caller's own one; the others are ids of the kind that they say.

use super::messages;
use std::collections::BTreeSet;

/// Calls that only look.
pub const READS: &[(&str, &str)] = &[
    ("TokenService/GetToken", r#"{"name": "{t}/tokens/{token}"}"#),
    ("TokenService/ListTokens", r#"{"parent": "{t}"}"#),
    (
        "TokenService/ListTokens",
        r#"{"parent": "{t}", "page_size": 1}"#,
    ),
    (
        "TokenService/IssueAccessToken",
        r#"{"name": "{t}/tokens/{token}"}"#,
    ),
    (
        "TokenService/CheckToken",
        r#"{"name": "{t}/tokens/{token}"}"#,
    ),
    (
        "TokenService/ListTokenEvents",
        r#"{"parent": "{t}/tokens/{token}"}"#,
    ),
    ("SyncService/GetSync", r#"{"name": "{t}/syncs/{sync}"}"#),
    ("SyncService/ListSyncs", r#"{"parent": "{t}"}"#),
    ("SyncService/PreviewSync", r#"{"name": "{t}/syncs/{sync}"}"#),
    (
        "SyncService/PreviewSync",
        r#"{"name": "{own}/syncs/own", "sync": {"name": "{own}/syncs/own", "source_token": "{t}/tokens/{google}", "destination_token": "{t}/tokens/{token}", "meet_to_clockify": {}}}"#,
    ),
    (
        "SyncService/PreviewSchedule",
        r#"{"name": "{t}/syncs/{sync}"}"#,
    ),
    (
        "SyncService/ListOccurrences",
        r#"{"parent": "{t}/syncs/{sync}"}"#,
    ),
    ("SyncService/GetRun", r#"{"name": "{t}/runs/{run}"}"#),
    ("SyncService/ListRuns", r#"{"parent": "{t}"}"#),
    (
        "SyncService/ListRuns",
        r#"{"parent": "{own}", "filter": "sync = {t}/syncs/{sync}"}"#,
    ),
    (
        "SyncService/ListRuns",
        r#"{"parent": "{t}", "filter": "sync = {t}/syncs/{sync} AND state = SUCCEEDED"}"#,
    ),
    ("SyncService/WatchRun", r#"{"name": "{t}/runs/{run}"}"#),
    ("SyncService/ListRunLogs", r#"{"parent": "{t}/runs/{run}"}"#),
    (
        "SyncService/ListRecords",
        r#"{"parent": "{t}/syncs/{sync}"}"#,
    ),
    (
        "SyncService/ListEffects",
        r#"{"parent": "{t}/syncs/{sync}"}"#,
    ),
    ("QueueService/ListQueues", "{}"),
    ("QueueService/GetQueue", r#"{"name": "queues/sync"}"#),
    ("QueueService/ListJobs", r#"{"parent": "queues/sync"}"#),
    ("QueueService/GetJob", r#"{"name": "{t}/runs/{run}"}"#),
    ("TenantService/GetTenant", r#"{"name": "{t}"}"#),
    ("TenantService/ListTenants", "{}"),
    ("TenantService/ListApiKeys", r#"{"parent": "{t}"}"#),
    ("TenantService/ListApiKeys", r#"{"instance": true}"#),
    (
        "TenantService/ListAccessRules",
        r#"{"api_key": "{t}/apiKeys/{key}"}"#,
    ),
    ("TenantService/GetWidget", r#"{"name": "{t}/widget"}"#),
    (
        "TenantService/ListAuditEntries",
        r#"{"parent": "{t}", "filter": "resource = {t}/tokens/{token}"}"#,
    ),
    (
        "TenantService/ListAuditEntries",
        r#"{"parent": "{own}", "filter": "resource = {t}/tokens/{token}"}"#,
    ),
    (
        "TenantService/ListAuditEntries",
        r#"{"parent": "{own}", "filter": "actor = {t}/apiKeys/{key}"}"#,
    ),
    (
        "TenantService/ListAuditEntries",
        r#"{"parent": "{own}", "filter": "actor = users/{user}"}"#,
    ),
    ("TenantService/ListAuditEntries", r#"{"instance": true}"#),
    ("AccountService/GetMe", "{}"),
    ("AccountService/ListUsers", "{}"),
    (
        "AccountService/ListUsers",
        r#"{"filter": "username = {login}"}"#,
    ),
    ("AccountService/GetUser", r#"{"name": "users/{user}"}"#),
    ("AccountService/GetUserStats", "{}"),
    (
        "AccountService/ListSessions",
        r#"{"parent": "users/{user}"}"#,
    ),
];

/// Calls that change something.
pub const WRITES: &[(&str, &str)] = &[
    (
        "TokenService/CreateToken",
        r#"{"parent": "{t}", "token_id": "{token}", "token": {"provider": 2}, "api_key": "composed"}"#,
    ),
    (
        "TokenService/UpdateToken",
        r#"{"token": {"name": "{t}/tokens/{token}", "display_name": "mine"}}"#,
    ),
    (
        "TokenService/DeleteToken",
        r#"{"name": "{t}/tokens/{token}"}"#,
    ),
    (
        "TokenService/BeginAuthorization",
        r#"{"name": "{t}/tokens/{token}", "redirect_uri": "http://127.0.0.1:1/"}"#,
    ),
    (
        "TokenService/CompleteAuthorization",
        r#"{"name": "{t}/tokens/{token}", "code": "composed", "state": "composed"}"#,
    ),
    (
        "TokenService/RefreshToken",
        r#"{"name": "{t}/tokens/{token}"}"#,
    ),
    (
        "TokenService/RevokeToken",
        r#"{"name": "{t}/tokens/{token}"}"#,
    ),
    ("TokenService/RotateKey", "{}"),
    ("TokenService/RewrapTokens", "{}"),
    ("TokenService/RetireKeys", "{}"),
    (
        "SyncService/CreateSync",
        r#"{"parent": "{t}", "sync_id": "mine", "sync": {"source_token": "{t}/tokens/{google}", "destination_token": "{t}/tokens/{token}", "meet_to_clockify": {}}}"#,
    ),
    (
        "SyncService/CreateSync",
        r#"{"parent": "{own}", "sync_id": "mine", "sync": {"source_token": "{t}/tokens/{google}", "destination_token": "{t}/tokens/{token}", "meet_to_clockify": {}}}"#,
    ),
    (
        "SyncService/UpdateSync",
        r#"{"sync": {"name": "{t}/syncs/{sync}", "display_name": "mine"}}"#,
    ),
    (
        "SyncService/UpdateSync",
        r#"{"sync": {"name": "{own}/syncs/own", "destination_token": "{t}/tokens/{token}"}, "update_mask": {"paths": ["destination_token"]}}"#,
    ),
    ("SyncService/DeleteSync", r#"{"name": "{t}/syncs/{sync}"}"#),
    ("SyncService/RunSync", r#"{"name": "{t}/syncs/{sync}"}"#),
    (
        "SyncService/BackfillSync",
        r#"{"name": "{t}/syncs/{sync}", "start_time": {"seconds": 1790000000}, "end_time": {"seconds": 1790086400}}"#,
    ),
    ("SyncService/PauseSync", r#"{"name": "{t}/syncs/{sync}"}"#),
    ("SyncService/ResumeSync", r#"{"name": "{t}/syncs/{sync}"}"#),
    ("SyncService/CancelRun", r#"{"name": "{t}/runs/{run}"}"#),
    ("SyncService/RetryRun", r#"{"name": "{t}/runs/{run}"}"#),
    (
        "SyncService/ReconcileSync",
        r#"{"name": "{t}/syncs/{sync}"}"#,
    ),
    (
        "SyncService/CleanUpSync",
        r#"{"name": "{t}/syncs/{sync}", "expected_count": 1}"#,
    ),
    (
        "QueueService/AddJob",
        r#"{"parent": "queues/thumbnails", "tenant": "{t}", "job_name": "mine"}"#,
    ),
    ("QueueService/PauseQueue", r#"{"name": "queues/sync"}"#),
    ("QueueService/ResumeQueue", r#"{"name": "queues/sync"}"#),
    (
        "QueueService/RetryJobs",
        r#"{"name": "queues/sync", "jobs": ["{t}/runs/{run}"]}"#,
    ),
    (
        "QueueService/PromoteJobs",
        r#"{"name": "queues/sync", "jobs": ["{t}/runs/{run}"]}"#,
    ),
    (
        "QueueService/RemoveJobs",
        r#"{"name": "queues/sync", "jobs": ["{t}/runs/{run}"]}"#,
    ),
    (
        "QueueService/CleanQueue",
        r#"{"name": "queues/sync", "state": 5}"#,
    ),
    ("TenantService/CreateTenant", r#"{"tenant_id": "{sync}"}"#),
    (
        "TenantService/UpdateTenant",
        r#"{"tenant": {"name": "{t}", "display_name": "mine"}}"#,
    ),
    ("TenantService/DeleteTenant", r#"{"name": "{t}"}"#),
    (
        "TenantService/CreateApiKey",
        r#"{"parent": "{t}", "api_key": {"display_name": "mine"}}"#,
    ),
    (
        "TenantService/RotateApiKey",
        r#"{"name": "{t}/apiKeys/{key}"}"#,
    ),
    (
        "TenantService/RevokeApiKey",
        r#"{"name": "{t}/apiKeys/{key}"}"#,
    ),
    (
        "TenantService/CreateAccessRule",
        r#"{"access_rule": {"network": "192.0.2.0/24", "effect": 1, "api_key": "{t}/apiKeys/{key}"}}"#,
    ),
    (
        "TenantService/DeleteAccessRule",
        r#"{"name": "accessRules/{rule}"}"#,
    ),
    (
        "TenantService/UpdateWidget",
        r#"{"widget": {"name": "{t}/widget"}}"#,
    ),
    (
        "AccountService/Register",
        r#"{"user": {"username": "{login}"}, "password": "composed for this test"}"#,
    ),
    (
        "AccountService/Login",
        r#"{"login": "{login}", "password": "composed for this test"}"#,
    ),
    ("AccountService/Logout", "{}"),
    (
        "AccountService/UpdateUser",
        r#"{"user": {"name": "users/{user}", "display_name": "mine"}}"#,
    ),
    (
        "AccountService/UpdateUser",
        r#"{"user": {"name": "users/{user}"}, "password": "composed by somebody else"}"#,
    ),
    ("AccountService/DeleteUser", r#"{"name": "users/{user}"}"#),
    (
        "AccountService/RevokeSession",
        r#"{"name": "users/{user}/sessions/{session}"}"#,
    ),
];

#[test]
fn every_call_that_there_is_stands_in_the_table() {
    let there_are: BTreeSet<String> = messages::all().into_iter().collect();
    let listed: BTreeSet<String> = READS
        .iter()
        .chain(WRITES)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let missing: Vec<_> = there_are.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "a foreign name is not tried with {missing:?}: add a line"
    );
    assert_eq!(listed, there_are);
}
