//! The files that a result goes to. They are opened before anything is sent, and
//! written at the end.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use thiserror::Error;

use crate::bench::export;
use crate::bench::result::Outcome;

/// A file for a result.
pub(crate) struct Saved {
    path: PathBuf,
    form: Form,
    file: File,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// All of it.
    Json,
    /// A line a second.
    Csv,
    /// The percentiles of the response time.
    Hgrm,
}

impl Form {
    fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "hgrm" => Some(Self::Hgrm),
            _ => None,
        }
    }
}

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and nothing is sent.
    Refuse,
    /// It is overwritten, once there is something to write.
    Overwrite,
}

/// Whether all of them can be opened, as far as that can be seen; nothing is made yet.
pub(crate) fn check(paths: &[PathBuf], existing: Existing) -> Result<(), SaveError> {
    for path in paths {
        Form::of_path(path).ok_or_else(|| SaveError::Extension(path.clone()))?;
        if existing == Existing::Refuse && path.exists() {
            return Err(SaveError::Exists(path.clone()));
        }
    }
    Ok(())
}

/// Opens all of them.
pub(crate) fn open(paths: &[PathBuf], existing: Existing) -> Result<Vec<Saved>, SaveError> {
    let mut opened: Vec<Saved> = Vec::new();
    for path in paths {
        match open_one(path, existing) {
            Ok(saved) => opened.push(saved),
            Err(error) => {
                // Nothing was sent, so nothing is left behind.
                Saved::give_up(&opened, existing);
                return Err(error);
            }
        }
    }
    Ok(opened)
}

fn open_one(path: &Path, existing: Existing) -> Result<Saved, SaveError> {
    let form = Form::of_path(path).ok_or_else(|| SaveError::Extension(path.to_owned()))?;
    let mut options = File::options();
    options.write(true);
    match existing {
        Existing::Refuse => options.create_new(true),
        Existing::Overwrite => options.create(true).truncate(false),
    };
    let file = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => SaveError::Exists(path.to_owned()),
        _ => SaveError::Write { path: path.to_owned(), source },
    })?;
    Ok(Saved { path: path.to_owned(), form, file })
}

impl Saved {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it.
    pub(crate) fn write(
        self,
        outcome: &Outcome,
        response: &Histogram<u64>,
    ) -> Result<(), SaveError> {
        let Self { path, form, file } = self;
        let write = || {
            file.set_len(0)?;
            let mut to = BufWriter::new(&file);
            match form {
                Form::Json => {
                    serde_json::to_writer_pretty(&mut to, outcome)?;
                    writeln!(to)?;
                }
                Form::Csv => export::csv(outcome, &mut to)?,
                Form::Hgrm => export::hgrm(response, &mut to)?,
            }
            to.flush()
        };
        write().map_err(|source| SaveError::Write { path, source })
    }

    /// Takes away what was made for a measurement that did not begin.
    pub(crate) fn give_up(saved: &[Self], existing: Existing) {
        for saved in saved.iter().filter(|_| existing == Existing::Refuse) {
            drop(std::fs::remove_file(&saved.path));
        }
    }
}

/// A result cannot be written.
#[derive(Debug, Error)]
pub(crate) enum SaveError {
    /// Nobody knows how.
    #[error("--output {}: a result ends in .json, .csv or .hgrm", .0.display())]
    Extension(PathBuf),
    /// It is there.
    #[error("--output {} is there already; say --force to overwrite it", .0.display())]
    Exists(PathBuf),
    /// The file itself.
    #[error("cannot write the result {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_never_overwritten_unasked_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("old.json"), "old").unwrap();
        let error = |paths: &[PathBuf]| open(paths, Existing::Refuse).err().unwrap().to_string();
        assert!(error(&[path("new.csv"), path("old.json")]).contains("--force"));
        assert!(!path("new.csv").exists());
        assert!(error(&[path("new.html")]).contains(".hgrm"));
        assert!(error(&[path("no/new.csv")]).contains("cannot write"));
        assert!(open(&[path("old.json")], Existing::Overwrite).is_ok());
        assert_eq!(std::fs::read(path("old.json")).unwrap(), b"old", "until there is a result");
    }
}
