//! Certificates, made when they are needed.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Signs certificates.
#[derive(Debug)]
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Authority {
    /// Makes one of this name.
    pub fn new(name: &str) -> Self {
        let mut params = params(&[], name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns its certificate (PEM), for whoever trusts it.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs a certificate for a host name or address, which may be a server's or a client's.
    pub fn sign(&self, host: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let signed = params(&[host.to_owned()], host).signed_by(&key, &self.issuer);
        Identity {
            certificate: signed.unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

fn params(hosts: &[String], name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
