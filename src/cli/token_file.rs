//! The token file of meet-clockify-sync: the one that is named, else the variable's, else the one in its usual place.

use super::{Usage, token};
use crate::{base::Secret, config::MeetClockify};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::path::Path;

/// Where the original kept its token.
const USUAL_FILE: &str = "token.json";

/// Its content, where there is one.
pub fn content(named: Option<&Path>, said: &MeetClockify) -> anyhow::Result<Option<Secret>> {
    if let Some(file) = named {
        return Ok(Some(Secret::new(token::text_of(file)?)));
    }
    if let Some(encoded) = &said.google_token_base64 {
        let wrong = || Usage("GOOGLE_TOKEN_BASE64: expected a token file in base64".to_owned());
        let compact: String = encoded.expose().split_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(compact).map_err(|_| wrong())?;
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        return Ok(Some(Secret::new(text)));
    }
    match Path::new(USUAL_FILE).exists() {
        true => Ok(Some(Secret::new(token::text_of(Path::new(USUAL_FILE))?))),
        false => Ok(None),
    }
}
