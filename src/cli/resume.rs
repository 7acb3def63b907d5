//! `bk-launch resume`: finish a run that was interrupted or stopped.

use std::ffi::OsString;
use std::io::Write;
use std::rc::Rc;

use clap::ArgMatches;

use super::command_error::CommandError;
use super::drive::{EndOutputs, Face, Printed, Session};
use super::monitoring::{Monitoring, Monitors, SessionResult};
use super::notice::defer;
use super::outside::{NoticeSink, Outside};
use super::settings::{Moment, SummaryForm};
use super::{check, drive, logs, runs, settings, warnings};
use crate::args::resume::ResumeArgs;
use crate::args::session::Preview;
use crate::args::{self, Command};
use crate::config::flag_values::flag_values;
use crate::config::{file, profile, saved_flags};
use crate::domain::record::AlreadyStarted;
use crate::journal::InputState;
use crate::monitor::{console, systemd};
use crate::session::credentials::Environment;
use crate::session::exit::Exit;
use crate::session::find::find;
use crate::session::lock::{lock, lock_name};
use crate::session::resume::{self, Asked, Before, OtherTarget, TargetIs, named_reports};
use crate::session::run::Run;
use crate::session::settings::Settings;
use crate::store::Flags;
use crate::text::fold::folded;
use crate::text::kept_run;
use crate::text::location::RunLocation;
use crate::text::plan::PlanText;
use crate::text::runs::why_this;
use crate::text::settings::SettingList;
use crate::text::summary::SummaryContext;

/// Runs the command; `typed` is what stands on the command line.
pub(crate) fn run(
    args: &ResumeArgs,
    typed: &ArgMatches,
    outside: Outside,
) -> Result<Exit, CommandError> {
    let variables = Rc::clone(&outside.variables);
    if args.session.display.quiet {
        defer();
    }
    if matches!(outside.notices, NoticeSink::Console) {
        logs::begin(args.session.display.log_format, args.session.display.verbose);
    }
    let now = outside.machine.now();
    let all = settings::runs(args.session.state.clone(), &*variables)?;
    let found = find(&all, args.run.as_deref(), now)?;
    let _lock = lock(&found.folder)?;
    let run = Run::open(&found.folder)?;
    let name = run.about.name.as_ref().and_then(|name| name.parse().ok());
    let _name_lock = name.map(|name| lock_name(&all, &name, now)).transpose()?;
    let words = saved_flags::with_saved(&run.flags, typed, &outside.words, &*variables);
    let (mut args, mut matches) = parse(words.clone())?;
    // Flags were kept; of a profile only credentials are taken.
    let mut profile = file::load(&args.session.config, &*variables)?;
    if let Some(profile) = &mut profile
        && profile.keep_secrets()
    {
        (args, matches) = parse(profile.with_words(&matches, &words, &*variables))?;
    }
    settings::check_window(&args.session.window, typed)?;
    if let Some(profile) = &profile {
        outside.notices.say(&format_args!("config: {profile}"));
    }
    let (choice, why_this) = (runs::told(&found), why_this(found.by));
    let environment = |name: &str| profile::variable(profile.as_ref(), name, &*variables);
    let face = Face::of(&args.session);
    let location = RunLocation { folder: found.folder, state_dir: face.state_dir.clone() };
    let preview = args.session.preview.kind();
    let monitoring = Monitoring::new(args.session.monitors.clone(), &environment)?;
    let typed_flags = saved_flags::of_session(typed);
    let notices = outside.notices.clone();
    let say_choice = || choice.iter().for_each(|choice| notices.say(choice));
    let mut resume = Resume { args, matches, typed: typed_flags, why_this, run, outside };
    if preview != Preview::None {
        say_choice();
    }
    match preview {
        Preview::None => {
            let name = resume.run.about.name.clone();
            let done = monitoring.around(name.as_deref(), |monitors| {
                resume.launch(location, &face, monitors, &environment)
            });
            // What is launched says itself which run it is.
            done.inspect_err(|_| say_choice())
        }
        Preview::DryRun => {
            let variables = settings::set_variables();
            let flags = flag_values(&resume.matches, typed, profile.as_ref());
            resume.dry_run(SettingList { flags: &flags, variables: &variables }, &environment)
        }
        Preview::Check => {
            let before = Before::read(&resume.run, resume.reopens())?;
            let moment = Moment::of(&mut resume.outside.machine);
            let settings = settings::of_session(resume.args.session, &environment, moment)?;
            check::run(&settings.server, &resume.run.about.input_name, &before.left.sample)
        }
    }
}

/// Reads a command line that was put together.
fn parse(words: Vec<OsString>) -> Result<(ResumeArgs, ArgMatches), CommandError> {
    match args::parse(words).map_err(|error| error.to_string())? {
        (Command::Resume(args), matches) => Ok((*args, matches)),
        _ => Err("the flags of the run cannot be read".into()),
    }
}

/// A run that goes on, and the flags of its next session.
struct Resume {
    args: ResumeArgs,
    matches: ArgMatches,
    /// Those of the flags that were typed now.
    typed: Flags,
    /// Why it is this run, if it was not named.
    why_this: &'static str,
    run: Run,
    outside: Outside,
}

