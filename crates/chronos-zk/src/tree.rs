//! Which record is which node.
//!
//! ```text
//! /meta                               the format and the number of shards
//! /term                               the newest term; every write checks its version
//! /sequence                           set by every write, to keep them in order
//! /jobs/<hh>/<job>                    what the user wrote
//! /progress/<hh>/<job>                how far the job has come
//! /runs/<hh>/<job>:<due>:<attempt>    a run that has not ended
//! /history/<hh>/<job>                 the newest ended runs, newest first
//! /tombs/<hh>/<job>                   what is left of a deleted job
//! /calendars/<name>                   a calendar
//! /agents/<agent>/                    what daemons tell each other; see `board`
//! /framework                          the name that a Mesos master gave to this framework
//! ```
//!
//! `<hh>` is the shard: a list of children must fit into one packet of `ZooKeeper`, and with the
//! longest names (200 bytes, of which most are escaped) 256 shards hold 400 thousand jobs before the
//! first list does not fit, with names of 30 bytes 7.6 million.

use chronos_model::{CalendarName, JobName, RunKey, Timestamp};

/// The shards of a new tree.
pub(crate) const SHARDS_DEFAULT: u32 = 256;

pub(crate) const META: &str = "/meta";
pub(crate) const TERM: &str = "/term";
pub(crate) const SEQUENCE: &str = "/sequence";
/// Where candidates for leadership are, unless told otherwise; as in Chronos.
pub(crate) const CANDIDATES: &str = "/candidate";
pub(crate) const CALENDARS: &str = "/calendars";
pub(crate) const FRAMEWORK: &str = "/framework";

/// The kinds of records that are kept in shards.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    Jobs,
    Progress,
    Runs,
    History,
    Tombs,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Jobs,
        Self::Progress,
        Self::Runs,
        Self::History,
        Self::Tombs,
    ];

    pub(crate) const fn dir(self) -> &'static str {
        match self {
            Self::Jobs => "/jobs",
            Self::Progress => "/progress",
            Self::Runs => "/runs",
            Self::History => "/history",
            Self::Tombs => "/tombs",
        }
    }
}

/// The names of the nodes of a tree with so many shards.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tree {
    pub(crate) shards: u32,
}

impl Tree {
    /// Returns the shard of a job.
    pub(crate) fn shard(self, job: &JobName) -> u32 {
        // FNV-1a: it is fixed for good, or nothing would be found again.
        let hash = job.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        hash % self.shards
    }

    /// Returns the node of a record of a job.
    pub(crate) fn node(self, kind: Kind, job: &JobName) -> String {
        let dir = dir(kind, self.shard(job));
        format!("{dir}/{}", escape(job.as_str()))
    }

    /// Returns the node of a run that has not ended.
    pub(crate) fn run(self, key: &RunKey) -> String {
        format!(
            "{}/{}",
            dir(Kind::Runs, self.shard(&key.job)),
            run_node(key)
        )
    }
}

/// Returns the name of a node that is about a run.
pub(crate) fn run_node(key: &RunKey) -> String {
    let RunKey { job, due, attempt } = key;
    format!("{}:{}:{attempt}", escape(job.as_str()), due.millis())
}

/// Returns the node of a shard.
pub(crate) fn dir(kind: Kind, shard: u32) -> String {
    format!("{}/{shard:02x}", kind.dir())
}

/// Returns the node of a calendar.
pub(crate) fn calendar(name: &CalendarName) -> String {
    format!("{CALENDARS}/{}", escape(name.as_str()))
}

/// Reads the name of a node of a job; `None` when we would not have written it.
pub(crate) fn job_name(node: &str) -> Option<JobName> {
    let name: JobName = unescape(node)?.parse().ok()?;
    // One job must not be two nodes.
    (escape(name.as_str()) == node).then_some(name)
}

/// Reads the name of a node of a run.
pub(crate) fn run_key(node: &str) -> Option<RunKey> {
    let (rest, attempt) = node.rsplit_once(':')?;
    let (job, due) = rest.rsplit_once(':')?;
    let key = RunKey {
        job: job_name(job)?,
        due: Timestamp::from_millis(due.parse().ok()?),
        attempt: attempt.parse().ok()?,
    };
    let is_ours = key.due.millis().to_string() == due && key.attempt.to_string() == attempt;
    is_ours.then_some(key)
}

/// Reads the name of a node of a calendar.
pub(crate) fn calendar_name(node: &str) -> Option<CalendarName> {
    let name: CalendarName = unescape(node)?.parse().ok()?;
    (escape(name.as_str()) == node).then_some(name)
}

// Spaces and `#` are names to us, and trouble in a shell; `.` and `..` are no names to ZooKeeper.
pub(crate) fn escape(name: &str) -> String {
    let only_dots = name.bytes().all(|byte| byte == b'.');
    let mut node = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'.' if only_dots => node.push_str("%2E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                node.push(char::from(byte));
            }
            _ => {
                node.push('%');
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(digit.into(), 16).unwrap_or('0');
                    node.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    node
}

pub(crate) fn unescape(node: &str) -> Option<String> {
    let mut parts = node.split('%');
    let mut name = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2)?;
        name.push(u8::from_str_radix(code, 16).ok()?);
        name.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_names() {
        // Another answer here would lose every record that was written before.
        let tree = Tree {
            shards: SHARDS_DEFAULT,
        };
        let node = |name: &str| tree.node(Kind::Jobs, &name.parse().unwrap());
        assert_eq!(node("report"), "/jobs/eb/report");
        assert_eq!(node("a b#1"), "/jobs/b6/a%20b%231");
        assert_eq!(node("..."), "/jobs/19/%2E%2E%2E");
        let key = RunKey {
            job: "a b".parse().unwrap(),
            due: Timestamp::from_millis(-7),
            attempt: 2,
        };
        assert_eq!(tree.run(&key), "/runs/f2/a%20b:-7:2");
    }

    #[test]
    fn reads_its_own_names_and_no_others() {
        for name in ["a", "a b", "#1 #", ".", "..", "...", "a.b-c_d", "A%41"] {
            let Ok(job) = name.parse::<JobName>() else {
                continue;
            };
            let node = escape(name);
            assert_eq!(job_name(&node), Some(job.clone()), "{node}");
            let key = RunKey {
                job,
                due: Timestamp::from_millis(i64::MIN + 1),
                attempt: u32::MAX,
            };
            let node = format!("{node}:{}:{}", i64::MIN + 1, u32::MAX);
            assert_eq!(run_key(&node), Some(key), "{node}");
        }
        for node in ["", "a b", "%61", "a%2", "a%2g", "%2e%2e", "a:1:0", "%FF"] {
            assert_eq!(job_name(node), None, "{node}");
        }
        for node in ["a", "a:1", "a:+1:0", "a:01:0", "a:1:-1", "a:b:1:0", ":1:0"] {
            assert_eq!(run_key(node), None, "{node}");
        }
        assert!(calendar_name("a%20b").is_some() && calendar_name("a b").is_none());
    }
}
