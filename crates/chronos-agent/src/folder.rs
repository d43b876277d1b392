//! Where the files of one run are, and how a task id becomes the name of a folder.
//!
//! ```text
//! <work_dir>/runs/<task id>/     ours: a command that empties its working folder cannot reach it
//!     task.json                  what to run
//!     claim                      who runs it; locked while the supervisor lives
//!     kill                       somebody asked to end it
//!     exit.json                  how it ended
//!     acked                      the end is recorded by the scheduler
//!     sandbox/                   the command's working folder
//!         stdout  stderr
//! ```

use std::{
    ffi::OsStr,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use chronos_model::RunKey;

use crate::LogStream;

/// The longest folder name: file systems stop at 255 bytes, and some encrypted ones at 143.
const FOLDER_NAME_LEN_MAX: usize = 143;

/// Stands before the hash of a shortened name; never the result of encoding.
const SHORTENED: char = '~';

/// The folder of one run.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    pub(crate) fn new(runs: &Path, key: &RunKey) -> Self {
        Self(runs.join(folder_name(key)))
    }

    pub(crate) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The last part of the path, which is how retention remembers a run.
    pub(crate) fn name(&self) -> &OsStr {
        self.0.file_name().unwrap_or_default()
    }

    pub(crate) fn task(&self) -> PathBuf {
        self.0.join("task.json")
    }

    pub(crate) fn claim(&self) -> PathBuf {
        self.0.join("claim")
    }

    pub(crate) fn kill(&self) -> PathBuf {
        self.0.join("kill")
    }

    pub(crate) fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    pub(crate) fn acked(&self) -> PathBuf {
        self.0.join("acked")
    }

    pub(crate) fn sandbox(&self) -> PathBuf {
        self.0.join("sandbox")
    }

    pub(crate) fn log(&self, stream: LogStream) -> PathBuf {
        let mut path = self.sandbox();
        path.push(stream.name());
        path
    }
}

/// Encodes a task id: letters, digits, `.`, `_` and `-` stay, the rest becomes `%XX`; what gets too
/// long ends in a hash.
pub(crate) fn folder_name(key: &RunKey) -> String {
    let id = key.to_string();
    let mut name = String::with_capacity(id.len().saturating_mul(2));
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02X}").expect("a String takes all that is written");
        }
    }
    if name.len() > FOLDER_NAME_LEN_MAX {
        let hash = format!("{SHORTENED}{:016x}", fnv1a(id.as_bytes()));
        // All ASCII, so any length is a boundary.
        name.truncate(FOLDER_NAME_LEN_MAX - hash.len());
        name.push_str(&hash);
    }
    name
}

/// Returns the task id that a folder is named for; `None` for a shortened or foreign name.
pub(crate) fn key_of(name: &OsStr) -> Option<RunKey> {
    let mut bytes = name.as_encoded_bytes().iter().copied();
    let mut id = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let code = digit(bytes.next())? * 16 + digit(bytes.next())?;
            id.push(u8::try_from(code).ok()?);
        } else {
            id.push(byte);
        }
    }
    let key: RunKey = String::from_utf8(id).ok()?.parse().ok()?;
    (folder_name(&key).as_str() == name).then_some(key)
}

// 64 bits are plenty: a collision needs two jobs that share 90 bytes of their names and a due time,
// and is refused when the task file names another id.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, want: &str) {
        let key: RunKey = id.parse().unwrap();
        assert_eq!(folder_name(&key), want);
        assert_eq!(key_of(want.as_ref()), Some(key));
    }

    #[test]
    fn names_read_back() {
        check(
            "ct:1420843781398:0:sample-name:",
            "ct%3A1420843781398%3A0%3Asample-name%3A",
        );
        check(
            "ct:5:2:report #7 v1.2:",
            "ct%3A5%3A2%3Areport%20%237%20v1.2%3A",
        );
    }

    #[test]
    fn long_names_are_shortened_and_stay_apart() {
        let key =
            |end: &str| -> RunKey { format!("ct:5:0:{}{end}:", "# ".repeat(90)).parse().unwrap() };
        let (one, other) = (folder_name(&key("a")), folder_name(&key("b")));
        assert_eq!(
            (one.len(), other.len()),
            (FOLDER_NAME_LEN_MAX, FOLDER_NAME_LEN_MAX)
        );
        assert_ne!(one, other);
        assert_eq!(key_of(one.as_ref()), None);
    }

    #[test]
    fn foreign_names_are_refused() {
        for name in [
            "",
            "..",
            "ct",
            "ct%3A5%3A0%3Aa",
            "ct%3a5%3A0%3Aa%3A",
            "ct%3A5%3A0%3Aa%3",
            "%",
        ] {
            assert_eq!(key_of(name.as_ref()), None, "{name:?}");
        }
    }
}
