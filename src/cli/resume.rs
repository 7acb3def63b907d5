//! `bk-launch resume`: finish a run that was interrupted or stopped.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use thiserror::Error;

use super::args::{Cli, Command, ResumeArgs};
use super::credentials::Environment;
use super::ending::{Place, Told};
use super::exit::Exit;
use super::files::{self, Beside};
use super::plan::{self, Left, Plan, Rows};
use super::session::{self, Printed, Work};
use super::settings::{Look, Settings};
use super::watch::{Monitors, Outcome, Watch};
use super::{Failure, check, config, kept, logs, own_report, report, runs, tell};
use crate::api::Client;
use crate::domain::clocks::Clocks;
use crate::domain::record::{AlreadyStarted, Doubt};
use crate::journal::{About, Copied, FINISHED, InputState, Journal, Opening, Order};
use crate::launch::{PlannedRows, RowSource, RunJournal};
use crate::monitor::console;
use crate::monitor::systemd;
use crate::report::{Finished, IfExists, OpenReport, Placement};
use crate::rules::resume::{self, Doubts, Lines, Planned};
use crate::rules::stats::Summary;
use crate::shutdown::OUTAGE;
use crate::store::{Growth, RunDir, SavedFlags, check_copy};
use crate::system_clocks::SystemClocks;

/// Runs the command; `typed` is what stands on the command line.
pub(super) fn run(args: &ResumeArgs, typed: &ArgMatches) -> Result<Exit, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    if args.looks.quiet {
        super::hold_back();
    }
    logs::begin(args.looks.log_format, args.looks.verbose);
    let all = super::settings::runs(args.state.clone(), &environment)?;
    let (folder, chosen) = runs::choose_quietly(&all, args.run.as_deref())?;
    let place = Place { folder, state_dir: args.state.state_dir.clone().map(OsString::from) };
    let folder = place.folder.clone();
    let _lock = session::lock(&folder)?;
    let run = Run::open(&folder)?;
    let _name_lock = match run.about.name.as_ref().and_then(|name| name.parse().ok()) {
        Some(name) => Some(session::lock_name(&all, &name)?),
        None => None,
    };
    let (args, matches) = with_kept(&run.kept, typed)?;
    // Flags were kept; of a profile only credentials are taken.
    let profile = config::load(&args.config, &environment)?;
    if let Some(profile) = &profile {
        tell(&format_args!("config: {profile}"));
    }
    if let Some(chosen) = chosen {
        tell(&chosen);
    }
    let of_profile = |name: &str| profile.as_ref().and_then(|profile| profile.credential(name));
    let environment = |name: &str| environment(name).or_else(|| of_profile(name));
    if !args.look.dry_run && !args.look.check {
        let name = run.about.name.clone();
        let watch = Watch::new(args.watch.clone(), &environment)?;
        return watch.attend(name.as_deref(), |monitors| {
            launch(args, &matches, run, place, monitors, &environment)
        });
    }
    let before = Before::read(&run, &args, args.again.already_started.into())?;
    let resume = Resume::new(args, run, before, place, &environment)?;
    match resume.settings.look {
        Look::None | Look::DryRun => resume.dry_run(&matches),
        Look::Check => {
            let list = &resume.run.about.input_name;
            check::run(resume.settings, list, &resume.before.left.sample)
        }
    }
}

/// Launches what is left of `run`, if anything is.
fn launch(
    args: ResumeArgs,
    matches: &ArgMatches,
    run: Run,
    place: Place,
    monitors: Monitors,
    environment: Environment<'_>,
) -> Result<Outcome, Failure> {
    let already = args.again.already_started.into();
    let before = Before::read(&run, &args, already)?;
    if before.is_finished() {
        return finished(run, &args, already, &place);
    }
    Resume::new(args, run, before, place, environment)?.launch(matches, monitors)
}

