//! Files for a result. They are opened before anything is sent, and written at the end.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use thiserror::Error;

use crate::bench::result::export;
use crate::bench::result::schema::BenchResult;
use crate::report::IfExists;

pub(crate) struct ResultFile {
    path: PathBuf,
    form: ResultFormat,
    file: File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResultFormat {
    /// The whole result.
    Json,
    /// One line a second.
    Csv,
    /// Percentiles of the response time.
    Hgrm,
}

impl ResultFormat {
    fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "hgrm" => Some(Self::Hgrm),
            _ => None,
        }
    }
}

/// Checks names and whether files exist already; creates nothing.
pub(crate) fn check(paths: &[PathBuf], existing: IfExists) -> Result<(), SaveError> {
    for path in paths {
        ResultFormat::of_path(path).ok_or_else(|| SaveError::Extension(path.clone()))?;
        if existing == IfExists::Refuse && path.exists() {
            return Err(SaveError::Exists(path.clone()));
        }
    }
    Ok(())
}

/// Opens all files, or leaves none behind.
pub(crate) fn open(paths: &[PathBuf], existing: IfExists) -> Result<Vec<ResultFile>, SaveError> {
    let mut opened: Vec<ResultFile> = Vec::new();
    for path in paths {
        match open_one(path, existing) {
            Ok(saved) => opened.push(saved),
            Err(error) => {
                ResultFile::give_up(&opened, existing);
                return Err(error);
            }
        }
    }
    Ok(opened)
}

fn open_one(path: &Path, existing: IfExists) -> Result<ResultFile, SaveError> {
    let form = ResultFormat::of_path(path).ok_or_else(|| SaveError::Extension(path.to_owned()))?;
    let mut options = File::options();
    options.write(true);
    match existing {
        IfExists::Refuse => options.create_new(true),
        IfExists::Overwrite => options.create(true).truncate(false),
    };
    let file = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => SaveError::Exists(path.to_owned()),
        _ => SaveError::Write { path: path.to_owned(), source },
    })?;
    Ok(ResultFile { path: path.to_owned(), form, file })
}

impl ResultFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(
        self,
        result: &BenchResult,
        response: &Histogram<u64>,
    ) -> Result<(), SaveError> {
        let Self { path, form, file } = self;
        let write = || {
            file.set_len(0)?;
            let mut to = BufWriter::new(&file);
            match form {
                ResultFormat::Json => {
                    serde_json::to_writer_pretty(&mut to, result)?;
                    writeln!(to)?;
                }
                ResultFormat::Csv => export::csv(result, &mut to)?,
                ResultFormat::Hgrm => export::hgrm(response, &mut to)?,
            }
            to.flush()
        };
        write().map_err(|source| SaveError::Write { path, source })
    }

    /// Removes the files that were created for a measurement that did not begin.
    pub(crate) fn give_up(saved: &[Self], existing: IfExists) {
        for saved in saved.iter().filter(|_| existing == IfExists::Refuse) {
            drop(std::fs::remove_file(&saved.path));
        }
    }
}

#[derive(Debug, Error)]
pub(crate) enum SaveError {
    #[error("--output {}: the name of a result must end in .json, .csv or .hgrm", .0.display())]
    Extension(PathBuf),
    #[error("--output {} is there already; name another file, or overwrite it with --force", .0.display())]
    Exists(PathBuf),
    #[error("cannot write the result {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_never_overwritten_unasked_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("old.json"), "old").unwrap();
        let error = |paths: &[PathBuf]| open(paths, IfExists::Refuse).err().unwrap().to_string();
        assert!(error(&[path("new.csv"), path("old.json")]).contains("--force"));
        assert!(!path("new.csv").exists());
        assert!(error(&[path("new.html")]).contains(".hgrm"));
        assert!(error(&[path("no/new.csv")]).contains("cannot write"));
        assert!(open(&[path("old.json")], IfExists::Overwrite).is_ok());
        assert_eq!(std::fs::read(path("old.json")).unwrap(), b"old", "until there is a result");
    }
}
