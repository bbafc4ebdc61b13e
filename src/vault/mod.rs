//! Sealing: what is secret is encrypted before it reaches the database, and bound to the row that it belongs to.
//!
//! A sealed text is `version | key id | nonce | ciphertext and tag` (AES-256-GCM). Tenant, row and column are associated
//! data: a sealed text that was moved to another row does not open. Keys come from the setting `key`, from the key file, or from
//! a program; the first one seals, all of them open, so keys can be changed while everything stays readable.

mod command;
mod file;
mod key;
mod place;
mod ring;

pub use command::KeyCommand;
pub use file::KeyFile;
pub use key::{Key, KeyId};
pub use place::Place;
pub use ring::{Keyring, OpenError, sealed_with};

#[cfg(test)]
mod tests;