/// The flags that were typed, with those of the run where nothing was typed.
fn with_kept(kept: &SavedFlags, typed: &ArgMatches) -> Result<(ResumeArgs, ArgMatches), Failure> {
    let words: Vec<_> = std::env::args_os().collect();
    let words = kept::with_kept(kept, typed, &words);
    let matches = Cli::command().try_get_matches_from(words).map_err(|error| error.to_string())?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    match (cli.command, matches.subcommand()) {
        (Command::Resume(args), Some((_, matches))) => Ok((*args, matches.clone())),
        _ => Err("the flags of the run cannot be read".into()),
    }
}

/// A run that is there.
pub(super) struct Run {
    /// Where.
    pub folder: RunDir,
    /// Its journal.
    pub journal: Journal,
    /// What it is.
    pub about: About,
    /// Its flags.
    pub kept: SavedFlags,
    /// What the copy of its input holds.
    copied: Copied,
}

impl Run {
    /// Opens the run in `folder`, unless its journal or its input are not what they were.
    pub(super) fn open(folder: &RunDir) -> Result<Self, Failure> {
        let journal = Journal::open(&folder.journal())?;
        let about = journal.about()?;
        let kept = SavedFlags::read(folder)?;
        let path = folder.input(&about.input_format);
        // The first session may have read more than it could note; later ones read no more.
        let growth = match about.input {
            InputState::Incomplete if journal.sessions()?.len() <= 1 => Growth::Grew,
            InputState::Incomplete | InputState::Ended => Growth::Complete,
        };
        let known = about.copy.as_ref().map(|copy| (copy.bytes, &*copy.sha256));
        let (bytes, sha256) = check_copy(&path, known, growth)?;
        let copied = Copied { bytes, sha256 };
        Ok(Self { folder: folder.clone(), journal, about, kept, copied })
    }
}

/// What earlier sessions left behind.
struct Before {
    settled: Lines,
    doubts: Doubts,
    left: Left,
    ended_in_outage: bool,
}

impl Before {
    /// One look through the input says what is left, and what is in doubt.
    fn read(run: &Run, args: &ResumeArgs, already: AlreadyStarted) -> Result<Self, Failure> {
        let then = run.journal.settled()?;
        let last = run.journal.last_session()?;
        let bad = if args.retry_failed { run.journal.bad(already)? } else { Doubts::new() };
        let mut settled = then.clone();
        for line in bad.keys() {
            settled.remove(*line);
        }
        let mut left = Left { settled: settled.len(), ..Left::default() };
        let all = Cell::new(0);
        let rows = files::reopen(&run.folder, &run.about)?.rows;
        let rows = rows.inspect(|row| all.set(all.get() + u64::from(row.is_ok())));
        for planned in resume::plan(rows, run.about.rows, settled.clone(), Doubts::new()) {
            match planned? {
                Planned::Unsent(..) => left.unsent += 1,
                Planned::Launch(launch) => {
                    *left.businesses.entry(launch.task.business).or_default() += 1;
                    left.sample.add(launch.row.line, launch.task);
                }
            }
        }
        left.all = all.get();
        let mut doubts = resume::doubts(last, &then);
        doubts.extend(bad);
        left.in_doubt = doubts.values().filter(|prior| prior.doubt != Doubt::None).count() as u64;
        let ending = run.journal.sessions()?.pop().and_then(|last| last.ending);
        let ended_in_outage = ending.as_deref() == Some(OUTAGE);
        Ok(Self { settled, doubts, left, ended_in_outage })
    }

    fn is_finished(&self) -> bool {
        self.left.launchable() == 0 && self.left.unsent == 0
    }
}

