//! Whom to trust.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// How masters and agents are spoken to by TLS. By default with the certificates that this machine trusts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tls {
    /// A file of certificates (PEM) to trust instead of those of this machine.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key (PEM), where masters demand one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file of certificates or keys.
    #[error("{} cannot be read: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is nobody to trust.
    #[error("this machine trusts nobody; name a file of certificates")]
    NobodyTrusted,
    /// The certificate and the key do not fit, or the like.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

impl Tls {
    /// Reads the files.
    pub(crate) fn connector(&self) -> Result<TlsConnector, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.ca {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        } else {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
        if roots.is_empty() {
            return Err(TlsError::NobodyTrusted);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = match &self.own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let private =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
                builder.with_client_auth_cert(certificates(chain)?, private)?
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, &error))?;
    if all.is_empty() {
        let nothing = io::Error::other("there is no certificate in it");
        return Err(unreadable(path, &nothing));
    }
    Ok(all)
}

fn unreadable(path: &Path, error: &impl ToString) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}
