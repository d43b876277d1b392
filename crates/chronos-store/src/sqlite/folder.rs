//! The folder of the embedded store: who may read it, who holds it, and what it lies on.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
};

use super::OpenError;

pub(super) const DATABASE: &str = "chronos.sqlite3";
const LOCK: &str = "lock";

// Jobs hold passwords in their commands and environment, so nobody else lists the folder or reads its
// files. Passing through it is allowed: a command that runs as another user has its sandbox below.
const FOLDER_MODE: u32 = 0o711;
const FILE_MODE: u32 = 0o600;

/// The folder, held for as long as this value lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder where it is missing, and takes it for this process.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder {
            folder: path.to_owned(),
            source,
        };
        create(path).map_err(failed)?;
        check_file_system(path)?;
        let lock = take_lock(path)?;
        let database = path.join(DATABASE);
        // SQLite gives its other files the mode of this one.
        let file = open_private(&database).map_err(failed)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))
            .map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    /// Returns the path of the database.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing is not enough while a child process is between its fork and its exec: it has a copy
        // of the file, and the lock lives as long as any.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, folder = %self.path.display(), "cannot unlock the folder");
        }
    }
}

fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        warn_if_open(path);
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        // Those above are not ours to close.
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => match path.parent() {
            Some(parent) if parent != Path::new("") => sync_folder(parent),
            _ => sync_folder(Path::new(".")),
        },
    }
}

// A folder that was there before may be shared on purpose; its files are private in any case.
fn warn_if_open(path: &Path) {
    if let Ok(found) = path.metadata()
        && found.permissions().mode() & 0o066 != 0
    {
        tracing::warn!(folder = %path.display(), mode = format!("{:o}", found.permissions().mode() & 0o777), "others may list the folder of the store");
    }
}

fn take_lock(folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let mut file = open_private(&folder.join(LOCK)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::Locked {
                folder: folder.to_owned(),
                holder: holder(&mut file),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // For the error of the next one who tries; the lock itself does not need it.
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", process::id()))
        .map_err(failed)?;
    Ok(file)
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(FILE_MODE).open(path)
}

// A new name in a folder outlives a power failure only after this.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// File systems of other machines, by the number that `statfs` gives.
///
/// SQLite's log needs memory shared by all who have the database open, and locks that hold; neither is
/// certain there. FUSE is not in the list: it is as often a local disk.
#[cfg(target_os = "linux")]
const NETWORK_FILE_SYSTEMS: [(u32, &str); 10] = [
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0000_564c, "NCP"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
];

#[cfg(target_os = "linux")]
fn check_file_system(path: &Path) -> Result<(), OpenError> {
    let found = rustix::fs::statfs(path).map_err(|error| OpenError::Folder {
        folder: path.to_owned(),
        source: error.into(),
    })?;
    match network_file_system(i128::from(found.f_type)) {
        Some(kind) => Err(OpenError::NetworkFileSystem {
            folder: path.to_owned(),
            kind,
        }),
        None => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn network_file_system(number: i128) -> Option<&'static str> {
    // The field has another width and sign on each machine; all numbers are of 32 bits.
    let number = number & i128::from(u32::MAX);
    let found = NETWORK_FILE_SYSTEMS
        .into_iter()
        .find(|&(known, _)| i128::from(known) == number);
    found.map(|(_, kind)| kind)
}

#[cfg(not(target_os = "linux"))]
fn check_file_system(_: &Path) -> Result<(), OpenError> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn knows_what_lies_elsewhere() {
        assert_eq!(network_file_system(0x6969), Some("NFS"));
        // As a 32-bit machine has it.
        let cifs = i128::from(0xff53_4d42_u32.cast_signed());
        assert_eq!(network_file_system(cifs), Some("CIFS"));
        assert_eq!(network_file_system(0xef53), None, "ext4");
        assert_eq!(network_file_system(0x0102_1994), None, "tmpfs");
    }
}
