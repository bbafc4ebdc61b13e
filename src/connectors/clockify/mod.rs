//! Clockify v1: the user, workspaces with projects, tasks and tags, and time entries.

mod client;
mod entries;
mod entry;
mod errors;
mod window;
mod workspace;

pub use client::Clockify;
pub use entries::Deleted;
pub use entry::{CustomField, Entry, MAX_DESCRIPTION, NewEntry};
pub use errors::{ClockifyError, Entity};
pub use window::padded_window;
pub use workspace::{NewProject, Project, Tag, Task, User, Workspace, WorkspaceSettings};
