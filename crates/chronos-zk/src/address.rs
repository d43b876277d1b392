//! Where the servers are, as operators write it: `zk://user:password@h1:2181,h2:2181/chronos`.

use std::{fmt, str::FromStr};

use thiserror::Error;

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
    private: bool,
}

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

    /// Whether it says who we are.
    pub const fn has_auth(&self) -> bool {
        self.auth.is_some()
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
            private: false,
        })
    }
}

impl fmt::Display for ZkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zk://")?;
        if let Some(auth) = &self.auth {
            write!(f, "{}@", auth.user)?;
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
