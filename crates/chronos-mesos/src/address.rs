//! Where the masters are, as operators write it in `--master`.

use std::{fmt, fs, str::FromStr};

use chronos_zk::ZkAddress;
use thiserror::Error;

/// The port of a master when none is given.
const PORT_DEFAULT: u16 = 5050;

/// Where to look for the leading master.
///
/// # Examples
///
/// ```
/// use chronos_mesos::Masters;
///
/// let masters: Masters = "https://m1:5050,m2".parse()?;
/// assert!(masters.is_https());
/// assert_eq!(masters.to_string(), "https://m1:5050,m2:5050");
/// let masters: Masters = "zk://cron:secret@z1:2181,z2:2181/mesos".parse()?;
/// // It is logged and shown, so it does not say the password.
/// assert_eq!(masters.to_string(), "zk://cron@z1:2181,z2:2181/mesos");
/// # Ok::<(), chronos_mesos::MastersError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Masters {
    pub(crate) place: Place,
    https: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// These, of which any knows the leader.
    Hosts(Vec<String>),
    /// The group that the masters form there.
    ZooKeeper(ZkAddress),
}

/// Why a text names no masters.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MastersError {
    /// A host or its port is not there or no such thing.
    #[error("{found:?} is no host:port of a master")]
    Host {
        /// What was found.
        found: String,
    },
    /// The address of the ZooKeeper servers.
    #[error("expected zk://host1:port1,host2:port2/path of the masters' group")]
    ZooKeeper(#[source] chronos_zk::AddressError),
    /// Without a path there is no group to look at.
    #[error("zk://… lacks the path of the masters' group, such as /mesos")]
    NoPath,
    /// The file that says where they are.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that names a file.
    #[error("{path} names another file")]
    FileInFile {
        /// The file.
        path: String,
    },
}

impl Masters {
    /// Whether masters and agents are spoken to by TLS.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Speaks TLS, or not, whatever the text said; `zk://` does not say.
    #[must_use]
    pub fn with_https(self, https: bool) -> Self {
        Self { https, ..self }
    }

    fn read(text: &str) -> Result<Self, MastersError> {
        let text = text.trim();
        if text.starts_with("zk://") {
            let address: ZkAddress = text.parse().map_err(MastersError::ZooKeeper)?;
            if address.root().is_empty() {
                return Err(MastersError::NoPath);
            }
            return Ok(Self {
                place: Place::ZooKeeper(address),
                https: false,
            });
        }
        let (https, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => {
                return Err(MastersError::Host {
                    found: text.to_owned(),
                });
            }
            None => (false, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let hosts: Result<Vec<String>, MastersError> = rest.split(',').map(authority).collect();
        Ok(Self {
            place: Place::Hosts(hosts?),
            https,
        })
    }
}

impl FromStr for Masters {
    type Err = MastersError;

    fn from_str(text: &str) -> Result<Self, MastersError> {
        let Some(path) = text.strip_prefix("file://") else {
            return Self::read(text);
        };
        let inside = fs::read_to_string(path).map_err(|source| MastersError::File {
            path: path.to_owned(),
            source,
        })?;
        if inside.trim().starts_with("file://") {
            return Err(MastersError::FileInFile {
                path: path.to_owned(),
            });
        }
        Self::read(&inside)
    }
}

fn authority(text: &str) -> Result<String, MastersError> {
    let text = text.trim();
    let wrong = || MastersError::Host {
        found: text.to_owned(),
    };
    // An address of IPv6 stands in brackets, so a colon after them is that of the port.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, port.parse::<u16>().map_err(|_no_port| wrong())?)
        }
        Some(_) | None => (text, PORT_DEFAULT),
    };
    let whole = if host.starts_with('[') {
        host.ends_with(']') && host.len() > 2
    } else {
        !host.is_empty()
            && !host.contains([':', '/', '@', '?', '#'])
            && !host.contains(char::is_whitespace)
    };
    if whole && port > 0 {
        Ok(format!("{host}:{port}"))
    } else {
        Err(wrong())
    }
}

impl fmt::Display for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Hosts(hosts) => {
                let scheme = if self.https { "https" } else { "http" };
                write!(f, "{scheme}://{}", hosts.join(","))
            }
            Place::ZooKeeper(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let found = text.parse::<Masters>().map(|masters| masters.to_string());
        let found = found.unwrap_or_else(|error| error.to_string());
        assert_eq!(found, want, "{text}");
    }

    #[test]
    fn reads_what_operators_write() {
        check("m1:5050", "http://m1:5050");
        check("m1", "http://m1:5050");
        check("m1:1,m2:2, m3", "http://m1:1,m2:2,m3:5050");
        check("https://m1:443/", "https://m1:443");
        check("http://[::1]:7,[::2]", "http://[::1]:7,[::2]:5050");
        check("zk://h1:2181,h2:2181/mesos", "zk://h1:2181,h2:2181/mesos");
        check("zk://u:p@q@h:2181/a/b", "zk://u@h:2181/a/b");
    }

    #[test]
    fn refuses_the_rest() {
        check("", "\"\" is no host:port of a master");
        check("m1,,m2", "\"\" is no host:port of a master");
        check("m1:0", "\"m1:0\" is no host:port of a master");
        check("m1:x", "\"m1:x\" is no host:port of a master");
        check("u@m1:5050", "\"u@m1:5050\" is no host:port of a master");
        check("ftp://m1:21", "\"ftp://m1:21\" is no host:port of a master");
        check("m1/path", "\"m1/path\" is no host:port of a master");
        check(
            "zk://h:2181",
            "zk://… lacks the path of the masters' group, such as /mesos",
        );
        check(
            "zk://u@h:2181/mesos",
            "expected zk://host1:port1,host2:port2/path of the masters' group",
        );
        check("file:///nowhere/at/all", "/nowhere/at/all cannot be read");
    }

    #[test]
    fn reads_a_file_that_holds_one() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "zk://h:2181/mesos").unwrap();
        let text = format!("file://{}", file.path().display());
        check(&text, "zk://h:2181/mesos");
        let mut other = tempfile::NamedTempFile::new().unwrap();
        writeln!(other, "{text}").unwrap();
        let path = other.path().display();
        check(
            &format!("file://{path}"),
            &format!("{path} names another file"),
        );
    }
}
