//! What makes a file last: a close that tells its errors, and a folder that is synced.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use nix::errno::Errno;

/// Closes `file`, and tells what a drop would not: some file systems write, or find that
/// there is no room, only now.
pub(super) fn close(file: File) -> io::Result<()> {
    match nix::unistd::close(file) {
        // Linux has closed it even so.
        Ok(()) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes the entry of `path` in its folder last, if the file system can say so.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    synced.or_else(|error| match error.kind() {
        // A folder that may not be read, or one that cannot be synced at all.
        ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    })
}