/// A run that has nothing left to do: its report is written, and it ends as it did.
fn finished(
    mut run: Run,
    args: &ResumeArgs,
    already: AlreadyStarted,
    place: &Place,
) -> Result<Outcome, Failure> {
    // A file may hit a limit, which would kill the program without one.
    let _runtime = session::runtime()?;
    let mut reports = open_reports(&run, &args.output.outputs, args.output.force)?;
    let mut summary = Summary::new(already);
    report::replay(&run, Order::Settled, &mut reports, &mut summary)?;
    let reports = Finished::of(reports);
    run.journal.complete_reports(&reports.states().collect::<Vec<_>>())?;
    reports.put_in_place()?;
    let is_part = run.about.input == InputState::Incomplete;
    let mut exit = if summary.bad() > 0 || is_part { Exit::Bad } else { Exit::Good };
    if run.journal.sessions()?.last().is_none_or(|last| last.ending.as_deref() != Some(FINISHED)) {
        // The last session settled all, and could not say so any more.
        let last = run.journal.sessions()?.pop();
        let target = last.map(|last| last.target).unwrap_or_default();
        let at = SystemClocks::new(fastrand::u128(..)).read();
        let opening = Opening { at, target: &target, reopens: None, waits_until: None };
        run.journal.begin(&opening, &Doubts::new())?;
        run.journal.end(&Doubts::new())?;
        run.journal.note_exit(FINISHED, exit.code())?;
    }
    let reports = named_reports(&run.folder, &args.output.outputs);
    let text = format!(
        "run {} is finished; nothing was sent\n{}",
        place.folder.id,
        report::told(&summary, is_part, &reports)
    );
    tell(&text);
    systemd::ready(&text);
    let json = report::json(&run, &summary, &reports, Some(exit.code()));
    if args.output.json && session::print(&json) == Printed::Lost {
        exit = Exit::Output;
    }
    Ok(Outcome { exit, text, json, figures: None })
}

/// The reports that a session writes: those that were named, or the run's own.
fn named_reports(folder: &RunDir, outputs: &[PathBuf]) -> Vec<PathBuf> {
    if outputs.is_empty() { vec![folder.report()] } else { outputs.to_vec() }
}

/// Opens them, beside what is there; the run's own are replaced at the end, unless somebody
/// changed them.
fn open_reports(run: &Run, outputs: &[PathBuf], force: bool) -> Result<Vec<OpenReport>, Failure> {
    let existing = |output: &Path| {
        if force { Ok(IfExists::Overwrite) } else { own_report::existing(run, output) }
    };
    let outputs = named_reports(&run.folder, outputs);
    let placement = Placement::Beside(&run.folder.id);
    let destinations = files::destinations(None, &outputs, existing, placement)?;
    own_report::remove_leftovers(run, &outputs)?;
    let zone = session::zone(&run.about.zone);
    Ok(files::begin(destinations, &run.about.columns, &zone, Beside::Journal)?)
}

/// A run that goes on.
struct Resume {
    target_changed: bool,
    retry_failed: bool,
    force: bool,
    settings: Settings,
    run: Run,
    before: Before,
    place: Place,
}

