//! The texts of all migrations, from the folder `migrations`.

/// One migration: the portable text, and what only one of the engines needs.
pub(super) struct Source {
    /// Its place in the order.
    pub version: i64,
    /// The rest of its file's name.
    pub description: &'static str,
    portable: &'static str,
    postgres: &'static str,
    sqlite: Option<&'static str>,
}

impl Source {
    /// What PostgreSQL runs. Its checksum is stored, so the text of a released version never changes.
    pub(super) fn postgres(&self) -> String {
        format!("{}\n{}", self.portable, self.postgres)
    }

    /// What SQLite runs; the same holds for it.
    pub(super) fn sqlite(&self) -> String {
        match self.sqlite {
            Some(own) => format!("{}\n{own}", self.portable),
            None => self.portable.to_owned(),
        }
    }
}

/// All migrations, oldest first. Append only.
pub(super) const SOURCES: &[Source] = &[
    Source {
        version: 1,
        description: "ground",
        portable: include_str!("../../migrations/0001_ground.sql"),
        postgres: include_str!("../../migrations/0001_ground.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 2,
        description: "engine",
        portable: include_str!("../../migrations/0002_engine.sql"),
        postgres: include_str!("../../migrations/0002_engine.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 3,
        description: "queue",
        portable: include_str!("../../migrations/0003_queue.sql"),
        postgres: include_str!("../../migrations/0003_queue.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 4,
        description: "schedules",
        portable: include_str!("../../migrations/0004_schedules.sql"),
        postgres: include_str!("../../migrations/0004_schedules.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 5,
        description: "outside",
        portable: include_str!("../../migrations/0005_outside.sql"),
        postgres: "",
        sqlite: None,
    },
    Source {
        version: 6,
        description: "lists",
        portable: include_str!("../../migrations/0006_lists.sql"),
        postgres: include_str!("../../migrations/0006_lists.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 7,
        description: "lanes",
        portable: include_str!("../../migrations/0007_lanes.sql"),
        postgres: "",
        sqlite: None,
    },
    Source {
        version: 8,
        description: "audit",
        portable: include_str!("../../migrations/0008_audit.sql"),
        postgres: include_str!("../../migrations/0008_audit.postgres.sql"),
        sqlite: Some(include_str!("../../migrations/0008_audit.sqlite.sql")),
    },
    Source {
        version: 9,
        description: "keys",
        portable: include_str!("../../migrations/0009_keys.sql"),
        postgres: include_str!("../../migrations/0009_keys.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 10,
        description: "people",
        portable: include_str!("../../migrations/0010_people.sql"),
        postgres: include_str!("../../migrations/0010_people.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 11,
        description: "tenants",
        portable: include_str!("../../migrations/0011_tenants.sql"),
        postgres: include_str!("../../migrations/0011_tenants.postgres.sql"),
        sqlite: None,
    },
    Source {
        version: 12,
        description: "vault",
        portable: include_str!("../../migrations/0012_vault.sql"),
        postgres: include_str!("../../migrations/0012_vault.postgres.sql"),
        sqlite: Some(include_str!("../../migrations/0012_vault.sqlite.sql")),
    },
    Source {
        version: 15,
        description: "members",
        portable: "",
        postgres: include_str!("../../migrations/0015_members.postgres.sql"),
        sqlite: None,
    },
];
