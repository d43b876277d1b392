//! Where the servers are, as operators write it: `zk://user:password@h1:2181,h2:2181/chronos`.

use std::{fmt, str::FromStr};

use thiserror::Error;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::security::{Security, SecurityError, SecurityFiles, SecurityOption};

/// Servers, the node under which everything is, and who we are to them.
///
/// # Examples
///
/// ```
/// use chronos_zk::ZkAddress;
///
/// let address: ZkAddress = "zk://cron:secret@h1:2181,h2:2181/prod/chronos".parse()?;
/// assert_eq!(address.hosts(), "h1:2181,h2:2181");
/// assert_eq!(address.root(), "/prod/chronos");
/// // It is logged and shown, so it does not say the password.
/// assert_eq!(address.to_string(), "zk://cron@h1:2181,h2:2181/prod/chronos");
/// # Ok::<(), chronos_zk::AddressError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct ZkAddress {
    hosts: String,
    root: String,
    // In a box, because addresses are parts of errors.
    auth: Option<Box<Credentials>>,
    security: Option<Box<Security>>,
    private: bool,
}

/// The port of a server that none is said of.
const PORT_DEFAULT: u16 = 2181;

/// A name and a password for the scheme `digest`.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl ZkAddress {
    /// Returns the servers, separated by commas.
    pub fn hosts(&self) -> &str {
        &self.hosts
    }

    /// Returns the path of the node under which everything is; empty for the root of the servers.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Takes another node.
    ///
    /// # Errors
    ///
    /// [`AddressError::Root`].
    pub fn with_root(mut self, root: &str) -> Result<Self, AddressError> {
        self.root = checked_root(root)?;
        Ok(self)
    }

    /// Takes another name and password, as `user:password`.
    ///
    /// # Errors
    ///
    /// [`AddressError::Credentials`], which does not repeat them.
    pub fn with_auth(mut self, text: &str) -> Result<Self, AddressError> {
        self.auth = Some(Box::new(credentials(text)?));
        Ok(self)
    }

    /// Speaks TLS, or says who we are by SASL, as these files tell.
    ///
    /// # Errors
    ///
    /// [`AddressError::Security`] when a file cannot be used, [`AddressError::Name`] when a certificate cannot be for one of
    /// the servers, [`AddressError::TwoUsers`].
    pub fn secured(mut self, files: &SecurityFiles) -> Result<Self, AddressError> {
        let security = files.read().map_err(Box::new)?;
        if security.sasl.is_some() && self.auth.is_some() {
            return Err(AddressError::TwoUsers);
        }
        if security.tls.is_some() {
            for (host, _) in self.each_host() {
                if ServerName::try_from(host).is_err() {
                    let found = host.to_owned();
                    return Err(AddressError::Name { found });
                }
            }
        }
        self.security = Some(Box::new(security));
        Ok(self)
    }

    pub(crate) fn security(&self) -> Option<&Security> {
        self.security.as_deref()
    }

    // The servers one by one; a port that is none stands for itself.
    pub(crate) fn each_host(&self) -> impl Iterator<Item = (&str, u16)> {
        self.hosts.split(',').map(|host| {
            let (name, port) = match host.rsplit_once(':') {
                // The colons of an address of IPv6 stand in brackets.
                Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
                Some(_) | None => (host, Some(PORT_DEFAULT)),
            };
            let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            (bare.unwrap_or(name), port.unwrap_or(0))
        })
    }

    /// Makes what is written readable by this user only; without one it has no meaning.
    ///
    /// A tree that was made so stays so, whatever is said later.
    #[must_use]
    pub const fn private(mut self) -> Self {
        self.private = true;
        self
    }

    pub(crate) const fn is_private(&self) -> bool {
        self.private
    }

    /// Whether it says who we are, by password or by SASL.
    pub fn has_auth(&self) -> bool {
        self.user().is_some()
    }

    fn user(&self) -> Option<&str> {
        let sasl = self.security().and_then(|it| it.sasl.as_ref());
        let auth = self.auth().map(|it| it.user.as_str());
        auth.or_else(|| sasl.map(|it| it.user.as_str()))
    }

    pub(crate) fn auth(&self) -> Option<&Credentials> {
        self.auth.as_deref()
    }
}

