use std::collections::BTreeSet;
use std::fs;

use super::walks::Declared;
use super::{Hit, Program, paths, walks};
use crate::product::without_tests;
use crate::source::tokens;

fn found(code: &str) -> Vec<String> {
    let tokens = without_tests(&tokens(code));
    let names = Declared::by(&tokens).names;
    let found: BTreeSet<_> = paths::found(&tokens).into_iter().collect();
    found.into_iter().chain(walks::found(&tokens, &names)).collect()
}

#[track_caller]
fn assert_found(code: &str, expected: &[&str]) {
    assert_eq!(found(code), expected, "{code}");
}

#[test]
fn clocks_of_the_machine_are_found() {
    for code in [
        "use std::time::{Duration, Instant}; fn f() { Instant::now(); }",
        "use std::time::Instant as Clock; fn f() { x.get_or_init(Clock::now); }",
        "fn f() { std::time::Instant::now(); }",
        "use super::*; fn f() { Instant::now(); }",
    ] {
        assert_found(code, &["Instant::now"]);
    }
    assert_found("fn f() { std::time::SystemTime::now(); }", &["time::SystemTime"]);
    assert_found("use std::time::SystemTime;", &["time::SystemTime"]);
    assert_found("use jiff::Timestamp; fn f() { Timestamp::now(); }", &["Timestamp::now"]);
    assert_found("fn f() { jiff::Zoned::now(); }", &["Zoned::now"]);
    assert_found("use jiff::tz; fn f() { tz::TimeZone::system(); }", &["TimeZone::system"]);
    assert_found("use rustix::time::{ClockId, clock_gettime};", &["time::clock_gettime"]);
}

#[test]
fn the_clock_that_can_be_stopped_is_none_of_them() {
    for code in [
        "use tokio::time::{Instant, sleep}; fn f(at: Instant) { Instant::now() }",
        "use tokio::time::Instant as Clock; fn f() { x.get_or_init(Clock::now); }",
        "fn f() { tokio::time::Instant::now(); }",
        "use std::time::Instant; fn f(at: Instant) -> Instant { at }",
    ] {
        assert_found(code, &[]);
    }
}

#[test]
fn threads_are_found() {
    assert_found(
        "use std::thread::{self, JoinHandle}; fn f() { thread::spawn(g); }",
        &["thread::spawn"],
    );
    assert_found("use std::thread::spawn; fn f() { spawn(g); }", &["thread::spawn"]);
    assert_found("fn f() { std::thread::Builder::new(); }", &["thread::Builder"]);
    assert_found("fn f() { std::thread::sleep(a); }", &["thread::sleep"]);
    assert_found("fn f() { tokio::task::spawn_blocking(g); }", &["task::spawn_blocking"]);
    assert_found("fn f() { handle.spawn_blocking(g); }", &["spawn_blocking"]);
    assert_found("fn f() { receiver.recv_timeout(a); }", &["recv_timeout"]);
    assert_found("fn f() { tokio::spawn(g); thread::panicking(); tokio::time::sleep(a); }", &[]);
}

#[test]
fn lots_are_found() {
    assert_found(
        "fn f() { fastrand::u128(..) + fastrand::f64() }",
        &["fastrand::f64", "fastrand::u128"],
    );
    assert_found("use fastrand::Rng; fn f() { Rng::new(); }", &["Rng::new"]);
    assert_found("fn f() { fastrand::Rng::new(); }", &["Rng::new"]);
    assert_found("fn f() { fastrand::Rng::with_seed(1); }", &[]);
    assert_found("use tokio::sync::{mpsc, watch};", &["sync::watch"]);
    let select = |first: &str| format!("fn f() {{ tokio::select! {{ {first} a = b => c }} }}");
    assert_found(&select(""), &["select!"]);
    assert_found(&select("biased;"), &[]);
    assert_found("fn f() { select!(biased; a = b => c) }", &[]);
}

#[test]
fn the_surroundings_of_a_process_are_found() {
    for (code, what) in [
        ("fn f() { std::env::var(\"A\"); }", "env::var"),
        ("use std::env; fn f() { env::var_os(\"A\"); }", "env::var_os"),
        ("use std::env::args_os; fn f() { args_os(); }", "env::args_os"),
        ("use std::io::{self, Write}; fn f() { io::stdin(); }", "io::stdin"),
        ("fn f() { std::io::stdout(); }", "io::stdout"),
        ("fn f() { std::process::id(); }", "process::id"),
        ("use std::fs; fn f() { fs::read_dir(a); }", "fs::read_dir"),
    ] {
        assert_found(code, &[what]);
    }
    assert_found("use std::env::{self}; fn f() { env!(\"A\"); io::copy(a, b); }", &[]);
}

