//! Who runs a run: the protocol that lets each be started once.
//!
//! A claim appears with one `link(2)`, complete and already locked, so there is no instant at which
//! somebody could see half of it. Whoever finds the name taken does nothing. The lock goes with the
//! process that holds it, however it dies; the claim stays.
//!
//! | claim | lock | means |
//! |---|---|---|
//! | none | | not started; whoever makes the claim decides whether it ever is |
//! | there | held | its supervisor lives |
//! | there | free | its supervisor is dead: the command ran, or may have |

use std::{
    fs::{File, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{folder::RunFolder, record};

/// A claim that this process made; it holds the lock.
#[derive(Debug)]
pub(crate) struct Claim(File);

/// The first line of a claim.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Claimant {
    /// The process id of the supervisor, zero when a daemon claims a run to keep it from starting.
    pub(crate) pid: i32,
}

/// The second line: the command, once it runs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ChildNote {
    pub(crate) pid: i32,
    /// When it started, in clock ticks of this life of the machine.
    pub(crate) start: u64,
    pub(crate) started_at: i64,
}

/// What a claim says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ClaimText {
    pub(crate) claimant: Option<Claimant>,
    pub(crate) child: Option<ChildNote>,
}

/// Where a run stands by its claim.
#[derive(Debug)]
pub(crate) enum ClaimState {
    Free,
    Held(ClaimText),
    /// The lock is ours as long as the claim is kept.
    Abandoned(ClaimText, Claim),
}

impl Claim {
    /// Makes the claim; `None` when somebody was first.
    pub(crate) fn take(folder: &RunFolder, claimant: &Claimant) -> io::Result<Option<Self>> {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let draft = folder
            .path()
            .join(format!("claim.{}.{nanos}", std::process::id()));
        let mut file = record::create_new(&draft)?;
        file.lock()?;
        write_line(&mut file, claimant)?;
        let claim = folder.claim();
        let linked = std::fs::hard_link(&draft, &claim);
        std::fs::remove_file(&draft)?;
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        }
        // The folder may have been set aside, and another one made in its place, while we linked.
        let (ours, there) = (file.metadata()?, std::fs::metadata(&claim)?);
        let same = (ours.dev(), ours.ino()) == (there.dev(), there.ino());
        Ok(same.then_some(Self(file)))
    }

    /// Writes down the command's process.
    pub(crate) fn note_child(&mut self, child: &ChildNote) -> io::Result<()> {
        write_line(&mut self.0, child)
    }

    /// Looks who has the claim.
    pub(crate) fn look(folder: &RunFolder) -> io::Result<ClaimState> {
        let mut file = match File::open(folder.claim()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ClaimState::Free),
            Err(error) => return Err(error),
        };
        let lock = file.try_lock();
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let text = ClaimText::parse(&text);
        match lock {
            Ok(()) => Ok(ClaimState::Abandoned(text, Self(file))),
            Err(TryLockError::WouldBlock) => Ok(ClaimState::Held(text)),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl ClaimText {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        Self {
            claimant: lines
                .next()
                .and_then(|line| serde_json::from_str(line).ok()),
            child: lines
                .next()
                .and_then(|line| serde_json::from_str(line).ok()),
        }
    }
}

fn write_line(file: &mut File, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Claimant = Claimant { pid: 7 };

    #[test]
    fn the_second_claim_is_refused_and_the_lock_tells_whether_the_first_lives() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(home.path().to_owned());
        assert!(matches!(Claim::look(&folder).unwrap(), ClaimState::Free));
        let mut first = Claim::take(&folder, &US)
            .unwrap()
            .expect("nobody was first");
        assert!(Claim::take(&folder, &US).unwrap().is_none());
        let child = ChildNote {
            pid: 9,
            start: 10,
            started_at: 11,
        };
        first.note_child(&child).unwrap();
        let want = ClaimText {
            claimant: Some(US),
            child: Some(child),
        };
        let ClaimState::Held(text) = Claim::look(&folder).unwrap() else {
            panic!("held")
        };
        assert_eq!(text, want);
        drop(first);
        let ClaimState::Abandoned(text, _lock) = Claim::look(&folder).unwrap() else {
            panic!("abandoned")
        };
        assert_eq!(text, want);
        assert!(
            Claim::take(&folder, &US).unwrap().is_none(),
            "a claim outlives its lock"
        );
        assert_eq!(
            std::fs::read_dir(home.path()).unwrap().count(),
            1,
            "drafts are gone"
        );
    }

    #[test]
    fn a_torn_claim_is_a_claim() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(home.path().to_owned());
        std::fs::write(folder.claim(), "{\"pi").unwrap();
        let ClaimState::Abandoned(text, _lock) = Claim::look(&folder).unwrap() else {
            panic!("abandoned")
        };
        assert_eq!(
            text,
            ClaimText {
                claimant: None,
                child: None
            }
        );
    }
}
