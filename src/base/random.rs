//! Random numbers that nobody can guess.

use crate::base::{Error, Result};
use zeroize::Zeroizing;

/// 256 random bits, from the generator of the cryptographic library, wiped when they are dropped.
pub fn random_bytes() -> Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice())
        .map_err(|_| Error::internal("the system gives no random numbers"))?;
    Ok(bytes)
}
