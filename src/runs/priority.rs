//! Which of a tenant's runs go first. Between tenants nobody goes first: they take turns.

/// How urgent a run is among the runs of its tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// When nothing else is to be done.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Before everything else of the tenant.
    High,
}

impl Priority {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// As the database writes it: larger is more urgent.
    pub fn rank(self) -> i64 {
        match self {
            Self::Low => -1,
            Self::Normal => 0,
            Self::High => 1,
        }
    }

    /// Reads what the database wrote.
    pub fn from_rank(rank: i64) -> Self {
        match rank {
            i64::MIN..=-1 => Self::Low,
            0 => Self::Normal,
            1.. => Self::High,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Priority;

    #[test]
    fn every_priority_survives_its_own_rank() {
        for priority in Priority::ALL {
            assert_eq!(Priority::from_rank(priority.rank()), priority);
        }
        assert!(Priority::High > Priority::Normal && Priority::Normal > Priority::Low);
    }
}
