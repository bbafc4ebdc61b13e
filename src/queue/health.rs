//! What about the server would lose jobs sooner or later.

use super::Connection;
use crate::base::Result;
use fred::{prelude::ClientLike as _, types::InfoKind};

/// The oldest server that has all that the scripts use.
const OLDEST: (u32, u32) = (6, 2);

impl Connection {
    /// Which run of the server this is: another one after every start, and on every replica that takes over.
    pub async fn server(&self) -> Result<String> {
        let info: Result<String, _> = self.calls().info(Some(InfoKind::Server)).await;
        let info = info.map_err(|error| self.told(&error))?;
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        Ok(run.unwrap_or_default().trim().to_owned())
    }

    /// What is wrong with the server's settings, a sentence each, for people. Empty is good.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let info: Result<String, _> = self.calls().info(None).await;
        let info = info.map_err(|error| self.told(&error))?;
        Ok(complaints(&info, self.place()))
    }
}

fn complaints(info: &str, place: &str) -> Vec<String> {
    let field = |name: &str| {
        let mut lines = info.lines();
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    let mut complaints = Vec::new();
    if let Some(policy) = field("maxmemory_policy")
        && policy != "noeviction"
    {
        complaints.push(format!(
            "Redis at {place} may throw jobs away when its memory is full: maxmemory-policy is {policy}, set it to noeviction"
        ));
    }
    if let Some(version) = field("redis_version") {
        let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found < OLDEST {
            complaints.push(format!(
                "Redis at {place} is {version}; the queue needs {}.{} or later",
                OLDEST.0, OLDEST.1
            ));
        }
    }
    if field("role") == Some("slave") {
        complaints.push(format!(
            "Redis at {place} is a replica, which takes no writes"
        ));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_as_it_should_be_has_no_complaints() {
        let info =
            "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n";
        assert!(complaints(info, "here").is_empty());
    }

    #[test]
    fn eviction_old_versions_and_replicas_are_complained_about() {
        let info = "redis_version:6.0.9\r\nrole:slave\r\nmaxmemory_policy:allkeys-lru\r\n";
        let found = complaints(info, "127.0.0.1:6379");
        assert_eq!(found.len(), 3);
        assert!(found[0].contains("allkeys-lru") && found[0].contains("noeviction"));
        assert!(found[1].contains("6.0.9"));
    }
}
