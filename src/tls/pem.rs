//! Reading PEM files, with errors that say which file it is and what is wrong with it.

use crate::base::{Error, Result};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

/// Larger files hold something else.
const LARGEST: u64 = 1 << 20;

/// The bytes of a file that the setting `setting` names.
pub(super) fn read(setting: &str, file: &Path) -> Result<Vec<u8>> {
    let about = fs::metadata(file)
        .map_err(|cause| unusable(setting, file, &format!("cannot be read: {cause}")))?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(unusable(setting, file, "is no PEM file"));
    }
    fs::read(file).map_err(|cause| unusable(setting, file, &format!("cannot be read: {cause}")))
}

/// Whether everybody on this machine may read a file.
pub(super) fn is_exposed(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|about| about.mode() & 0o004 != 0)
}

/// All certificates of a PEM text; at least one.
pub(super) fn certificates(
    setting: &str,
    file: &Path,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all =
        all.map_err(|cause| unusable(setting, file, &format!("is no intact PEM file: {cause}")))?;
    match all.is_empty() {
        true => Err(unusable(
            setting,
            file,
            "holds no certificate (-----BEGIN CERTIFICATE-----)",
        )),
        false => Ok(all),
    }
}

/// The private key of a PEM text.
pub(super) fn key(setting: &str, file: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>> {
    const ENCRYPTED: &[u8] = b"ENCRYPTED";
    PrivateKeyDer::from_pem_slice(text).map_err(|_| {
        let encrypted = text.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED);
        let what = match encrypted {
            true => {
                "holds a key with a password: take the password off (openssl pkey -in … -out …)"
            }
            false => "holds no private key (in PEM)",
        };
        unusable(setting, file, what)
    })
}

/// Authorities to trust.
pub(super) fn authorities(setting: &str, file: &Path, text: &[u8]) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(setting, file, text)? {
        store.add(certificate).map_err(|cause| {
            unusable(
                setting,
                file,
                &format!("holds what is no certificate: {cause}"),
            )
        })?;
    }
    Ok(store)
}

/// The one error of this module.
pub(super) fn unusable(setting: &str, file: &Path, what: &str) -> Error {
    Error::precondition(
        "TLS_FILE_UNUSABLE",
        format!("{setting}: the file {} {what}", file.display()),
    )
}
