//! What an agent is called: the same name for as long as its folder lives, and no other agent's.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    io,
    path::Path,
};

use chronos_core::AgentId;
use serde::{Deserialize, Serialize};

use crate::record;

/// The file that keeps it.
const FILE: &str = "id.json";

#[derive(Debug, Deserialize, Serialize)]
struct IdFile {
    id: String,
}

/// Returns the name of the agent of a folder; the first time it is made from the name of the machine and
/// something that nobody else has, and kept there.
///
/// # Errors
///
/// When the folder cannot be read or written.
pub fn agent_id(work_dir: &Path, hostname: &str) -> io::Result<AgentId> {
    let path = work_dir.join(FILE);
    let kept: Option<IdFile> = match record::read(&path) {
        // Torn by a crash right after it was made: nothing was ever run under that name.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        kept => kept?,
    };
    let id = match kept {
        Some(kept) if !kept.id.is_empty() => kept.id,
        Some(_) | None => {
            fs::create_dir_all(work_dir)?;
            // `RandomState` has keys of its own each time.
            let random = RandomState::new().build_hasher().finish();
            let id = format!("{hostname}-{random:016x}");
            record::replace_durably(&path, &IdFile { id: id.clone() })?;
            id
        }
    };
    Ok(AgentId(id.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_name_and_another_has_another() {
        let one = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let first = agent_id(one.path(), "h1").unwrap();
        assert!(first.0.starts_with("h1-"), "{first}");
        assert_eq!(agent_id(one.path(), "renamed").unwrap(), first);
        assert_ne!(agent_id(other.path(), "h1").unwrap(), first);
    }

    #[test]
    fn a_name_that_cannot_be_read_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(FILE), "[]").unwrap();
        assert!(agent_id(home.path(), "h1").is_err());
    }
}
