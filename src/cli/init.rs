//! `bk-launch init`: write a config file, from flags or from answers on the terminal.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::command_error::CommandError;
use super::notice::notice;
use crate::args::init::{AnswerArgs, InitArgs};
use crate::config::file::{HERE, user_file};
use crate::config::template::{NewProfile, refusal};
use crate::domain::shell_word::shell_word;
use crate::monitor::console;
use crate::session::exit::Exit;

/// Runs the command.
pub(crate) fn run(args: InitArgs) -> Result<Exit, CommandError> {
    let InitArgs { file, user, force, profile, answers } = args;
    let mut answers = given(answers);
    let has = |key: &str, answers: &[Given]| answers.iter().any(|(known, _)| *known == key);
    if !has("esb", &answers) && !has("gateway", &answers) {
        console::terminal().map_err(|_| InitError::NothingGiven)?;
        ask_all(&mut answers)?;
    }
    for (key, value) in &answers {
        if let Some(why) = refusal(key, value) {
            return Err(InitError::Refused { flag: key.replace('_', "-"), why }.into());
        }
    }
    let profile = NewProfile { name: profile, answers };
    let place = Place::of(file, user, &profile)?;
    profile.check(place.path())?;
    write(place.path(), &profile.text(), force)?;
    for key in FILES {
        if profile.answer(key).is_some_and(|path| !Path::new(path).exists()) {
            let flag = key.replace('_', "-");
            notice(&format_args!(
                "warning: --{flag}: there is no such file yet; make it before a run"
            ));
        }
    }
    let path = place.path().display();
    let is_hidden = matches!(place, Place::OfUser(_)) && Path::new(HERE).is_file();
    let named = format!("--config {}", shell_word(&path.to_string()));
    let next = match place {
        Place::Here(_) | Place::OfUser(_) if !is_hidden => "bk-launch doctor".to_owned(),
        _ => format!("bk-launch doctor {named}"),
    };
    if is_hidden {
        notice(&format_args!("{HERE} here comes first: a run here takes the new file by {named}"));
    }
    notice(&format_args!("{path} is written, with the profile {}; next: {next}", profile.name));
    Ok(Exit::Good)
}

/// Keys that name files.
const FILES: [&str; 3] = ["cacert", "app_secret_file", "token_file"];

