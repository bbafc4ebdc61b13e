//! The SQL of this room: definitions, records, effects, and what providers told us.

pub mod effects;
pub mod facts;
pub mod records;
pub mod syncs;
pub mod unread;