impl Resume {
    fn already(&self) -> AlreadyStarted {
        self.args.session.retries.already_started.into()
    }

    fn reopens(&self) -> Option<AlreadyStarted> {
        self.args.retry_failed.then_some(self.already())
    }

    fn other_target(&self) -> OtherTarget {
        if self.args.target_changed { OtherTarget::Accept } else { OtherTarget::Refuse }
    }

    /// Launches what is left of the run, if anything is: plan, begin, tell, run.
    fn launch(
        self,
        location: RunLocation,
        face: &Face,
        monitors: Monitors,
        environment: Environment<'_>,
    ) -> Result<SessionResult, CommandError> {
        monitors.begin();
        let reopens = self.reopens();
        let before = Before::read(&self.run, reopens)?;
        if before.is_finished() {
            return self.finish(face, &location);
        }
        let other_target = self.other_target();
        let Self { args, matches, typed, why_this, run, outside } = self;
        let Outside { mut machine, network, notices, driver, .. } = outside;
        let moment = Moment::of(&mut machine);
        let settings = settings::of_session(args.session, environment, moment)?;
        if let Some(missed) = drive::missed(&settings.timing, machine.now(), &notices) {
            return Ok(missed);
        }
        warnings::warn(&settings.server, &notices);
        let target_is = resume::check_target(&run, &settings, other_target)?;
        let credentials = settings.server.credentials.read()?;
        let plan = before.plan(&run, &settings, &credentials, &machine);
        plan.check_fit()?;
        let (line, forecast) = (PlanText(&plan).to_string(), plan.forecast());
        let slots = settings.options.limits.slots.get();
        let client = settings.server.client(&network, credentials, slots)?;
        let client = client.rereading(settings.server.reread(&machine.executor));
        let flags = match target_is {
            TargetIs::Same => run.flags.clone(),
            TargetIs::Another => {
                saved_flags::with_target(&run.flags, &saved_flags::keep(&matches, None, None))
            }
        };
        let asked = Asked { reopens, flags: &flags, typed: &typed, forecast };
        let work = resume::begin(run, before, &settings, asked, &machine)?;
        let line = format!("run {}{why_this}, session {}:\n  {line}", work.run, work.session);
        notices.say(&folded(&line));
        let context = SummaryContext {
            target: settings.server.target.to_string(),
            reports: named_reports(&location.folder, &settings.outputs),
            location: Some(location),
        };
        let notices_of_end = notices.clone();
        let session = Session { settings: &settings, client, work, monitors, face, notices };
        let ended = session.run(driver, &mut machine, &context)?;
        let outputs = EndOutputs { notices: &notices_of_end, stdout: &machine.streams.output };
        Ok(drive::finish(ended, &context, face.summary, &outputs))
    }

    /// Writes the reports of a run that has nothing left to do.
    fn finish(
        mut self,
        face: &Face,
        location: &RunLocation,
    ) -> Result<SessionResult, CommandError> {
        let already = self.already();
        let output = &self.args.session.output;
        settings::check_outputs(&output.outputs, output.json.into())?;
        let existing = settings::existing(output.force);
        let run = &mut self.run;
        let done = resume::finish(run, &output.outputs, existing, already, &self.outside.machine)?;
        let is_part = run.about.input == InputState::Incomplete;
        let text = format!(
            "run {}{} is finished; nothing was sent\n{}{}",
            run.folder.id,
            self.why_this,
            kept_run::text(&done.summary, is_part, &done.reports, None),
            kept_run::again(&done.summary, location)
        );
        let Outside { notices, machine, .. } = &self.outside;
        let outputs = EndOutputs { notices, stdout: &machine.streams.output };
        notices.say(&text);
        systemd::ready(&text);
        let mut exit = done.exit;
        let json = kept_run::json(run, &done.summary, &done.reports, Some(exit.code()));
        if face.summary == SummaryForm::Json && outputs.print(&json) == Printed::Lost {
            exit = Exit::Output;
        }
        Ok(SessionResult { exit, text, json, figures: None })
    }

    /// Says what the resume would do, and sends nothing.
    fn dry_run(
        self,
        setting_list: SettingList<'_>,
        environment: Environment<'_>,
    ) -> Result<Exit, CommandError> {
        let before = Before::read(&self.run, self.reopens())?;
        let other_target = self.other_target();
        let Self { args, matches: _, run, outside, .. } = self;
        let Outside { mut machine, network, notices, .. } = outside;
        let moment = Moment::of(&mut machine);
        let settings: Settings = settings::of_session(args.session, environment, moment)?;
        warnings::warn(&settings.server, &notices);
        resume::check_target(&run, &settings, other_target)?;
        let credentials = settings.server.credentials.read()?;
        let client = settings.server.client(&network, credentials.clone(), 1)?;
        let request = before.left.sample.first().map(|task| client.show_start(&task));
        let plan = before.plan(&run, &settings, &credentials, &machine);
        let page = PlanText(&plan).page(setting_list, request.as_deref());
        console::settle();
        write!((machine.streams.output)(), "{page}")?;
        Ok(Exit::Good)
    }
}
