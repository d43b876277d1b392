//! TLS, where a test wants it.

use std::{fmt, io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// A certificate with its key, to be shown to whoever connects.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Takes a certificate and its key, both PEM.
    ///
    /// # Errors
    ///
    /// When they are none, or do not fit.
    pub fn new(certificate: &str, key: &str) -> io::Result<Self> {
        let wrong = |error: &dyn fmt::Display| io::Error::other(error.to_string());
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
        let certificate = certificate.map_err(|error| wrong(&error))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong(&error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate], key)
            });
        let config = config.map_err(|error| wrong(&error))?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Anything that bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Shakes hands with whoever connected; none when that came to nothing.
pub(crate) async fn open(tls: Option<Tls>, socket: TcpStream) -> Option<Box<dyn Stream>> {
    match tls {
        None => Some(Box::new(socket)),
        Some(Tls(acceptor)) => Some(Box::new(acceptor.accept(socket).await.ok()?)),
    }
}
