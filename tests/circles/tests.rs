use std::collections::BTreeSet;
use std::fs;

use tempfile::TempDir;

use super::Room;
use crate::source::{Import, imports, rooms_used, tokens};

/// A room `r` with these files.
fn room(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join("r").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    Room::read(room(files).path(), "r").circles()
}

#[test]
fn uses_are_found_alone_and_in_lists() {
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(
        rooms_used("use crate::task::Task;\nlet a = crate::row::Row;"),
        set(&["task", "row"])
    );
    assert_eq!(rooms_used("use crate::{task::Task, row};"), set(&["task", "row"]));
    assert_eq!(rooms_used("// use crate::task::Task;\n/// [`crate::row`]"), set(&[]));
    assert_eq!(rooms_used("let a = \"crate::row::Row\"; /* crate::row::Row */"), set(&[]));
    assert_eq!(rooms_used("f('\"', r#\"crate::a\"\"#, b\"\\\"\", crate::row::Row)"), set(&["row"]));
}

#[test]
fn each_name_of_a_use_is_found() {
    let code = "pub use a::{self, b::{C, D as E}, F}; fn f<'a>() -> impl use<'a> G { h::I::j() }";
    let import = |path: &str, binding: Option<&str>| Import {
        segments: path.split("::").map(str::to_owned).collect(),
        binding: binding.map(str::to_owned),
        is_reexport: binding.is_some(),
    };
    let expected = [
        import("a", Some("a")),
        import("a::b::C", Some("C")),
        import("a::b::D", Some("E")),
        import("a::F", Some("F")),
        import("h::I::j", None),
    ];
    assert_eq!(imports(&tokens(code)), expected);
}

#[test]
fn a_circle_is_found_with_its_way() {
    let files = [
        ("mod.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use super::b::B;"),
        ("b.rs", "fn f() { crate::r::c::f() }"),
        ("c.rs", "use super::{a::A, b};"),
    ];
    let told = [
        "r: a -> b (super::b::B), b -> c (crate::r::c::f), c -> a (super::a::A)",
        "r: b -> c (crate::r::c::f), c -> b (super::b)",
    ];
    assert_eq!(circles(&files), told);
}

#[test]
fn a_name_leads_to_the_module_that_it_comes_from() {
    let files = [
        ("mod.rs", "mod a; mod b; pub use a::A; use b::B; pub struct Own;"),
        ("a.rs", "use super::B;"),
        ("b.rs", "use std::fmt;"),
    ];
    assert_eq!(circles(&files), [""; 0], "neither uses the other, by way of mod.rs");
    let files = [files[0], files[1], ("b.rs", "use super::A;")];
    assert_eq!(circles(&files), ["r: a -> b (super::B), b -> a (super::A)"]);
    let files = [files[0], ("a.rs", "use super::Own;"), ("b.rs", "")];
    assert_eq!(circles(&files), [""; 0], "mod.rs passes `A` on, and does not use it");
}

#[test]
fn the_code_of_mod_rs_is_a_module_as_well() {
    let files = [("mod.rs", "mod a; pub struct Own(a::A);"), ("a.rs", "use super::Own;")];
    assert_eq!(circles(&files), ["r: a -> mod (super::Own), mod -> a (a::A)"]);
}

#[test]
fn a_folder_is_one_module_and_has_modules_of_its_own() {
    let files = [
        ("mod.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod x; mod y;"),
        ("a/x.rs", "use super::y::Y; use super::super::b::B;"),
        ("a/y.rs", "use super::x::X;"),
        ("b.rs", "use super::a::y::Y;"),
    ];
    let told = [
        "r: a -> b (super::super::b::B), b -> a (super::a::y::Y)",
        "r/a: x -> y (super::y::Y), y -> x (super::x::X)",
    ];
    assert_eq!(circles(&files), told);
}

#[test]
fn tests_are_left_out() {
    let files = [
        ("mod.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
        ("a.rs", "use super::b::B;"),
        ("b.rs", "#[cfg(test)] mod tests { use super::super::a::A; } #[cfg(test)] use super::a;"),
        ("tests.rs", "use super::a::A;"),
    ];
    assert_eq!(circles(&files), [""; 0]);
}