#[test]
fn walks_over_hash_maps_are_found() {
    let of = |walk: &str| format!("struct A {{ all: HashMap<B, C>, one: D }} fn f() {{ {walk} }}");
    for (walk, what) in [
        ("self.all.iter()", "all.iter"),
        ("self.all.lock().unwrap().keys()", "all.keys"),
        ("replace(self, new()).all.into_iter()", "all.into_iter"),
        ("self.all.retain(f)", "all.retain"),
        ("for (a, b) in &mut self.all { g() }", "for … in all"),
        ("other.extend(self.all)", "extend(all)"),
        ("let it = &self.all; it.values_mut()", "it.values_mut"),
    ] {
        assert_found(&of(walk), &[what]);
    }
    for harmless in [
        "self.all.get(&b).iter()",
        "self.all.entry(b).or_default().drain()",
        "self.one.iter()",
        "for a in self.one { self.all.remove(a) }",
        "self.all.len()",
    ] {
        assert_found(&of(harmless), &[]);
    }
}

#[test]
fn hash_maps_are_known_however_they_are_declared() {
    for code in [
        "fn f(a: &HashSet<u64, RandomState>) { a.iter() }",
        "fn f() { let mut a = HashMap::new(); a.iter() }",
        "fn f() { let (a, b) = (HashMap::new(), 1); a.iter() }",
        "fn f() { let a: Vec<HashMap<u8, u8>> = g(); a[0].iter() }",
        "fn f() { let a = g().collect::<HashSet<_>>(); a.iter() }",
        "fn a(b: u8) -> Option<HashMap<u8, u8>> { c } fn f() { a(1)?.iter() }",
        "type B = Mutex<HashMap<u8, u8>>; struct C { a: B } fn f() { self.a.iter() }",
        "use std::collections::HashMap as Map; struct C { a: Map<u8, u8> } fn f() { c.a.iter() }",
    ] {
        assert_found(code, &["a.iter"]);
    }
    let wrapped = "struct A(Vec<HashSet<u128>>); fn f() { self.0[1].iter() }";
    assert_found(wrapped, &["0.iter"]);
    assert_found("fn f(a: BTreeMap<u8, u8>) { a.iter() }", &[]);
}

#[test]
fn texts_and_tests_are_no_uses() {
    for code in [
        "// Instant::now()\n/* std::process::id() */",
        "fn f() { g(\"std::process::id()\", r#\"fastrand::u8(..)\"#) }",
        "#[cfg(test)] mod tests { fn f() { std::process::id(); } }",
        "#[cfg(test)] fn f() { std::process::id(); }",
    ] {
        assert_found(code, &[]);
    }
    let after = "#[cfg(test)] mod tests { fn f() {} } fn f() { std::process::id(); }";
    assert_found(after, &["process::id"]);
}

#[test]
fn a_program_is_its_modules_without_those_for_tests() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("src/lib.rs", "pub mod a; mod c; #[cfg(test)] mod t;"),
        ("src/a.rs", "mod b; #[cfg(test)] mod tests; struct A { all: HashMap<u8, u8> }"),
        ("src/a/b.rs", "fn f() { a.all.iter() }"),
        ("src/a/tests.rs", "fn f() { std::process::id(); }"),
        ("src/c/mod.rs", "mod d; struct C { all: Vec<u8>, pub(super) open: HashSet<u8> }"),
        ("src/c/d.rs", "fn f() { c.all.iter() }"),
        ("src/main.rs", "fn main() { c.open.drain(); }"),
        ("src/t.rs", "fn f() { std::process::id(); }"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let program = Program::read(folder.path(), &["src/lib.rs", "src/main.rs"]);
    assert_eq!(program.files(), 6);
    let hit = |file: &str, what: &str| Hit { file: file.to_owned(), what: what.to_owned() };
    let expected = [hit("src/a/b.rs", "all.iter"), hit("src/main.rs", "open.drain")];
    assert_eq!(program.hits().into_iter().collect::<Vec<_>>(), expected);
}
