//! Where the leading master is, and where a redirect points.

use std::fmt;

/// A master to subscribe to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leader {
    /// Host and port, as in a URL. Scheme, path and credentials are the client's.
    pub authority: String,
    /// The id of the master process, when the one who found it knows.
    pub id: Option<String>,
}

impl Leader {
    /// Whether both are the same process, as far as can be told.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (Some(_) | None, _) => self.authority == other.authority,
        }
    }
}

impl fmt::Display for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

/// Host and port of a `Location`.
///
/// Masters send `//host:port/path`; full addresses and a bare `host:port` are seen in the world too. A path alone names
/// nobody.
pub(super) fn authority(location: &str) -> Option<&str> {
    let rest = match location.split_once("//") {
        Some(("" | "http:" | "https:", rest)) => rest,
        Some(_) => return None,
        None => location,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    // Credentials in an address are not ours, and must not become ours.
    let (host, port) = authority.rsplit_once(':')?;
    let host_is_whole = if host.starts_with('[') {
        host.ends_with(']') && host.len() > 2
    } else {
        !host.is_empty() && !host.contains(':')
    };
    let port_is_one = port.parse::<u16>().is_ok_and(|port| port > 0);
    (host_is_whole && port_is_one && !host.contains('@')).then_some(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_a_redirect_points() {
        check(
            "//127.0.0.1:5050/master/api/v1/scheduler",
            Some("127.0.0.1:5050"),
        );
        check(
            "http://m2.example:5050/master/api/v1/scheduler",
            Some("m2.example:5050"),
        );
        check("https://m2.example:5051", Some("m2.example:5051"));
        check("//[::1]:5050/x", Some("[::1]:5050"));
        check("m2.example:5050", Some("m2.example:5050"));
        check("/api/v1/scheduler", None);
        check("", None);
        check("//", None);
        check("//m2.example/x", None);
        check("//m2.example:0/x", None);
        check("//m2.example:99999/x", None);
        check("//::1:5050/x", None);
        check("//[]:5050/x", None);
        check("//user@m2.example:5050/x", None);
        check("ftp://m2.example:21/x", None);
    }

    #[track_caller]
    fn check(location: &str, want: Option<&str>) {
        assert_eq!(authority(location), want, "{location:?}");
    }
}
