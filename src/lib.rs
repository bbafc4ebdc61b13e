pub mod api;
pub mod base;
pub mod db;
pub mod outbound;
