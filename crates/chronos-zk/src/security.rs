//! TLS and SASL: whom we trust, and who we are to the servers; read from files.
//!
//! All files are read and tried once, when they are named, so that a wrong one is told of at the start. The
//! client library gets their text; the configuration made of them here is for finding out why servers cannot be
//! reached (`session/diagnosis.rs`), and proves that the text is fit.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::{WantsClientCert, WebPkiServerVerifier},
    crypto::ring,
    pki_types::{
        CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

/// A file with a password is longer than this by mistake only; one with certificates too.
const SECRET_BYTES_MAX: u64 = 4 * 1024;
const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Which files say how the servers are spoken to; by default without TLS, and by nobody in particular.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SecurityFiles {
    /// With it, TLS is spoken.
    pub tls: Option<TlsFiles>,
    /// Who we are, by SASL (DIGEST-MD5).
    pub sasl: Option<SaslFile>,
}

/// The files for TLS, all PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// Certificates to trust, and nobody else; lists of revoked ones may be in it too.
    pub ca: PathBuf,
    /// Our own certificate and its key, where the servers demand one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// A user, and the file with the password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SaslFile {
    /// The user.
    pub user: String,
    /// The file; a newline at its end is not part of the password.
    pub password: PathBuf,
}

/// What an operator said: the last part of a flag, whatever is before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecurityOption {
    /// Whom to trust.
    TlsCaFile,
    /// Our certificate.
    TlsCertFile,
    /// Its key.
    TlsKeyFile,
    /// Our name.
    SaslUser,
    /// Our password.
    SaslPasswordFile,
}

/// Why the servers cannot be spoken to like this. No secret is shown.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{problem}")]
pub struct SecurityError {
    /// What is wrong.
    pub option: SecurityOption,
    /// How, and what to do.
    pub problem: String,
}

/// What was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Security {
    pub(crate) tls: Option<Tls>,
    pub(crate) sasl: Option<Sasl>,
}

/// TLS, ready to be spoken.
#[derive(Clone)]
pub(crate) struct Tls {
    /// PEM, of those who are trusted.
    pub(crate) ca: String,
    /// PEM, the certificate and its key.
    pub(crate) own: Option<(String, String)>,
    pub(crate) config: Arc<ClientConfig>,
    files: TlsFiles,
}

/// A user.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Sasl {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl SecurityOption {
    /// Returns the last part of the flag, such as `tls_ca_file`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsCaFile => "tls_ca_file",
            Self::TlsCertFile => "tls_cert_file",
            Self::TlsKeyFile => "tls_key_file",
            Self::SaslUser => "sasl_user",
            Self::SaslPasswordFile => "sasl_password_file",
        }
    }
}

impl SecurityFiles {
    /// Returns the files with secrets that everybody on this machine may read.
    pub fn open_to_all(&self) -> Vec<&Path> {
        let key = self.tls.as_ref().and_then(|tls| tls.own.as_ref());
        let key = key.map(|(_, key)| key.as_path());
        let password = self.sasl.as_ref().map(|sasl| sasl.password.as_path());
        key.into_iter()
            .chain(password)
            .filter(|path| is_open(path))
            .collect()
    }

    pub(crate) fn read(&self) -> Result<Security, SecurityError> {
        let tls = self.tls.as_ref().map(Tls::read).transpose()?;
        let sasl = self.sasl.as_ref().map(Sasl::read).transpose()?;
        Ok(Security { tls, sasl })
    }
}

fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let found = path.metadata();
    found.is_ok_and(|found| found.permissions().mode() & 0o007 != 0)
}

impl Tls {
    fn read(files: &TlsFiles) -> Result<Self, SecurityError> {
        use SecurityOption::{TlsCaFile, TlsCertFile, TlsKeyFile};
        let ca = text(TlsCaFile, &files.ca, PEM_BYTES_MAX)?;
        let builder = trusting(&ca).map_err(|problem| wrong(TlsCaFile, &files.ca, problem))?;
        let Some((cert_file, key_file)) = &files.own else {
            return Ok(Self {
                ca,
                own: None,
                config: Arc::new(builder.with_no_client_auth()),
                files: files.clone(),
            });
        };
        let cert = text(TlsCertFile, cert_file, PEM_BYTES_MAX)?;
        let key = text(TlsKeyFile, key_file, PEM_BYTES_MAX)?;
        let chain = certificates(&cert).map_err(|it| wrong(TlsCertFile, cert_file, it))?;
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let private = private.map_err(|error| wrong(TlsKeyFile, key_file, no_key(&error)))?;
        let config = builder.with_client_auth_cert(chain, private);
        let config = config.map_err(|error| {
            let cert_file = cert_file.display();
            let problem = format!("is not the key of the certificate in {cert_file}: {error}");
            wrong(TlsKeyFile, key_file, problem)
        })?;
        Ok(Self {
            ca,
            own: Some((cert, key)),
            config: Arc::new(config),
            files: files.clone(),
        })
    }

