//! Tenants cannot see each other: not by any call, not where our SQL forgets to say whose rows it means, not through a
//! pooler; and a PostgreSQL that could not keep them apart is not served from.

mod calls;
mod canaries;
mod house;
mod leaks;
pub mod messages;
mod page;
mod pooler;
mod scene;
mod start;
