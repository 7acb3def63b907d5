//! The README's recipes, each run as it stands there, but for the server's URL.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock};

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

/// The blocks of the section "Recipes".
pub fn recipes() -> Vec<String> {
    let path = format!("{}/README.md", env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(path).unwrap();
    let section = readme.split("\n## Recipes").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
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

pub fn cook(folder: &Folder, mock: &Mock, recipe: &str) -> Finished {
    // The recipe's own mock gets a port that is free.
    let spare = Mock::start(Behaviour::default(), 0).unwrap();
    let port = spare.port().to_string();
    drop(spare);
    let recipe = recipe
        .replace("https://paas.example.com", &mock.url())
        .replace("https://bkapi.example.com", &mock.url())
        .replace("8080", &port)
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

#[test]
fn every_recipe_of_the_readme_works() {
    let recipes = recipes();
    assert!(recipes.len() >= 10, "{} recipes", recipes.len());
    for recipe in recipes {
        let mock = Mock::start(Behaviour::default(), 0).unwrap();
        let folder = kitchen();
        let needs_report = recipe.contains("awk");
        if needs_report {
            let first = vec![FirstFault { task: 2, kind: FaultKind::Crash, times: 1 }];
            mock.site().change(|behaviour| behaviour.first = first);
            let words = ["run", "tasks.csv", "-o", "report.csv", "--retries", "0"];
            folder.run(&[&words[..], &["--esb", &mock.url()]].concat()).exits(1);
        }
        let before = mock.counts().started;
        let cooked = cook(&folder, &mock, &recipe);
        let told = cooked.stderr();
        assert!(!told.contains("error:") && !told.contains("not found"), "{recipe}\n{cooked}");
        let cooked = cooked.exits(0);
        let started = mock.counts().started - before;
        let by_its_own_mock = recipe.contains("8080");
        assert!(started > 0 || by_its_own_mock, "{recipe}\n{cooked}");
        if needs_report {
            assert_eq!(started, 1, "only the failed row was launched again");
        }
    }
}
