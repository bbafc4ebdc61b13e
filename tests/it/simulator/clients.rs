//! Clients of others, driven as child processes.
