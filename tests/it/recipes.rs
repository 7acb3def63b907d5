//! The manual's recipes, each run as it stands there, but for the server's URL, the port of its mock
//! and the hours of its window.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock};
use jiff::{SignedDuration, Timestamp};

use crate::docs::blocks;
use crate::harness::{Finished, Folder};

/// Programs that recipes use and a test machine may lack, in the shape in which
/// the recipe needs them.
const SHIMS: [(&str, &str); 4] = [
    ("mysql", "printf 'bk_biz_id\\ttask_id\\tscope\\n2\\t21\\tNULL\\n2\\t22\\tproject\\n'"),
    (
        "jq",
        "case \"$*\" in *plan.json*) echo '{\"bk_biz_id\":2,\"task_id\":31,\"owner\":\"me\"}';; *) cat >summary;; esac",
    ),
    ("curl", ":"),
    ("cargo", ":"),
];

/// The commands of the manual, each once.
pub fn recipes() -> Vec<String> {
    let recipes: BTreeSet<_> = blocks("sh").into_iter().collect();
    recipes.into_iter().collect()
}

/// A folder in which a recipe finds what it names.
pub fn kitchen() -> Folder {
    let folder = Folder::new();
    let samples = format!("{}/samples", env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(samples, folder.path("samples")).unwrap();
    folder.file("tasks.csv", "bk_biz_id,task_id,note\n2,1,a\n2,2,b\n3,3,c\n");
    folder.file("plan.csv", "\u{feff}bk_biz_id,task_id,owner\r\n2,11,me\r\n");
    let certificate = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
    folder.file("ca.pem", certificate.cert.pem());
    std::fs::create_dir(folder.path("bin")).unwrap();
    let program = env!("CARGO_BIN_EXE_bk-launch");
    std::os::unix::fs::symlink(program, folder.path("bin/bk-launch")).unwrap();
    for (name, script) in SHIMS {
        let path = folder.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// A window that is open now, where recipes have one that is open at night.
fn open_window() -> String {
    let hour = |hours| {
        let moment = Timestamp::now() + SignedDuration::from_hours(hours);
        moment.to_string()[11..16].to_owned()
    };
    format!("{}-{} --tz UTC", hour(-2), hour(2))
}

pub fn cook(folder: &Folder, mock: &Mock, recipe: &str) -> Finished {
    // The recipe's own mock gets a port that is free.
    let spare = Mock::start(Behaviour::default(), 0).unwrap();
    let port = spare.port().to_string();
    drop(spare);
    let recipe = recipe
        .replace("https://paas.example.com", &mock.url())
        .replace("https://bkapi.example.com", &mock.url())
        .replace("8080", &port)
        .replace("22:00-04:00 --tz Asia/Shanghai", &open_window())
        .replace("22:00-04:00", &open_window())
        .replace("&\n", "& sleep 0.5\n");
    let script = format!("{recipe}\nstatus=$?\n[ -z \"$!\" ] || kill $!\nexit $status\n");
    let program = folder.program(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(folder.path("")).env_clear().stdin(Stdio::null());
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", format!("{}:/usr/bin:/bin", folder.path("bin").display()));
    shell.env("BK_COMPONENT_API_URL", mock.url()).env("HOME", folder.path(""));
    folder.start(&mut shell).wait()
}

/// Leaves in `folder` what a recipe takes up: a report with a failed row, or a run that stopped.
fn prepare(folder: &Folder, mock: &Mock, recipe: &str) {
    let words = ["run", "tasks.csv", "-o", "report.csv", "--esb", &mock.url()];
    if recipe.contains("awk") {
        let first = vec![FirstFault { task: 2, kind: FaultKind::Crash, times: 1 }];
        mock.site().change(|behaviour| behaviour.first = first);
        folder.run(&[&words[..], &["--retries", "0"]].concat()).exits(1);
    } else if recipe.contains("bk-launch resume") {
        folder.run(&[&words[..], &["--limit", "1"]].concat()).exits(0);
    }
}

#[test]
fn every_recipe_of_the_manual_works() {
    let recipes = recipes();
    assert!(recipes.len() >= 20, "{} recipes", recipes.len());
    for recipe in recipes {
        let mock = Mock::start(Behaviour::default(), 0).unwrap();
        let folder = kitchen();
        prepare(&folder, &mock, &recipe);
        let before = mock.counts().started;
        let cooked = cook(&folder, &mock, &recipe);
        let told = cooked.stderr();
        assert!(!told.contains("error:") && !told.contains("not found"), "{recipe}\n{cooked}");
        let cooked = cooked.exits(0);
        let started = mock.counts().started - before;
        let launches = recipe.contains("bk-launch ") && !recipe.contains("8080");
        assert!(started > 0 || !launches, "{recipe}\n{cooked}");
        if recipe.contains("awk") {
            assert_eq!(started, 1, "only the failed row was launched again");
        }
    }
}
