//! Where a test takes place: a folder, a bk-sops, and the commands that run there.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use bk_launch::mock::{Behaviour, Mock, MockCounts};

use super::signals::with_default_signals;
use super::{Folder, Launch, Outcome, Running, mock, well};

/// The program that is tested.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_bk-launch");

/// The most lines of a report or of what a command said that a failed test shows.
const SHOWN: usize = 60;

/// Maximum length of a file that a failed test shows, in bytes.
const LONGEST: u64 = 1 << 20;

/// A scene with this list as `tasks.csv`.
pub fn scene(list: impl AsRef<[u8]>) -> Scene {
    let scene = Scene::new();
    scene.file("tasks.csv", list);
    scene
}

/// A launch of this list, in a scene of its own.
pub fn launch(list: impl AsRef<[u8]>) -> Launch {
    scene(list).run()
}

/// A folder, and the server that is meant where nothing else is said: a bk-sops that works well.
/// Clones are the same scene.
#[derive(Clone)]
pub struct Scene(Arc<Stage>);

struct Stage {
    folder: Folder,
    server: OnceLock<Mock>,
    /// Every command that ended here, and what it said.
    told: Mutex<Vec<String>>,
}

impl Deref for Scene {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0.folder
    }
}

impl Scene {
    pub fn new() -> Self {
        let (server, told) = (OnceLock::new(), Mutex::default());
        Self(Arc::new(Stage { folder: Folder::new(), server, told }))
    }

    /// Says how bk-sops behaves here, before anything runs.
    #[track_caller]
    pub fn against(self, behaviour: Behaviour) -> Self {
        assert!(self.0.server.set(mock(behaviour)).is_ok(), "there is a server already");
        self
    }

    /// Changes how bk-sops behaves from now on.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        self.mock().site().change(change);
    }

    pub fn mock(&self) -> &Mock {
        self.0.server.get_or_init(|| mock(well()))
    }

    pub fn url(&self) -> String {
        self.mock().url()
    }

    /// What the server saw so far.
    pub fn seen(&self) -> MockCounts {
        self.mock().counts()
    }

    /// A launch of `tasks.csv`, with the report `r.csv`.
    pub fn run(&self) -> Launch {
        Launch::of(self, "run").input("tasks.csv").report("r.csv").by_esb()
    }

    /// A launch of `tasks.csv`, with its report in the run's folder.
    pub fn run_kept(&self) -> Launch {
        Launch::of(self, "run").input("tasks.csv").by_esb()
    }

    /// A resume, which needs no server to be named.
    pub fn resume(&self) -> Launch {
        Launch::of(self, "resume")
    }

    /// A measurement with `tasks.csv`, and its result on standard output.
    pub fn bench(&self) -> Launch {
        Launch::of(self, "bench").input("tasks.csv").by_esb().with("--json")
    }

    /// Any command, by its words.
    pub fn command(&self, words: impl AsRef<str>) -> Launch {
        Launch::of(self, words.as_ref())
    }

    /// The variables of a launch: credentials and nothing else.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let state = self.path("state").into_os_string();
        [
            ("BK_APP_CODE", "app".into()),
            ("BK_APP_SECRET", "s3cret-of-app".into()),
            ("BK_TOKEN", "t0ken-of-user".into()),
            ("BK_LAUNCH_STATE", state),
        ]
        .map(|(name, value): (_, OsString)| (name.into(), value))
        .into()
    }

    /// Another program, about to be run here.
    pub fn other(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path("")).env_clear().envs(self.environment());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        command
    }

    /// A line of shell, in which PROGRAM is the program, and `--esb URL` names the server.
    pub fn shell_command(&self, line: &str) -> Command {
        let mut line = line.replace("PROGRAM", PROGRAM);
        if line.contains("--esb URL") {
            line = line.replace("--esb URL", &format!("--esb {}", self.url()));
        }
        let mut shell = self.other("bash");
        shell.args(["-c", &line]);
        shell
    }

    /// Runs a line of shell to its end.
    #[track_caller]
    pub fn shell(&self, line: &str) -> Outcome {
        self.start(&mut self.shell_command(line)).ends()
    }

    /// Starts any command, for signals and pipes.
    pub fn start(&self, command: &mut Command) -> Running {
        with_default_signals();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        let words = words.join(" ").replace(PROGRAM, "bk-launch");
        Running::new(child, self.clone(), words)
    }

    /// Keeps what a command said, for a test that fails.
    pub fn tell(&self, told: String) {
        self.0.told.lock().unwrap().push(told);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut told = String::new();
        for command in self.told.lock().unwrap().iter() {
            told += &shortened(command);
        }
        let mut entries: Vec<_> =
            std::fs::read_dir(self.folder.path("")).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        let is_shown = |path: &&PathBuf| {
            path.is_file() && path.metadata().is_ok_and(|file| file.len() < LONGEST)
        };
        for path in entries.iter().filter(is_shown) {
            let text = std::fs::read(path).unwrap_or_default();
            let text = shortened(&String::from_utf8_lossy(&text));
            let _ = writeln!(told, "--- {}\n{text}", path.file_name().unwrap().display());
        }
        if let Some(server) = self.server.get() {
            told += &seen(&server.counts());
        }
        #[expect(clippy::print_stdout, reason = "shown with the test that failed")]
        let show = |told: &str| println!("when the test failed:\n{told}");
        show(&told);
    }
}

/// What a server saw, in a few lines.
fn seen(counts: &MockCounts) -> String {
    let MockCounts { requests, starts, started, answers, refused, gone, status, detail, .. } =
        counts;
    let most = counts.most_in_flight;
    let mut told = format!(
        "--- the server saw {requests} requests, {starts} starts, {status} questions for a state \
         and {detail} for details, at most {most} at a time; it started {started}, refused \
         {refused} and was gone for {gone}: {answers:?}\n"
    );
    for (task, counts) in counts.tasks.iter().take(SHOWN) {
        let _ = writeln!(told, "{task}: {counts:?}");
    }
    told
}

/// The first and the last lines of a long text.
fn shortened(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    if lines.len() <= SHOWN {
        return format!("{}\n", text.trim_end());
    }
    let (head, tail) = (&lines[..SHOWN / 2], &lines[lines.len() - SHOWN / 2..]);
    let left_out = lines.len() - SHOWN;
    format!("{}\n... {left_out} lines more ...\n{}\n", head.join("\n"), tail.join("\n"))
}
