//! `bk-launch report`: the report of a run once more, in any format and in the
//! order of the input.

use std::io::Write;

use super::command_error::CommandError;
use super::notice::notice;
use super::outside;
use super::runs::choose;
use super::settings;
use super::stdout::stdout;
use crate::args::report::ReportArgs;
use crate::journal::{InputState, Order};
use crate::report::{Finished, Placement};
use crate::rules::stats::Summary;
use crate::session::exit::Exit;
use crate::session::machine::Streams;
use crate::session::replay::replay;
use crate::session::reports::{self, Beside};
use crate::session::run::Run;
use crate::session::zone::zone;
use crate::text::kept_run;

/// Runs the command.
pub(crate) fn run(args: ReportArgs) -> Result<Exit, CommandError> {
    let ReportArgs { run, outputs, force, json, state } = args;
    settings::check_outputs(&outputs, json.into())?;
    let runs = settings::runs(state, &|name| std::env::var(name).ok())?;
    let runtime = outside::runtime()?;
    let run = Run::open(&choose(&runs, run.as_deref())?)?;
    let existing = settings::existing(force);
    let placement = Placement::Beside(&run.folder.id);
    let stdout_of_report = Streams::of_system().output;
    let destinations =
        reports::destinations(None, &outputs, |_| Ok(existing), placement, &stdout_of_report)?;
    let zone = zone(&run.about.zone);
    let mut open = reports::begin(destinations, &run.about.columns, &zone, Beside::Journal)?;
    let mut summary = Summary::new(run.flags.already_started());
    replay(&run, Order::Input, &mut open, &mut summary)?;
    Finished::of(open).put_in_place()?;
    drop(runtime);
    let is_part = run.about.input == InputState::Incomplete;
    notice(&kept_run::text(&summary, is_part, &outputs));
    if json {
        let exit = run.journal.sessions()?.last().and_then(|last| last.exit);
        writeln!(stdout(), "{}", kept_run::json(&run, &summary, &outputs, exit))?;
    }
    Ok(Exit::Good)
}
