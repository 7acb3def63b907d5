//! Plays a history: one session of the program after the other, in one world.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bk_launch::internals::cli::{NoticeSink, Outside, execute};
use bk_launch::internals::session::machine::Machine;
use serde_json::Value;

use crate::history::{Before, Deed, History, InputKind, Route, SessionPlan};
use crate::ledger::{self, Ledger};
use crate::promises::Broken;
use crate::server::At;
use crate::world::witness::{SessionEnd, SessionFacts};
use crate::world::{
    SimulatedDriver, SimulatedExecutor, Telling, World, network, place_blank, streams,
};

/// How a history went.
pub struct Played {
    pub broken: Option<Broken>,
    pub story: Vec<(At, String)>,
    /// Numbers that two plays of one history must have in common.
    pub fingerprint: Vec<String>,
}

/// Plays `history` in a folder that is empty at first.
pub fn play(history: &History, folder: &Path, telling: Telling) -> Played {
    let world = World::new(history, folder, telling);
    fs::write(folder.join("list.csv"), list(history)).unwrap();
    for number in 0..history.sessions.len() {
        one_session(&world, number);
        if world.broken().is_some() {
            break;
        }
    }
    let fingerprint = world.fingerprint();
    Played { broken: world.broken(), story: world.story(), fingerprint }
}