impl Resume {
    fn new(
        args: ResumeArgs,
        run: Run,
        before: Before,
        place: Place,
        environment: Environment<'_>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            target_changed: args.target_changed,
            force: args.output.force,
            retry_failed: args.retry_failed,
            settings: Settings::resumed(args, environment)?,
            run,
            before,
            place,
        })
    }

    fn launch(self, matches: &ArgMatches, monitors: Monitors) -> Result<Outcome, Failure> {
        if let Some(missed) = session::missed(&self.settings.timing) {
            return Ok(missed);
        }
        let runtime = session::runtime()?;
        session::warn(&self.settings);
        let is_other = self.check_target()?;
        let credentials = self.settings.credentials.read()?;
        let plan = self.plan(plan::user(&credentials));
        plan.check_fit()?;
        let (line, planned) = (plan.to_string(), plan.expected());
        let Self { retry_failed, force, mut settings, mut run, before, place, .. } = self;
        let client = session::client(&mut settings, credentials)?;
        let reports = open_reports(&run, &settings.outputs, force)?;
        let target = settings.target.to_string();
        let clocks = SystemClocks::new(fastrand::u128(..));
        let opening = Opening {
            at: clocks.read(),
            target: &target,
            reopens: retry_failed.then_some(settings.options.already_started),
            waits_until: settings.timing.window.start,
        };
        if run.about.input == InputState::Incomplete {
            // All that may be sent from now on stands in the copy, and it grows no more.
            run.journal.note_copy(&run.copied)?;
        }
        let session = run.journal.begin(&opening, &before.doubts)?;
        let begun: Vec<_> = reports.iter().filter_map(OpenReport::begun).collect();
        run.journal.begin_reports(session, &begun)?;
        if is_other {
            kept::change_target(&mut run.kept, &kept::keep(matches, None));
            run.kept.write(&run.folder)?;
        }
        tell(&format_args!("run {}, session {session}: {line}", run.folder.id));
        let told = Told {
            target,
            reports: named_reports(&run.folder, &settings.outputs),
            place: Some(place),
        };
        let rows = files::reopen(&run.folder, &run.about)?.rows;
        let rows = resume::plan(rows, run.about.rows, before.settled, before.doubts);
        // A stage is settled before the next begins, so none of its rows can wait.
        let rows: PlannedRows = if before.ended_in_outage && settings.staging.stages.is_none() {
            Box::new(resume::sent_last(rows))
        } else {
            Box::new(rows)
        };
        let work = Work {
            run: run.folder.id,
            session,
            rows,
            source: match run.about.input {
                InputState::Ended => RowSource::File,
                InputState::Incomplete => RowSource::PartOfStream,
            },
            all: run.about.rows.or(Some(before.left.all)),
            settled: before.left.settled,
            agreed_to: run.about.agreed_to,
            planned,
            keeping: Some(RunJournal { journal: run.journal, copied: None }),
            reports,
            monitors,
            clocks,
        };
        let summary = settings.summary;
        let ended = session::launch(runtime, &settings, client, work, &told)?;
        Ok(session::finish(ended, &told, summary))
    }

    /// Another server than the run's would get rows that the first one may have
    /// started. Whether it is another one.
    fn check_target(&self) -> Result<bool, Failure> {
        let target = self.settings.target.to_string();
        let last = self.run.journal.sessions()?.pop().map(|session| session.target);
        let Some(before) = last.filter(|before| *before != target) else { return Ok(false) };
        if !self.target_changed && self.run.journal.sent_anything()? {
            return Err(TargetChanged { before, target }.into());
        }
        Ok(true)
    }

    fn plan(&self, user: String) -> Plan<'_> {
        Plan {
            rows: Rows::Left(&self.before.left),
            options: &self.settings.options,
            target: self.settings.target.to_string(),
            user,
            timing: &self.settings.timing,
            stages: self.settings.staging.ends(self.run.about.rows).unwrap_or_default(),
        }
    }

    /// Tells what the resume would do, and sends nothing.
    fn dry_run(&self, matches: &ArgMatches) -> Result<Exit, Failure> {
        session::warn(&self.settings);
        self.check_target()?;
        let credentials = self.settings.credentials.read()?;
        let user = plan::user(&credentials);
        let client =
            Client::new(self.settings.target.clone(), credentials, &self.settings.reach, 1)?;
        let request = self.before.left.sample.first().map(|task| client.show_start(&task));
        let settings = plan::settings(matches, &super::settings::set_variables(), None);
        let page = self.plan(user).page(&settings, request.as_deref());
        console::settle();
        write!(io::stdout(), "{page}")?;
        Ok(Exit::Good)
    }
}

#[derive(Debug, Error)]
#[error(
    "rows of this run were sent to {before}, and {target} is another server, which knows nothing of \
     them; if it is the same bk-sops under another name, say --target-changed"
)]
struct TargetChanged {
    before: String,
    target: String,
}
