//! Where one test lives: the data folder, a folder of job files, and files that commands touch.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A folder that goes when the test ends.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.jobs()).unwrap();
        home
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// The folder for `--jobs`.
    pub(crate) fn jobs(&self) -> PathBuf {
        self.0.path().join("jobs")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The lines of a file that commands append to; none when there is none.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.file(name)).unwrap_or_default();
        assert!(
            text.is_empty() || text.ends_with('\n'),
            "lines are written whole"
        );
        text.lines().map(str::to_owned).collect()
    }

    /// Makes a file that commands wait for.
    pub(crate) fn touch(&self, name: &str) {
        fs::write(self.file(name), "").unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }

    /// Puts a job file in place as a careful editor does: whole or not at all.
    pub(crate) fn put_job_file(&self, name: &str, text: &str) {
        let draft = self.file("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, self.jobs().join(name)).unwrap();
    }

    /// A command that appends a line, with variables of the run expanded.
    pub(crate) fn append(&self, file: &str, line: &str) -> String {
        format!("echo \"{line}\" >> {}", quoted(&self.file(file)))
    }

    /// A command that waits for a file; it ends also when the test has gone, so that nothing stays.
    pub(crate) fn until(&self, file: &str) -> String {
        format!(
            "while [ -d {} ] && ! [ -e {} ]; do sleep 0.02; done",
            quoted(self.0.path()),
            quoted(&self.file(file))
        )
    }
}

fn quoted(path: &Path) -> String {
    let path = path.to_str().unwrap();
    assert!(!path.contains('\''), "{path}");
    format!("'{path}'")
}
