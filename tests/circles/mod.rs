//! The imports between the modules of a room, and the circles among them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use crate::product::without_tests;
use crate::source::{Import, imports, tokens};

/// Names of a module, from its room on.
type Name = Vec<String>;

/// A file of code that is no test.
struct Module {
    children: BTreeSet<String>,
    imports: Vec<Import>,
    /// How often each word stands in the file.
    words: BTreeMap<String, usize>,
}

/// The modules of a room by their names.
pub struct Room(BTreeMap<Name, Module>);

impl Room {
    /// Reads the room `name` in the folder `source`; modules for tests alone are left out.
    pub fn read(source: &Path, name: &str) -> Self {
        let mut room = Self(BTreeMap::new());
        room.add(source, vec![name.to_owned()]);
        room
    }

    fn add(&mut self, source: &Path, name: Name) {
        let folder: PathBuf = source.join(name.join("/"));
        let file = Some(folder.join("mod.rs")).filter(|file| file.exists());
        let file = file.unwrap_or_else(|| folder.with_extension("rs"));
        let text = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{} of {name:?}: {error}", file.display()));
        let module = Module::of(&text);
        for child in &module.children {
            self.add(source, [&name[..], std::slice::from_ref(child)].concat());
        }
        self.0.insert(name, module);
    }

    /// Returns the module whose code `segments`, written in `from`, leads to, if it is one of this
    /// room. A name that a module on the way imports leads on to where that comes from.
    fn resolve(&self, from: &Name, segments: &[String], hops: usize) -> Option<Name> {
        let mut module = from.clone();
        let mut rest = segments;
        while let [first, others @ ..] = rest {
            match first.as_str() {
                "self" => {}
                "super" => drop(module.pop()?),
                "crate" => module = Vec::new(),
                _ => break,
            }
            rest = others;
        }
        let is_relative = rest.len() == segments.len();
        for (at, segment) in rest.iter().enumerate() {
            let child = [&module[..], std::slice::from_ref(segment)].concat();
            if self.0.contains_key(&child) {
                module = child;
                continue;
            }
            if is_relative && at == 0 {
                return None;
            }
            let here = self.0.get(&module)?;
            let import =
                here.imports.iter().find(|import| import.binding.as_ref() == Some(segment));
            let Some(import) = import.filter(|_| hops > 0) else { break };
            let path = [&import.segments[..], &rest[at + 1..]].concat();
            return self.resolve(&module, &path, hops - 1);
        }
        self.0.contains_key(&module).then_some(module)
    }

    /// Returns each import from a module of this room to another, with the words that say so.
    fn edges(&self) -> Vec<(Name, Name, String)> {
        let mut edges = Vec::new();
        for (name, module) in &self.0 {
            for import in &module.imports {
                let binding = import.binding.as_ref();
                let is_passed_on = import.is_reexport
                    && binding.is_none_or(|binding| module.words.get(binding) == Some(&1));
                let target = self.resolve(name, &import.segments, MAX_HOPS);
                if let Some(target) = target.filter(|target| target != name && !is_passed_on) {
                    edges.push((name.clone(), target, import.segments.join("::")));
                }
            }
        }
        edges
    }

    /// Returns each circle among the entries of a folder of this room, told as a line.
    pub fn circles(&self) -> Vec<String> {
        let edges = self.edges();
        let mut told = Vec::new();
        for (folder, _) in self.0.iter().filter(|(_, module)| !module.children.is_empty()) {
            let mut graph = Graph::default();
            for (from, to, words) in &edges {
                if let (Some(a), Some(b)) = (entry(folder, from), entry(folder, to))
                    && a != b
                {
                    graph.add(a, b, words);
                }
            }
            told.extend(
                graph.circles().into_iter().map(|way| format!("{}: {way}", folder.join("/"))),
            );
        }
        told
    }
}

/// Longest chain of re-exports that is followed.
const MAX_HOPS: usize = 8;

/// The entry of `folder` that the module belongs to; the folder's own code is `mod`.
fn entry(folder: &Name, module: &Name) -> Option<String> {
    let below = module.strip_prefix(&folder[..])?;
    Some(below.first().map_or_else(|| "mod".to_owned(), Clone::clone))
}

impl Module {
    fn of(text: &str) -> Self {
        let tokens = without_tests(&tokens(text));
        let children = tokens.windows(3).filter(|w| w[0] == "mod" && w[2] == ";");
        let children = children.map(|words| words[1].clone()).collect();
        let mut words = BTreeMap::new();
        for token in &tokens {
            *words.entry(token.clone()).or_insert(0) += 1;
        }
        Self { children, imports: imports(&tokens), words }
    }
}

/// Who imports whom, with the words of one import each.
#[derive(Default)]
struct Graph(BTreeMap<String, BTreeMap<String, String>>);

impl Graph {
    fn add(&mut self, from: String, to: String, words: &str) {
        self.0.entry(from).or_default().entry(to).or_insert_with(|| words.to_owned());
    }

    /// Returns the shortest circle through each entry that is in one, each circle once.
    fn circles(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut told = Vec::new();
        for start in self.0.keys() {
            let Some(circle) = self.shortest_circle(start) else { continue };
            let members: BTreeSet<_> = circle.iter().cloned().collect();
            if seen.insert(members) {
                told.push(self.tell(&circle));
            }
        }
        told
    }

    fn shortest_circle(&self, start: &str) -> Option<Vec<String>> {
        let mut ways = VecDeque::from([vec![start.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for next in self.0.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    ways.push_back([&way[..], std::slice::from_ref(next)].concat());
                }
            }
        }
        None
    }

    fn tell(&self, circle: &[String]) -> String {
        let next = circle.iter().cycle().skip(1);
        let steps = circle.iter().zip(next);
        let steps = steps.map(|(from, to)| format!("{from} -> {to} ({})", self.0[from][to]));
        steps.collect::<Vec<_>>().join(", ")
    }
}
