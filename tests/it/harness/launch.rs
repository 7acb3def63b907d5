//! A command line, put together.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use bk_launch::mock::Behaviour;

use super::scene::PROGRAM;
use super::{Outcome, Running, Scene, Terminal};

/// A command of the program, about to be run in a scene.
#[derive(Clone)]
pub struct Launch {
    scene: Scene,
    words: Vec<OsString>,
    input: Option<OsString>,
    report: Option<OsString>,
    target: Target,
    flags: Vec<OsString>,
    /// Variables that are set, or taken away, beside those of the scene.
    environment: Vec<(OsString, Option<OsString>)>,
    keys: Keys,
}

/// What the command line says of the server.
#[derive(Clone)]
enum Target {
    Nothing,
    Esb,
    Gateway,
    At(String),
}

/// What comes on standard input.
#[derive(Clone)]
enum Keys {
    Nothing,
    /// This, and then the end.
    Whole(Vec<u8>),
    /// This, and more may come.
    Begun(Vec<u8>),
}

fn split(words: &str) -> impl Iterator<Item = OsString> {
    words.split_whitespace().map(Into::into)
}

impl Launch {
    pub fn of(scene: &Scene, words: &str) -> Self {
        Self {
            scene: scene.clone(),
            words: split(words).collect(),
            input: None,
            report: None,
            target: Target::Nothing,
            flags: Vec::new(),
            environment: Vec::new(),
            keys: Keys::Nothing,
        }
    }

    pub fn scene(&self) -> Scene {
        self.scene.clone()
    }

    /// Says how bk-sops behaves in this scene.
    #[track_caller]
    pub fn against(self, behaviour: Behaviour) -> Self {
        let scene = self.scene.clone().against(behaviour);
        Self { scene, ..self }
    }

    pub fn by_esb(self) -> Self {
        Self { target: Target::Esb, ..self }
    }

    pub fn by_gateway(self) -> Self {
        Self { target: Target::Gateway, ..self }
    }

    /// By the ESB at this URL, which need not be that of the scene's server.
    pub fn at(self, url: impl Into<String>) -> Self {
        Self { target: Target::At(url.into()), ..self }
    }

    /// Without a word of the server.
    pub fn nowhere(self) -> Self {
        Self { target: Target::Nothing, ..self }
    }

    /// Takes its rows from a file of this name.
    pub fn input(self, name: impl AsRef<OsStr>) -> Self {
        Self { input: Some(name.as_ref().into()), ..self }
    }

    /// Writes its report into a file of this name.
    pub fn report(self, name: impl AsRef<OsStr>) -> Self {
        Self { report: Some(name.as_ref().into()), ..self }
    }

    /// Adds flags, as they are typed: words with blanks between them, and no quotes.
    pub fn with(mut self, flags: impl AsRef<str>) -> Self {
        self.flags.extend(split(flags.as_ref()));
        self
    }

    /// Adds one word, whatever is in it.
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.flags.push(word.as_ref().into());
        self
    }

    pub fn environment(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), Some(value.as_ref().into())));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.environment.push((name.into(), None));
        self
    }

    /// Takes its rows from standard input, which brings this and then ends.
    pub fn piped(self, text: impl AsRef<[u8]>) -> Self {
        Self { input: None, keys: Keys::Whole(text.as_ref().into()), ..self }
    }

    /// Takes its rows from standard input, which brings this and does not end.
    pub fn typing(self, text: impl AsRef<[u8]>) -> Self {
        Self { input: None, keys: Keys::Begun(text.as_ref().into()), ..self }
    }

    /// The words after the program's name.
    pub fn words(&self) -> Vec<OsString> {
        let mut words = self.words.clone();
        words.extend(self.input.clone());
        words.extend(self.report.iter().flat_map(|name| ["-o".into(), name.clone()]));
        match &self.target {
            Target::Nothing => {}
            Target::Esb => words.extend(["--esb".into(), self.scene.url().into()]),
            Target::Gateway => {
                words.extend(["--gateway".into(), self.scene.mock().gateway().into()]);
            }
            Target::At(url) => words.extend(["--esb".into(), url.into()]),
        }
        words.extend(self.flags.iter().cloned());
        words
    }

    /// Gives `command` the variables of this launch.
    fn prepare(&self, command: &mut Command) {
        command.current_dir(self.scene.path("")).env_clear().envs(self.scene.environment());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// Starts it, for signals and pipes.
    pub fn start(self) -> Running {
        let mut command = Command::new(PROGRAM);
        self.prepare(&mut command);
        let is_piped = !matches!(self.keys, Keys::Nothing);
        command.stdin(if is_piped { Stdio::piped() } else { Stdio::null() });
        let mut running = self.scene.start(command.args(self.words()));
        running.report.clone_from(&self.report);
        match self.keys {
            Keys::Nothing => {}
            Keys::Begun(text) => running.types(text),
            Keys::Whole(text) => {
                // More than a pipe holds must not hold up the test.
                let mut keys = running.keys.take().unwrap();
                thread::spawn(move || drop(keys.write_all(&text)));
            }
        }
        running
    }

    /// Starts it on a terminal of its own.
    pub fn on_a_terminal(self) -> Terminal {
        self.on_a_terminal_after("")
    }

    /// Starts it on a terminal of its own, of this size.
    pub fn on_a_terminal_of(self, columns: u32, rows: u32) -> Terminal {
        self.on_a_terminal_after(&format!("stty cols {columns} rows {rows}; "))
    }

    /// Starts it on a terminal of its own, on which the shell does something `first`.
    fn on_a_terminal_after(self, first: &str) -> Terminal {
        let words: Vec<_> =
            self.words().into_iter().map(|word| word.into_string().unwrap()).collect();
        let line = format!("{first}echo pid $$ .; exec {PROGRAM} {}", words.join(" "));
        let mut script = Command::new("script");
        self.prepare(&mut script);
        let set = |name: &str| self.environment.iter().any(|(known, _)| known == name);
        if !set("TERM") {
            script.env("TERM", "xterm");
        }
        script.env("PATH", "/usr/bin:/bin").args(["-qefc", &line, "/dev/null"]);
        Terminal::start(script.stdin(Stdio::piped()), &self.scene)
    }

    /// Runs it to its end, whatever that is.
    #[track_caller]
    pub fn ends(self) -> Outcome {
        self.start().ends()
    }

    /// Runs it to its end; fails the test unless that is this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Outcome {
        self.start().exits(code)
    }
}
