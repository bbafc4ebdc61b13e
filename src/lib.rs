pub mod base;
pub mod db;