    pub(crate) fn ca_file(&self) -> &Path {
        &self.files.ca
    }

    pub(crate) fn cert_file(&self) -> Option<&Path> {
        self.files.own.as_ref().map(|(cert, _)| cert.as_path())
    }
}

impl Eq for Tls {}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        (&self.ca, &self.own, &self.files) == (&other.ca, &other.own, &other.files)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}

impl Sasl {
    fn read(file: &SaslFile) -> Result<Self, SecurityError> {
        let option = SecurityOption::SaslUser;
        // It becomes part of an access list, where the servers read more into some characters.
        let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
        if file.user.is_empty() || !file.user.chars().all(is_plain) {
            let problem = format!(
                "{:?} is no name of a user; expected letters, digits and -_.",
                file.user
            );
            return Err(SecurityError { option, problem });
        }
        let option = SecurityOption::SaslPasswordFile;
        let text = text(option, &file.password, SECRET_BYTES_MAX)?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        if password.is_empty() {
            return Err(wrong(
                option,
                &file.password,
                "holds no password".to_owned(),
            ));
        }
        // Of what is beyond ASCII, servers and the client library make different hashes.
        if !password.chars().all(|one| (' '..='~').contains(&one)) {
            let problem =
                "holds more than one line of printable ASCII; expected the password alone";
            return Err(wrong(option, &file.password, problem));
        }
        Ok(Self {
            user: file.user.clone(),
            password: password.to_owned(),
        })
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sasl").field(&self.user).finish()
    }
}

fn wrong(option: SecurityOption, path: &Path, problem: impl fmt::Display) -> SecurityError {
    let problem = format!("{} {problem}", path.display());
    SecurityError { option, problem }
}

fn text(option: SecurityOption, path: &Path, max: u64) -> Result<String, SecurityError> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(max + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|error| wrong(option, path, format!("cannot be read: {error}")))?;
    if text.len() as u64 > max {
        return Err(wrong(option, path, format!("has more than {max} bytes")));
    }
    Ok(text)
}

// The library makes its own of the same text, with what the process has as its default.
fn trusting(text: &str) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let provider = Arc::new(ring::default_provider());
    // Somebody may have been first; then it is that.
    drop(ring::default_provider().install_default());
    let roots = Arc::new(roots(text)?);
    let lists: Result<Vec<_>, pem::Error> =
        CertificateRevocationListDer::pem_slice_iter(text.as_bytes()).collect();
    let lists = lists.map_err(|error| format!("is no PEM: {error}"))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
    let verifier = verifier.with_crls(lists).build();
    let verifier = verifier.map_err(|error| format!("cannot be used: {error}"))?;
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("cannot be used: {error}"))?;
    Ok(builder.with_webpki_verifier(verifier))
}