/// Returns the list as a file holds it.
pub fn list(history: &History) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["bk_biz_id", "task_id", "scope", "owner"]).unwrap();
    for row in &history.list {
        writer.write_record([&row.biz, &row.task, &row.scope, &row.owner]).unwrap();
    }
    for decoy in history.decoys() {
        writer.write_record(decoy).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn one_session(world: &Arc<World>, number: usize) {
    let plan = &world.history.sessions[number];
    world.clock.pass(plan.gap);
    let lost_power = world
        .state()
        .witness
        .sessions
        .last()
        .is_some_and(|last| matches!(last.end, SessionEnd::PoweredOff));
    if plan.reboot || lost_power {
        world.clock.reboot();
    }
    if world.history.heals(number, world.now()) {
        world.state().nothing_more_befalls();
    }
    world.clocks_go_on();
    world.begin_session(number);
    world.befall_what_is_due();
    prepare(world, plan);
    let words = words(world, number);
    world.tell(|| format!("$ {}", shown(&words)));
    let journaled = !words.iter().any(|word| word == "--no-journal");
    let code = execute(outside(world, words));
    let death = world.state().take_death();
    world.deliver();
    let end = match &death {
        Some((deed, snapshot)) => {
            world.crash(*deed, snapshot);
            if *deed == Deed::PowerLoss { SessionEnd::PoweredOff } else { SessionEnd::Killed }
        }
        None => ended(world, code),
    };
    world.tell(|| format!("the session ends: {end:?}"));
    let facts = facts(world, end, journaled);
    world.state().witness.sessions.push(facts);
    if world.broken().is_none() {
        world.check_session();
    }
}

/// Returns what the program is handed.
fn outside(world: &Arc<World>, words: Vec<String>) -> Outside {
    let noted = Arc::clone(world);
    let say = move |text: &str| {
        noted.tell(|| format!("stderr: {text}"));
        noted.state().streams.say(text);
    };
    let seed = world.history.seed.wrapping_add(world.state().session as u64);
    Outside {
        words: words.into_iter().map(OsString::from).collect(),
        variables: Rc::new(|name| (name == "BK_APP_CODE").then(|| "ops".to_owned())),
        machine: Machine {
            clocks: Arc::clone(&world.clock) as _,
            random: fastrand::Rng::with_seed(seed),
            executor: Arc::new(SimulatedExecutor(Arc::clone(world))),
            streams: streams(world, &list(&world.history)),
            place_blank: Some(Arc::new(place_blank)),
            journal_opened: world.journal_opened(),
        },
        network: network(world),
        notices: NoticeSink::To(Arc::new(say)),
        driver: Box::new(SimulatedDriver::new(world)),
    }
}

/// Puts files as they are before a session: credentials, and what people did to reports.
fn prepare(world: &Arc<World>, plan: &SessionPlan) {
    let now = world.now();
    for before in &plan.before {
        match before {
            Before::MendCredentials => world.state().server.mend_credentials(now),
            Before::EditReport => {
                for report in reports(world) {
                    let mut text = fs::read(&report).unwrap_or_default();
                    text.extend_from_slice(b"edited\n");
                    fs::write(report, text).unwrap();
                }
            }
            Before::RemoveReport => {
                for report in reports(world) {
                    fs::remove_file(report).unwrap();
                }
            }
            Before::OtherTarget => {}
        }
    }
    world.write_credentials();
}

/// The reports that lie there.
fn reports(world: &World) -> Vec<PathBuf> {
    let outputs = outputs(world, world.state().session);
    outputs.into_iter().filter(|path| path.is_file()).collect()
}

/// Returns the files that a session writes its reports to.
pub fn outputs(world: &World, session: usize) -> Vec<PathBuf> {
    let named = crate::promises::Settings::of(&world.history, session).outputs;
    if named.is_empty() {
        let journal = ledger::find(&world.folder.join("state"));
        return journal.map(|journal| journal.with_file_name("report.csv")).into_iter().collect();
    }
    named.iter().map(|name| path_of(world, name)).collect()
}

fn path_of(world: &World, name: &str) -> PathBuf {
    match name {
        "full" => "/dev/full".into(),
        "-" => "-".into(),
        name => world.folder.join(name),
    }
}

/// Returns the command line of a session.
fn words(world: &World, number: usize) -> Vec<String> {
    let History { sessions, input, server, .. } = &world.history;
    let plan = &sessions[number];
    let mut words = vec!["bk-launch".to_owned()];
    if number == 0 {
        words.push("run".into());
        words.push(match input {
            InputKind::File => world.folder.join("list.csv").display().to_string(),
            InputKind::Stream { .. } => "-".into(),
        });
    } else {
        words.push("resume".into());
    }
    for flag in &plan.flags {
        match (flag.name, &flag.value) {
            ("output", Some(name)) => {
                words.push(format!("--output={}", path_of(world, name).display()));
            }
            _ => words.push(flag.to_string()),
        }
    }
    let in_folder = |name: &str| world.folder.join(name).display().to_string();
    words.push(format!("--state-dir={}", in_folder("state")));
    words.push(format!("--app-secret-file={}", in_folder("secret")));
    words.push(format!("--token-file={}", in_folder("token")));
    words.extend(["--progress=plain".into(), "--no-config".into(), "--tz=UTC".into()]);
    let is_moved =
        sessions[..=number].iter().any(|session| session.before.contains(&Before::OtherTarget));
    let host = if is_moved { "moved.example.com" } else { "paas.example.com" };
    words.push(match server.route {
        Route::LegacyEsb | Route::NewEsb => format!("--esb=https://{host}"),
        Route::Gateway => format!("--gateway=https://{host}/api/{{gateway_name}}"),
    });
    let on_stdout =
        |session: &SessionPlan| session.flags.iter().any(|flag| flag.value.as_deref() == Some("-"));
    if !sessions.iter().any(on_stdout) {
        words.push("--json".into());
    }
    words
}

fn shown(words: &[String]) -> String {
    words.join(" ")
}

/// How a session ended that did not die.
fn ended(world: &World, code: u8) -> SessionEnd {
    let state = world.state();
    let said = state.streams.said.last().cloned().unwrap_or_default();
    let text = state.streams.last_read().unwrap_or_default().to_owned();
    let stdout = String::from_utf8_lossy(&state.streams.stdout);
    let json = stdout.lines().last().and_then(|line| serde_json::from_str(line).ok());
    if said.starts_with("error: ") || said.starts_with("the window ends at") {
        return SessionEnd::Refused { code, text };
    }
    SessionEnd::Exited { code, text, json: json.unwrap_or(Value::Null) }
}

/// Gathers what a session left.
fn facts(world: &World, end: SessionEnd, journaled: bool) -> SessionFacts {
    let session = world.state().session;
    let open = || Ledger::open(&ledger::find(&world.folder.join("state"))?);
    let ledger = world.state().noted.take();
    let ledger = ledger.or_else(open);
    let reports = outputs(world, session);
    let read = |path: &PathBuf| {
        if path.as_os_str() == "-" {
            let text = String::from_utf8_lossy(&world.state().streams.stdout).into_owned();
            return ledger::read_report(&text, None);
        }
        path.is_file().then(|| ledger::report(path)).flatten()
    };
    let reports: Vec<_> = reports.iter().map(read).collect();
    let now = world.now();
    let mut written: Vec<(String, Vec<u8>)> = Vec::new();
    for path in crate::world::files_below(&world.folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // The last is an index of the journal's log, which holds numbers alone.
        if !matches!(&*name, "secret" | "token" | "journal.db-shm") {
            written.push((name, fs::read(&path).unwrap()));
        }
    }
    let state = world.state();
    written.push(("standard error".into(), state.streams.said.join("\n").into_bytes()));
    written.push(("standard output".into(), state.streams.stdout.clone()));
    let intended = ledger.as_ref().and_then(|ledger| ledger.intended().ok());
    let settled = ledger.as_ref().and_then(|ledger| ledger.settled().ok());
    if let (SessionEnd::Killed | SessionEnd::PoweredOff, Some(ledger)) = (&end, ledger) {
        ledger.leave_log();
    }
    SessionFacts {
        began: state.began(),
        ended: now,
        end,
        signal: state.signal(),
        reports,
        written,
        journaled,
        intended: intended.unwrap_or_default().into_iter().collect(),
        settled: settled.unwrap_or_default(),
        rows_read: state.rows_read(),
    }
}
