//! TLS, where a test wants it.

use std::{fmt, io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
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
        Self::made(certificate, key, None)
    }

    /// The same, and whoever connects has to show a certificate that this one vouches for.
    ///
    /// # Errors
    ///
    /// When they are none, or do not fit.
    pub fn demanding(certificate: &str, key: &str, of_clients: &str) -> io::Result<Self> {
        Self::made(certificate, key, Some(of_clients))
    }

    fn made(certificate: &str, key: &str, of_clients: Option<&str>) -> io::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let read = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(wrong);
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(wrong)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(wrong)?;
        let builder = match of_clients {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                roots.add(read(pem)?).map_err(wrong)?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(wrong)?)
            }
        };
        let config = builder.with_single_cert(vec![read(certificate)?], key);
        Ok(Self(TlsAcceptor::from(Arc::new(config.map_err(wrong)?))))
    }
}

fn wrong(error: impl fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
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
