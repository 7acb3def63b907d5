//! What a program does that its inputs do not decide: clocks, threads, random numbers, the
//! environment, and orders that are drawn by lot.
//!
//! Found by words alone, as far as they tell. A walk over a hash map is found by the name under
//! which the map is declared, in the same file, above it, or in public; a map that goes on under
//! another name by way of a pattern or of a generic function is not.

pub mod known;
mod paths;
#[cfg(test)]
mod tests;
mod walks;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::product::without_tests;
use crate::source::tokens;
use walks::Declared;

/// A file of the program, without its tests.
struct SourceFile {
    path: PathBuf,
    /// Folder of the modules that it declares.
    children: PathBuf,
    tokens: Vec<String>,
}

/// The files that a program consists of.
pub struct Program(Vec<SourceFile>);

/// A use of something that inputs do not decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// File, as seen from the root of the project.
    pub file: String,
    pub what: String,
}

impl Program {
    /// Reads the modules that begin with the files `first` of the folder `root`.
    pub fn read(root: &Path, first: &[&str]) -> Self {
        let mut program = Self(Vec::new());
        for file in first {
            let path = root.join(file);
            let children = path.parent().unwrap().to_owned();
            program.add(path, children);
        }
        for file in &mut program.0 {
            file.path = file.path.strip_prefix(root).unwrap().to_owned();
            file.children = file.children.strip_prefix(root).unwrap().to_owned();
        }
        program
    }

    fn add(&mut self, path: PathBuf, children: PathBuf) {
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tokens = without_tests(&tokens(&text));
        for declared in tokens.windows(3).filter(|words| words[0] == "mod" && words[2] == ";") {
            let folder = children.join(&declared[1]);
            let file = folder.with_extension("rs");
            let file = if file.exists() { file } else { folder.join("mod.rs") };
            self.add(file, folder);
        }
        self.0.push(SourceFile { path, children, tokens });
    }

    /// Returns the number of files.
    pub fn files(&self) -> usize {
        self.0.len()
    }

    /// Returns every use of something that inputs do not decide.
    pub fn hits(&self) -> BTreeSet<Hit> {
        let declared: Vec<_> = self.0.iter().map(|file| Declared::by(&file.tokens)).collect();
        let mut hits = BTreeSet::new();
        for file in &self.0 {
            let known = self.0.iter().zip(&declared).flat_map(|(other, declared)| {
                let is_above = other.path == file.path || file.path.starts_with(&other.children);
                if is_above { &declared.names } else { &declared.public }
            });
            let known = known.cloned().collect();
            let found = paths::found(&file.tokens).into_iter();
            let found = found.chain(walks::found(&file.tokens, &known));
            let name = file.path.display().to_string();
            hits.extend(found.map(|what| Hit { file: name.clone(), what }));
        }
        hits
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}
