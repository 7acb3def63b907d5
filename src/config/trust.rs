//! Whether a config file that was found, and not named, may be used.
//!
//! A profile says which server gets the credentials and which files are written, so a
//! file that somebody else may have written is refused.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;
use thiserror::Error;

const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;

/// Opens the file at `path` if it belongs to the caller or to root, and nobody else may
/// write it.
pub(crate) fn open(path: &Path) -> Result<File, OpenError> {
    let caller = ProcessUser::of_process();
    let file = File::open(path).map_err(|error| {
        // Whoever may not read the file is told whose it is.
        let owner = path.metadata().map_err(OpenError::Unreadable);
        match owner.and_then(|meta| check_owner(meta.uid(), &caller, Thing::File)) {
            Err(OpenError::Untrusted(untrusted)) => OpenError::Untrusted(untrusted),
            Ok(()) | Err(OpenError::Unreadable(_)) => OpenError::Unreadable(error),
        }
    })?;
    // The open file is what is read, so its owner counts. The path is looked at after
    // that: a link of somebody else, even to a file of the caller, is seen, and so is a
    // link that has been taken away meanwhile.
    let (opened, named) = (file.metadata()?, path.symlink_metadata()?);
    if named.is_symlink() {
        check_owner(named.uid(), &caller, Thing::Link)?;
    } else if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
        return Err(io::Error::other("it was replaced while it was opened").into());
    }
    check_owner(opened.uid(), &caller, Thing::File)?;
    check_writers(&opened, has_access_list(&file), &caller)?;
    Ok(file)
}

/// Attribute in which Linux keeps the rights that a mode has no bits for.
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Whether the file has an access list; if nobody can tell, it may have one.
fn has_access_list(file: &File) -> bool {
    let found = rustix::fs::fgetxattr(file, ACCESS_LIST, &mut [0_u8; 64]);
    !matches!(found, Err(Errno::NODATA | Errno::NOTSUP))
}

/// The user in whose name the program runs, and everybody whom the system knows.
struct ProcessUser {
    uid: u32,
    gid: u32,
    users: String,
    groups: String,
}

impl ProcessUser {
    fn of_process() -> Self {
        let lines = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            users: lines("/etc/passwd"),
            groups: lines("/etc/group"),
        }
    }

    fn user(&self, uid: u32) -> String {
        name_of(&self.users, uid).map_or_else(|| format!("uid {uid}"), str::to_owned)
    }

    fn group(&self, gid: u32) -> String {
        name_of(&self.groups, gid).map_or_else(|| format!("gid {gid}"), str::to_owned)
    }

    /// Whether `gid` is the caller's own private group, as most systems make one for each
    /// user: it has the user's name, and nobody else is in it. Groups that only a
    /// directory service knows are not taken for private.
    fn has_private_group(&self, gid: u32) -> bool {
        let Some(own) = name_of(&self.users, self.uid) else { return false };
        // A line that begins with + brings in more lines, from elsewhere.
        let is_all = |lines: &str| !lines.lines().any(|line| line.starts_with('+'));
        let mut named = self.groups.lines().filter(|line| number(line) == Some(gid)).peekable();
        let is_of_caller = |line: &str| {
            let mut members = line.split(':').nth(3).unwrap_or_default().split(',');
            line.split(':').next() == Some(own)
                && members.all(|member| matches!(member.trim(), "" | "*") || member.trim() == own)
        };
        let is_of_another = |line: &str| {
            line.split(':').nth(3).and_then(|text| text.parse().ok()) == Some(gid)
                && number(line) != Some(self.uid)
        };
        gid == self.gid
            && is_all(&self.users)
            && is_all(&self.groups)
            && named.peek().is_some()
            && named.all(is_of_caller)
            && !self.users.lines().any(is_of_another)
    }
}

/// The name in the line of a user or a group with this number.
fn name_of(lines: &str, id: u32) -> Option<&str> {
    lines.lines().find(|line| number(line) == Some(id))?.split(':').next()
}

/// The number of a user or a group.
fn number(line: &str) -> Option<u32> {
    line.split(':').nth(2)?.parse().ok()
}

fn check_owner(uid: u32, caller: &ProcessUser, thing: Thing) -> Result<(), OpenError> {
    if uid == caller.uid || uid == 0 {
        return Ok(());
    }
    Err(Untrusted::Owner { thing, owner: caller.user(uid) }.into())
}

fn check_writers(
    meta: &Metadata,
    has_access_list: bool,
    caller: &ProcessUser,
) -> Result<(), OpenError> {
    let (uid, gid, mode) = (meta.uid(), meta.gid(), meta.mode());
    let writer = if mode & OTHERS_WRITE != 0 {
        "everybody".to_owned()
    } else if mode & GROUP_WRITES == 0 {
        return Ok(());
    } else if has_access_list {
        // The bits of the group then show what the list allows at most.
        "whoever is in its access list".to_owned()
    } else if caller.has_private_group(gid) {
        return Ok(());
    } else {
        format!("group {}", caller.group(gid))
    };
    Err(Untrusted::Writable { owner: caller.user(uid), writer }.into())
}

/// What belongs to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    File,
    Link,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "it belongs to",
            Self::Link => "it is a link that belongs to",
        })
    }
}

/// Why a file is not used.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum Untrusted {
    /// The file or its link belongs to another user.
    #[error("{thing} {owner}")]
    Owner { thing: Thing, owner: String },
    /// Others may write the file.
    #[error("it belongs to {owner}, but {writer} may write it")]
    Writable { owner: String, writer: String },
}

/// A file was not opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
}

#[cfg(test)]
mod tests;
