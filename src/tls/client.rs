//! What we trust, and show, where we are the one who connects.

use super::{pem, provider};
use crate::base::{Error, Result};
use rustls::ClientConfig;
use std::path::Path;

/// A connection to a server that `ca` vouches for, showing `identity` (certificate and key) where there is one. `setting` is
/// the section that names the files, for errors.
pub fn to_server(
    setting: &str,
    ca: &Path,
    identity: Option<(&Path, &Path)>,
) -> Result<ClientConfig> {
    let ca_setting = format!("{setting}.ca");
    let text = pem::read(&ca_setting, ca)?;
    let roots = pem::authorities(&ca_setting, ca, &text)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots);
    let Some((cert, key)) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let (cert_setting, key_setting) = (format!("{setting}.cert"), format!("{setting}.key"));
    let chain = pem::certificates(&cert_setting, cert, &pem::read(&cert_setting, cert)?)?;
    let private = pem::key(&key_setting, key, &pem::read(&key_setting, key)?)?;
    builder.with_client_auth_cert(chain, private).map_err(|_| {
        let what = format!("is not the key of the certificate in {}", cert.display());
        pem::unusable(&key_setting, key, &what)
    })
}

/// The checked text of a certificate with its key, for clients that read PEM themselves.
pub fn identity(setting: &str, cert: &Path, key: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let (cert_setting, key_setting) = (format!("{setting}.cert"), format!("{setting}.key"));
    let chain = pem::read(&cert_setting, cert)?;
    pem::certificates(&cert_setting, cert, &chain)?;
    let private = pem::read(&key_setting, key)?;
    pem::key(&key_setting, key, &private)?;
    Ok((chain, private))
}