/// A key of the profile with its value.
type Given = (&'static str, String);

/// Returns what the flags say. Paths are made absolute, since a profile is used from anywhere.
fn given(args: AnswerArgs) -> Vec<Given> {
    let AnswerArgs {
        esb,
        gateway,
        gateway_stage,
        cacert,
        app_code,
        app_secret_file,
        app_secret_cmd,
        token_file,
        token_cmd,
        username,
        rate,
        concurrency,
        max_failures,
        confirm,
    } = args;
    let all = [
        ("esb", esb),
        ("gateway", gateway),
        ("gateway_stage", gateway_stage),
        ("cacert", cacert.map(|path| absolute(&path))),
        ("app_code", app_code),
        ("app_secret_file", app_secret_file.map(|path| absolute(&path))),
        ("app_secret_cmd", app_secret_cmd),
        ("token_file", token_file.map(|path| absolute(&path))),
        ("token_cmd", token_cmd),
        ("username", username),
        ("rate", rate),
        ("concurrency", concurrency),
        ("max_failures", max_failures),
        ("confirm", confirm),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    absolute.as_deref().unwrap_or(path).display().to_string()
}

/// Asks for what the flags do not say.
fn ask_all(answers: &mut Vec<Given>) -> Result<(), InitError> {
    let has = |keys: &[&str], answers: &[Given]| answers.iter().any(|(key, _)| keys.contains(key));
    let url = "URL of the ESB, or of the API gateway with {gateway_name} in it: ";
    answers.extend(ask(url, |url| {
        let key = if url.contains('{') { "gateway" } else { "esb" };
        accepted(key, url)
    })?);
    if !has(&["app_code"], answers) {
        let code = "App code [nothing: BK_APP_CODE gives it]: ";
        answers.extend(ask(code, |code| optional("app_code", code))?);
    }
    if !has(&["app_secret_file", "app_secret_cmd"], answers) {
        let secret = "File with the app secret, or ! and a command that prints it [nothing: \
                      BK_APP_SECRET gives it]: ";
        answers.extend(ask(secret, |typed| source("app_secret_file", "app_secret_cmd", typed))?);
    }
    if !has(&["token_file", "token_cmd", "username"], answers) {
        let user = "File with the token, ! and a command, or @ and a user name [nothing: BK_TOKEN \
                    gives it]: ";
        answers.extend(ask(user, |typed| match typed.strip_prefix('@') {
            Some(name) => optional("username", name.trim()),
            None => source("token_file", "token_cmd", typed),
        })?);
    }
    if !has(&["rate"], answers) {
        answers.extend(ask("Maximum rate of requests [20/s]: ", |rate| optional("rate", rate))?);
    }
    Ok(())
}

/// Asks until `judge` takes the answer.
fn ask(
    question: &str,
    judge: impl Fn(&str) -> Result<Option<Given>, String>,
) -> Result<Option<Given>, InitError> {
    loop {
        let prompt = console::ask(question.to_owned()).map_err(InitError::Terminal)?;
        let typed = prompt.wait_for_answer().map_err(InitError::Terminal)?;
        if typed.is_empty() {
            return Err(InitError::NoAnswer);
        }
        match judge(typed.trim()) {
            Ok(answer) => return Ok(answer),
            Err(why) => notice(&why),
        }
    }
}

fn accepted(key: &'static str, value: &str) -> Result<Option<Given>, String> {
    match refusal(key, value) {
        None => Ok(Some((key, value.to_owned()))),
        Some(why) => Err(why),
    }
}

fn optional(key: &'static str, value: &str) -> Result<Option<Given>, String> {
    if value.is_empty() { Ok(None) } else { accepted(key, value) }
}

/// Takes a file or a command. What is neither may be the secret itself, and is not repeated.
fn source(file: &'static str, command: &'static str, typed: &str) -> Result<Option<Given>, String> {
    match typed.strip_prefix('!') {
        Some(line) => accepted(command, line.trim()),
        None if typed.is_empty() => Ok(None),
        None if Path::new(typed).is_file() => accepted(file, &absolute(Path::new(typed))),
        None => {
            Err("there is no such file; a secret itself is not written into the config file".into())
        }
    }
}

/// Place of the new file.
enum Place {
    /// Working folder, where a run finds it.
    Here(PathBuf),
    OfUser(PathBuf),
    /// Found only by `--config`.
    Named(PathBuf),
}

impl Place {
    fn of(file: Option<PathBuf>, user: bool, profile: &NewProfile) -> Result<Self, InitError> {
        let is_here =
            |path: &Path| std::path::absolute(path).ok() == std::path::absolute(HERE).ok();
        match file {
            Some(path) if is_here(&path) && profile.has_command() => Err(InitError::CommandHere),
            Some(path) if is_here(&path) => Ok(Self::Here(path)),
            Some(path) => Ok(Self::Named(path)),
            None if user || profile.has_command() => {
                let path = user_file(&|name| std::env::var(name).ok());
                path.map(Self::OfUser).ok_or(InitError::NoHome)
            }
            None => Ok(Self::Here(HERE.into())),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Here(path) | Self::OfUser(path) | Self::Named(path) => path,
        }
    }
}

/// Writes a file that only its owner may read, as a whole or not at all.
fn write(path: &Path, text: &str, force: bool) -> Result<(), InitError> {
    let failed = |source| InitError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(InitError::Exists { path: path.to_owned() })
        }
        Err(error) => Err(failed(error.error)),
    }
}

/// No config file was written.
#[derive(Debug, Error)]
pub(crate) enum InitError {
    #[error(
        "no server is named, and there is no terminal to ask on: give --esb URL or --gateway TEMPLATE; \
         and, if they are known, --app-code, --app-secret-file or --app-secret-cmd, --token-file, \
         --token-cmd or --username, and --rate"
    )]
    NothingGiven,
    #[error("--{flag}: {why}")]
    Refused { flag: String, why: String },
    #[error("{} is there already; --force overwrites it, and FILE names another one", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "a bk-launch.toml of the working folder may name no command; write your own file with --user, \
         or give FILE another name, for --config"
    )]
    CommandHere,
    #[error("no place for your own file: set HOME, or name a FILE")]
    NoHome,
    #[error("the terminal cannot be read: {0}")]
    Terminal(io::Error),
    #[error("the terminal gave no answer, so nothing is written")]
    NoAnswer,
}
