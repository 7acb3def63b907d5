//! The folder where runs are kept: whose it is, who may write it, its space and file system.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::finding::{Area, Finding};

/// Space below which a warning is given, in bytes: the journal of a million rows needs about this.
const MIN_FREE: u64 = 1 << 30;

const OTHERS_WRITE: u32 = 0o022;

/// A folder on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StateFolder {
    /// The folder that is meant.
    path: PathBuf,
    /// The nearest one that is there: itself, or one above it.
    there: PathBuf,
    is_folder: bool,
    owner: u32,
    mode: u32,
    is_writable: bool,
    free: u64,
    file_system: FileSystem,
}

/// A file system, by what it means for a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileSystem {
    Local(&'static str),
    /// Gone after a reboot.
    Memory(&'static str),
    /// Locks and syncs are those of another machine or program.
    Remote(&'static str),
    Other(i64),
}

impl FileSystem {
    /// Returns the file system of this number (`man 2 statfs`).
    const fn of(magic: i64) -> Self {
        match magic {
            0xef53 => Self::Local("ext4"),
            0x5846_5342 => Self::Local("xfs"),
            0x9123_683e => Self::Local("btrfs"),
            0x2fc1_2fc1 => Self::Local("zfs"),
            0xf2f5_2010 => Self::Local("f2fs"),
            0x794c_7630 => Self::Local("overlayfs"),
            0x0102_1994 => Self::Memory("tmpfs"),
            0x8584_58f6 => Self::Memory("ramfs"),
            0x6969 => Self::Remote("nfs"),
            0xff53_4d42 => Self::Remote("cifs"),
            0xfe53_4d42 => Self::Remote("smb2"),
            0x517b => Self::Remote("smb"),
            0x6573_5546 => Self::Remote("fuse"),
            0x0102_1997 => Self::Remote("9p"),
            0x00c3_6400 => Self::Remote("ceph"),
            other => Self::Other(other),
        }
    }
}

/// Looks at the folder at `path`.
pub(super) fn look(path: &Path) -> Vec<Finding> {
    match StateFolder::at(path) {
        Ok(folder) => folder.findings(rustix::process::geteuid().as_raw()),
        Err(error) => {
            let says = format!("{}: {error}", path.display());
            let found = Finding::error(Area::State, "folder", says);
            vec![found.with_advice("name another folder with --state-dir")]
        }
    }
}

impl StateFolder {
    fn at(path: &Path) -> io::Result<Self> {
        let (there, meta) = nearest(path)?;
        let (mode, owner, is_folder) = (meta.mode() & 0o7777, meta.uid(), meta.is_dir());
        let space = rustix::fs::statvfs(&there)?;
        #[expect(clippy::useless_conversion, reason = "the type differs between machines")]
        let magic = i64::from(rustix::fs::statfs(&there)?.f_type) & 0xffff_ffff;
        Ok(Self {
            is_writable: rustix::fs::access(&there, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
            path: path.to_owned(),
            free: space.f_bavail.saturating_mul(space.f_frsize),
            file_system: FileSystem::of(magic),
            there,
            is_folder,
            owner,
            mode,
        })
    }

    fn findings(&self, caller: u32) -> Vec<Finding> {
        vec![self.folder(caller), self.space(), self.system()]
    }

    fn folder(&self, caller: u32) -> Finding {
        let Self { path, there, owner, mode, .. } = self;
        let (path, there) = (path.display().to_string(), there.display().to_string());
        let owner = match *owner {
            uid if uid == caller => "yours".to_owned(),
            0 => "root's".to_owned(),
            uid => format!("that of uid {uid}"),
        };
        let error = |says: String| {
            Finding::error(Area::State, "folder", says)
                .with_advice("name a folder of your own with --state-dir")
        };
        if !self.is_folder {
            return error(format!("{there} is no folder"));
        }
        if !self.is_writable {
            return error(format!(
                "{there} is {owner} (mode {mode:04o}), and you may not write it"
            ));
        }
        if there != path {
            let says = format!("{path} is not there yet; the first run makes it, in {there}");
            return Finding::ok(Area::State, "folder", says);
        }
        let says = format!("{path} is {owner}, mode {mode:04o}");
        if self.owner != caller {
            let found = Finding::warning(Area::State, "folder", says);
            return found
                .with_advice("who owns it can change runs; name one of your own with --state-dir");
        }
        if mode & OTHERS_WRITE != 0 {
            let found =
                Finding::warning(Area::State, "folder", format!("{says}: others may write it"));
            return found.with_advice(format!("chmod 700 {path}"));
        }
        Finding::ok(Area::State, "folder", says)
    }

    fn space(&self) -> Finding {
        let says = format!("{} free", bytes(self.free));
        if self.free < MIN_FREE {
            let found = Finding::warning(Area::State, "space", says);
            return found.with_advice(
                "a million rows need about 1 GiB; bk-launch runs prune removes old runs",
            );
        }
        Finding::ok(Area::State, "space", says)
    }

    fn system(&self) -> Finding {
        let name = "file system";
        match self.file_system {
            FileSystem::Local(system) => Finding::ok(Area::State, name, system),
            FileSystem::Other(magic) => {
                Finding::ok(Area::State, name, format!("one that is not known here ({magic:#x})"))
            }
            FileSystem::Memory(system) => Finding::warning(
                Area::State,
                name,
                format!("{system}, which a reboot empties: no run could be resumed after that"),
            )
            .with_advice("name a folder on a disk with --state-dir"),
            FileSystem::Remote(system) => Finding::warning(
                Area::State,
                name,
                format!("{system}, on which locks and syncs may not hold what they promise"),
            )
            .with_advice("name a folder on a disk of this machine with --state-dir"),
        }
    }
}

/// Returns the nearest existing file above `path`, or itself.
fn nearest(path: &Path) -> io::Result<(PathBuf, Metadata)> {
    let mut last = None;
    for folder in path.ancestors() {
        match folder.metadata() {
            Ok(meta) => return Ok((folder.to_owned(), meta)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("the path is empty")))
}

/// Formats a size.
fn bytes(size: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")];
    let unit = UNITS.into_iter().find(|(bytes, _)| size >= *bytes);
    match unit {
        Some((bytes, name)) => {
            let tenths = size / (bytes / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{} KiB", size >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade::{Error, Ok, Warning};
    use super::*;

    #[test]
    fn a_folder_is_judged_by_owner_mode_space_and_file_system() {
        let own = || StateFolder {
            path: "/s".into(),
            there: "/s".into(),
            is_folder: true,
            owner: 7,
            mode: 0o700,
            is_writable: true,
            free: 3 << 30,
            file_system: FileSystem::of(0xef53),
        };
        for (folder, grades, says) in [
            (own(), [Ok, Ok, Ok], "/s is yours, mode 0700"),
            (own(), [Ok, Ok, Ok], "3.0 GiB free"),
            (StateFolder { mode: 0o770, ..own() }, [Warning, Ok, Ok], "others may write it"),
            (StateFolder { owner: 0, ..own() }, [Warning, Ok, Ok], "/s is root's"),
            (StateFolder { owner: 8, is_writable: false, ..own() }, [Error, Ok, Ok], "you may not"),
            (StateFolder { is_folder: false, ..own() }, [Error, Ok, Ok], "/s is no folder"),
            (
                StateFolder { there: "/".into(), owner: 0, ..own() },
                [Ok, Ok, Ok],
                "/s is not there yet; the first run makes it, in /",
            ),
            (StateFolder { free: 5 << 20, ..own() }, [Ok, Warning, Ok], "5.0 MiB free"),
            (
                StateFolder { file_system: FileSystem::of(0x6969), ..own() },
                [Ok, Ok, Warning],
                "nfs, on which",
            ),
            (
                StateFolder { file_system: FileSystem::of(0x0102_1994), ..own() },
                [Ok, Ok, Warning],
                "tmpfs, which a reboot empties",
            ),
        ] {
            let found = folder.findings(7);
            let found_grades: Vec<_> = found.iter().map(|finding| finding.grade).collect();
            assert_eq!(found_grades, grades, "{folder:?}");
            assert!(found.iter().any(|finding| finding.says.contains(says)), "{found:?}");
        }
    }

    #[test]
    fn sizes_are_told_in_their_unit() {
        for (size, told) in [(0, "0 KiB"), (3 << 20, "3.0 MiB"), (1_600_000_000, "1.4 GiB")] {
            assert_eq!(bytes(size), told);
        }
    }
}
