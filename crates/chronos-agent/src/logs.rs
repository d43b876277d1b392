//! What commands wrote to their standard output and error, for reading while they write.

use std::{
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use chronos_model::RunKey;
use rustix::fs::OFlags;
use thiserror::Error;

use crate::folder::RunFolder;

/// The most bytes of a log that one read returns: large enough that a read costs more than the call,
/// small enough that many readers fit into memory.
pub const LOG_CHUNK_LEN_MAX: usize = 64 * 1024;

/// One of the two streams of a command.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl LogStream {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// Returns the name, which is also that of the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Reads the logs of runs; cheap to clone.
///
/// It needs no agent: what it reads are files.
#[derive(Clone, Debug)]
pub struct Logs {
    runs: Arc<Path>,
}

/// A part of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogChunk {
    /// Where it starts, in bytes from the start of the log.
    pub offset: u64,
    /// What is there; empty at the end of the log, or beyond it.
    pub bytes: Vec<u8>,
    /// How long the log is now.
    pub size: u64,
    /// Whether more may follow. When it is false, `size` is final.
    pub running: bool,
}

impl Logs {
    /// Reads logs below an agent's working folder.
    pub fn new(work_dir: &Path) -> Self {
        Self {
            runs: runs_folder(work_dir).into(),
        }
    }

    /// Returns the working folder of a run's command, which holds its logs; it may be gone.
    pub fn sandbox(&self, key: &RunKey) -> PathBuf {
        RunFolder::new(&self.runs, key).sandbox()
    }

    /// Reads from a log, starting at `offset`, at most `len_max` bytes (and at most
    /// [`LOG_CHUNK_LEN_MAX`]).
    ///
    /// To follow a log, read again from the end of the chunk while it says that the run goes on.
    ///
    /// # Errors
    ///
    /// [`LogError`]: there is no such run here (any more), or its log cannot be read.
    pub async fn read(
        &self,
        key: &RunKey,
        stream: LogStream,
        offset: u64,
        len_max: usize,
    ) -> Result<LogChunk, LogError> {
        let folder = RunFolder::new(&self.runs, key);
        tokio::task::spawn_blocking(move || read(&folder, stream, offset, len_max))
            .await
            .map_err(|error| LogError::Io(io::Error::other(error)))?
    }
}

/// Why a log cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The run was never on this machine, or its files were removed for their age.
    #[error("there are no files of this run on this machine (any more)")]
    NotFound,
    /// The command put something in place of its log.
    #[error("the log is no plain file")]
    NotAFile,
    /// The file system says no.
    #[error("the log cannot be read")]
    Io(#[source] io::Error),
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        match rustix::io::Errno::from_io_error(&error) {
            Some(rustix::io::Errno::NOENT) => Self::NotFound,
            Some(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => Self::NotAFile,
            _ => Self::Io(error),
        }
    }
}

pub(crate) fn runs_folder(work_dir: &Path) -> PathBuf {
    work_dir.join("runs")
}

fn read(
    folder: &RunFolder,
    stream: LogStream,
    offset: u64,
    len_max: usize,
) -> Result<LogChunk, LogError> {
    std::fs::metadata(folder.path())?;
    // First this, then the size: what is over writes no more.
    let running = !folder.exit().exists();
    let open = OpenOptions::new()
        .read(true)
        // A command may replace its log by a link to what only the daemon may read, or by a pipe.
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(folder.log(stream));
    let mut file = match open {
        Ok(file) => file,
        // Not yet, or removed by the command itself.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(LogChunk {
                offset,
                bytes: Vec::new(),
                size: 0,
                running,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(LogError::NotAFile);
    }
    let size = found.len();
    let wanted = len_max.min(LOG_CHUNK_LEN_MAX) as u64;
    let mut bytes = Vec::new();
    if offset < size {
        file.seek(SeekFrom::Start(offset))?;
        file.take(wanted.min(size - offset))
            .read_to_end(&mut bytes)?;
    }
    Ok(LogChunk {
        offset,
        bytes,
        size,
        running,
    })
}
