//! `bk-launch report`: the report of a run once more, in any format and in the
//! order of the input, or as it grows.

use std::io::Write;
use std::path::Path;

use super::command_error::CommandError;
use super::notice::notice;
use super::outside;
use super::reader::{StdoutUse, wait_for_reader};
use super::runs::choose;
use super::settings;
use super::stdout::stdout;
use crate::args::report::ReportArgs;
use crate::journal::{InputState, Order};
use crate::report::{Finished, Placement};
use crate::rules::outcome_filter::OutcomeFilter;
use crate::rules::stats::Summary;
use crate::session::exit::Exit;
use crate::session::follow::{self, Reader, follow};
use crate::session::machine::Streams;
use crate::session::replay::replay;
use crate::session::reports::{self, Beside};
use crate::session::rewrite::Rewrite;
use crate::session::run::Run;
use crate::session::zone::zone;
use crate::text::kept_run::{self, Written};

/// Runs the command.
pub(crate) fn run(args: ReportArgs) -> Result<Exit, CommandError> {
    let ReportArgs { run, outputs, only, follow: is_followed, force, json, state } = args;
    settings::check_outputs(&outputs, json.into())?;
    if is_followed {
        follow::check_outputs(&outputs)?;
    }
    let runs = settings::runs(state, &|name| std::env::var(name).ok())?;
    let runtime = outside::runtime()?;
    let run = Run::open(&choose(&runs, run.as_deref())?)?;
    let existing = settings::existing(force);
    let placement = Placement::Beside(&run.folder.id);
    let stdout_of_report = Streams::of_system().output;
    let destinations =
        reports::destinations(None, &outputs, |_| Ok(existing), placement, &stdout_of_report)?;
    let zone = zone(&run.about.zone);
    let open = reports::begin(destinations, &run.about.columns, &zone, Beside::Journal)?;
    let already = run.flags.already_started();
    let mut rewrite = Rewrite::new(open, OutcomeFilter::of(&only, already), Summary::new(already));
    if is_followed {
        let is_on_stdout = outputs.iter().any(|path| path == Path::new("-"));
        let stdout_use = if is_on_stdout { StdoutUse::Rows } else { StdoutUse::Nothing };
        if follow(&run, &mut rewrite, &mut || wait_for_reader(stdout_use))? == Reader::Gone {
            // The counts would be those of a part.
            return Ok(Exit::Good);
        }
    } else {
        replay(&run, Order::Input, &mut rewrite)?;
    }
    let Rewrite { reports, summary, written, .. } = rewrite;
    Finished::of(reports).put_in_place()?;
    drop(runtime);
    let is_part = run.journal.about()?.input == InputState::Incomplete;
    let written = Written { only: &only, rows: written };
    notice(&kept_run::text(&summary, is_part, &outputs, Some(&written)));
    if json {
        let exit = run.journal.sessions()?.last().and_then(|last| last.exit);
        let mut told = kept_run::json(&run, &summary, &outputs, exit);
        told["written"] = written.rows.into();
        writeln!(stdout(), "{told}")?;
    }
    Ok(Exit::Good)
}