fn roots(text: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text)? {
        let added = roots.add(certificate);
        added.map_err(|error| format!("holds a certificate that cannot be used: {error}"))?;
    }
    Ok(roots)
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(|error| format!("is no PEM: {error}"))?;
    if found.is_empty() {
        return Err("holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    Ok(found)
}

const fn no_key(error: &pem::Error) -> &'static str {
    if matches!(error, pem::Error::NoItemsFound) {
        "holds no private key (PEM, without a password)"
    } else {
        // How it is wrong might show a part of it.
        "is no PEM"
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;
    use zk_server::Authority;

    use super::*;

    const fn nothing() -> SecurityFiles {
        SecurityFiles {
            tls: None,
            sasl: None,
        }
    }

    struct Desk(TempDir);

    impl Desk {
        fn file(&self, name: &str, text: &str) -> PathBuf {
            // A folder of its own, so that no case takes another's away.
            let folder = tempfile::tempdir_in(self.0.path()).unwrap().keep();
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            path
        }

        fn tls(&self, ca: &str, own: Option<(&str, &str)>) -> SecurityFiles {
            let own = own.map(|(cert, key)| (self.file("cert", cert), self.file("key", key)));
            let ca = self.file("ca", ca);
            SecurityFiles {
                tls: Some(TlsFiles { ca, own }),
                ..nothing()
            }
        }

        fn sasl(&self, user: &str, password: &str) -> SecurityFiles {
            SecurityFiles {
                sasl: Some(SaslFile {
                    user: user.to_owned(),
                    password: self.file("password", password),
                }),
                ..nothing()
            }
        }
    }

    #[track_caller]
    fn check(files: &SecurityFiles, option: SecurityOption, problem: &str) {
        let error = files.read().unwrap_err();
        assert_eq!(error.option, option, "{error}");
        assert!(error.problem.contains(problem), "{error}");
        assert!(!error.problem.contains("geheim"), "{error}");
    }

    #[test]
    fn says_which_file_is_wrong_and_how() {
        use SecurityOption::{TlsCaFile, TlsCertFile, TlsKeyFile};
        let desk = Desk(tempfile::tempdir().unwrap());
        let ca = Authority::new("ca");
        let (own, other) = (ca.sign("h"), ca.sign("h"));
        let (cert, key) = (own.certificate.as_str(), own.key.as_str());
        let ca = ca.certificate();
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let locked =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        for (files, option, problem) in [
            (desk.tls("", None), TlsCaFile, "ca holds no certificate"),
            (desk.tls(key, None), TlsCaFile, "ca holds no certificate"),
            (desk.tls(broken, None), TlsCaFile, "ca is no PEM"),
            (
                desk.tls(no_der, None),
                TlsCaFile,
                "ca holds a certificate that cannot be used",
            ),
            (
                desk.tls(ca, Some(("", key))),
                TlsCertFile,
                "cert holds no certificate",
            ),
            (
                desk.tls(ca, Some((cert, ""))),
                TlsKeyFile,
                "key holds no private key",
            ),
            (
                desk.tls(ca, Some((cert, locked))),
                TlsKeyFile,
                "key holds no private key (PEM, without a password)",
            ),
            (
                desk.tls(ca, Some((cert, &other.key))),
                TlsKeyFile,
                "key is not the key of the certificate in",
            ),
        ] {
            check(&files, option, problem);
        }
    }

    #[test]
    fn says_who_is_no_user() {
        use SecurityOption::{SaslPasswordFile, SaslUser};
        let desk = Desk(tempfile::tempdir().unwrap());
        let long = "x".repeat(5000);
        for (files, option, problem) in [
            (desk.sasl("", "p"), SaslUser, "\"\" is no name of a user"),
            (
                desk.sasl("a@b", "p"),
                SaslUser,
                "\"a@b\" is no name of a user",
            ),
            (
                desk.sasl("u", "\n"),
                SaslPasswordFile,
                "password holds no password",
            ),
            (
                desk.sasl("u", "geheim\ngeheim\n"),
                SaslPasswordFile,
                "password holds more than one line",
            ),
            (
                desk.sasl("u", "geheim\u{e9}"),
                SaslPasswordFile,
                "of printable ASCII",
            ),
            (
                desk.sasl("u", &long),
                SaslPasswordFile,
                "password has more than 4096 bytes",
            ),
        ] {
            check(&files, option, problem);
        }
    }

    #[test]
    fn reads_what_is_right_and_shows_no_secret() {
        let desk = Desk(tempfile::tempdir().unwrap());
        let ca = Authority::new("ca");
        let own = ca.sign("h");
        let files = desk.tls(ca.certificate(), Some((&own.certificate, &own.key)));
        let mut read = files.read().unwrap();
        assert_eq!(files.read().unwrap(), read);
        assert!(!format!("{read:?}").contains("PRIVATE"));
        for text in ["ge heim", "ge heim\n", "ge heim\r\n"] {
            read = desk.sasl("cron", text).read().unwrap();
            assert_eq!(read.sasl.as_ref().unwrap().password, "ge heim");
        }
        assert!(!format!("{read:?}").contains("heim"));
        let missing = SecurityFiles {
            tls: Some(TlsFiles {
                ca: desk.0.path().join("nowhere"),
                own: None,
            }),
            ..nothing()
        };
        let error = missing.read().unwrap_err().to_string();
        assert!(
            error.contains("nowhere cannot be read: No such file"),
            "{error}"
        );
    }

    #[test]
    fn tells_of_secrets_that_are_open() {
        use std::os::unix::fs::PermissionsExt as _;
        let desk = Desk(tempfile::tempdir().unwrap());
        let mut files = desk.tls("", Some(("", "")));
        files.sasl = desk.sasl("u", "p").sasl;
        let key = files.tls.as_ref().unwrap().own.as_ref().unwrap().1.clone();
        let password = files.sasl.as_ref().unwrap().password.clone();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&key, 0o640);
        mode(&password, 0o600);
        assert!(files.open_to_all().is_empty());
        mode(&key, 0o644);
        mode(&password, 0o604);
        assert_eq!(files.open_to_all(), [&*key, &*password]);
    }
}