impl FromStr for ZkAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix("zk://").unwrap_or(text);
        // A password may hold an `@`; a host may not.
        let (auth, rest) = match rest.rsplit_once('@') {
            Some((auth, rest)) => (Some(auth), rest),
            None => (None, rest),
        };
        let auth = auth.map(credentials);
        let (hosts, root) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if hosts.split(',').any(|host| host.trim().is_empty()) {
            return Err(AddressError::Host);
        }
        Ok(Self {
            hosts: hosts.to_owned(),
            root: checked_root(root)?,
            auth: auth.transpose()?.map(Box::new),
            security: None,
            private: false,
        })
    }
}

impl fmt::Display for ZkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zk://")?;
        if let Some(user) = self.user() {
            write!(f, "{user}@")?;
        }
        write!(f, "{}{}", self.hosts, self.root)
    }
}

impl fmt::Debug for ZkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZkAddress({self})")
    }
}

/// Why a text is no [`ZkAddress`].
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AddressError {
    /// A server has no name.
    #[error("a server has no name; expected zk://host1:port1,host2:port2/path")]
    Host,
    /// What is before the `@` is not a name and a password.
    #[error("name and password are not of the form user:password")]
    Credentials,
    /// The path cannot be that of a node.
    #[error("{found:?} is no path of a node")]
    Root {
        /// The path.
        found: String,
    },
    /// No certificate can be for a server of this name.
    #[error("{found:?} is no name of a server that a certificate can be for")]
    Name {
        /// The name.
        found: String,
    },
    /// A file for TLS or SASL.
    #[error(transparent)]
    Security(#[from] Box<SecurityError>),
    /// Somebody is named by password, and somebody by SASL.
    #[error("a user of SASL and one with a password are given; give one")]
    TwoUsers,
}

impl AddressError {
    /// Returns which word about TLS or SASL is wrong, if one is.
    pub const fn option(&self) -> Option<SecurityOption> {
        match self {
            Self::Security(error) => Some(error.option),
            Self::TwoUsers => Some(SecurityOption::SaslUser),
            Self::Host | Self::Credentials | Self::Root { .. } | Self::Name { .. } => None,
        }
    }
}

fn credentials(text: &str) -> Result<Credentials, AddressError> {
    match text.split_once(':') {
        Some((user, password)) if !user.is_empty() => Ok(Credentials {
            user: user.to_owned(),
            password: password.to_owned(),
        }),
        _ => Err(AddressError::Credentials),
    }
}

fn checked_root(root: &str) -> Result<String, AddressError> {
    let root = root.strip_suffix('/').unwrap_or(root);
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
    match root.strip_prefix('/') {
        None if root.is_empty() => Ok(String::new()),
        Some(parts) if parts.split('/').all(is_part) => Ok(root.to_owned()),
        _ => Err(AddressError::Root {
            found: root.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, hosts: &str, root: &str, auth: Option<(&str, &str)>) {
        let address: ZkAddress = text.parse().unwrap();
        assert_eq!((address.hosts(), address.root()), (hosts, root), "{text}");
        let found = address
            .auth()
            .map(|auth| (auth.user.as_str(), auth.password.as_str()));
        assert_eq!(found, auth, "{text}");
    }

    #[test]
    fn reads_what_operators_write() {
        check("zk://h:1", "h:1", "", None);
        check("h1:1,h2:2/", "h1:1,h2:2", "", None);
        check("zk://h:1/a/b/", "h:1", "/a/b", None);
        check("zk://u:p@h:1/a", "h:1", "/a", Some(("u", "p")));
        check("zk://u:p:q@r@h:1", "h:1", "", Some(("u", "p:q@r")));
        check("u:@h", "h", "", Some(("u", "")));
    }

    #[test]
    fn refuses_the_rest() {
        for (text, error) in [
            ("", AddressError::Host),
            ("zk://", AddressError::Host),
            ("zk:///a", AddressError::Host),
            ("h1:1,,h2:2", AddressError::Host),
            ("u@h:1", AddressError::Credentials),
            (":p@h:1", AddressError::Credentials),
        ] {
            assert_eq!(text.parse::<ZkAddress>(), Err(error), "{text}");
        }
        for root in ["/a//b", "//", "/a/../b", "/.", "/a\u{1}"] {
            let found = root.strip_suffix('/').unwrap_or(root).to_owned();
            let error = AddressError::Root { found };
            assert_eq!(format!("h:1{root}").parse::<ZkAddress>(), Err(error));
        }
    }
}
