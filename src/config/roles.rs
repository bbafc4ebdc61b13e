//! Which parts of a server a process is.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// A part of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Answers gRPC.
    Rpc,
    /// Answers HTTP: pages and hooks. Health and metrics are answered in every role.
    Web,
    /// Executes runs.
    Worker,
    /// Fires schedules.
    Scheduler,
}

const NAMES: [(&str, Role); 4] = [
    ("rpc", Role::Rpc),
    ("web", Role::Web),
    ("worker", Role::Worker),
    ("scheduler", Role::Scheduler),
];

/// Several parts, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Whether the process has this part.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = |word: &str| {
            NAMES
                .iter()
                .find(|(name, _)| *name == word.trim())
                .map(|(_, role)| *role)
                .ok_or_else(|| {
                    let names = NAMES.map(|(name, _)| name).join(", ");
                    format!("expected some of {names}, separated by commas")
                })
        };
        text.split(',')
            .map(role)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = NAMES.iter().filter(|(_, role)| self.has(*role));
        let names: Vec<_> = names.map(|(name, _)| *name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_and_said_in_one_order() {
        let roles: Roles = "worker, rpc,worker".parse().unwrap();
        assert!(roles.has(Role::Rpc) && !roles.has(Role::Web));
        assert_eq!(roles.to_string(), "rpc,worker");
        for wrong in ["", "rpc,", "rpc;web", "all"] {
            let error = wrong.parse::<Roles>().unwrap_err();
            assert!(error.contains("rpc, web, worker, scheduler"), "{wrong}");
        }
    }
}
