//! `bk-launch runs`: list runs, show one, remove old ones.

use std::ffi::OsString;
use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::command_error::CommandError;
use super::notice::notice;
use super::stdout::stdout;
use super::terminal::{columns, screen};
use super::watch;
use super::{prune, settings};
use crate::args::runs::{ListArgs, RunsArgs, ShowArgs, What};
use crate::args::session::StateArgs;
use crate::session::exit::Exit;
use crate::session::find::{Found, find};
use crate::session::run_state::RunSummary;
use crate::session::run_view::RunView;
use crate::store::{Lock, RunDir, RunStore};
use crate::text::count::many;
use crate::text::fold::cut;
use crate::text::location::RunLocation;
use crate::text::run_page::RunPage;
use crate::text::runs::{json, of_other_versions, table, why_this};

/// Number of bad rows that are shown without `--bad`.
const SHOWN_BAD: usize = 20;

/// Runs the command.
pub(crate) fn run(args: RunsArgs) -> Result<Exit, CommandError> {
    let RunsArgs { what, list, json, state_dir } = args;
    let told = state_dir.clone().map(OsString::from);
    let runs = settings::runs(StateArgs { state_dir }, &|name| std::env::var(name).ok())?;
    let form = if json { Form::Json } else { Form::Text };
    if json && is_watched(list, what.as_ref()) {
        return Err("--watch is for people; a program asks for --json as often as it likes".into());
    }
    match what.unwrap_or_else(|| What::List(ListArgs::default())) {
        What::List(args) => self::list(&runs, list.or(args), form),
        What::Show(_) | What::Prune(_) if list != ListArgs::default() => {
            Err("--failed, --unfinished and a --watch before the command are flags of: runs list"
                .into())
        }
        What::Show(args) => show(&runs, &args, told, form),
        What::Prune(args) => prune::run(&runs, &args, json),
    }
}

fn is_watched(list: ListArgs, what: Option<&What>) -> bool {
    list.watch
        || match what {
            Some(What::List(args)) => args.watch,
            Some(What::Show(args)) => args.watch,
            Some(What::Prune(_)) | None => false,
        }
}

/// Maximum number of runs in a list that is renewed.
const MAX_WATCHED: usize = 20;

/// Lines of a list that is renewed beside its runs: those above them, and one for the cursor.
const OTHER_LINES: usize = 3;

/// For whom something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// Finds the run that is meant, and says which if it was not named.
pub(crate) fn choose(runs: &RunStore, named: Option<&str>) -> Result<RunDir, CommandError> {
    let found = find(runs, named, Timestamp::now())?;
    if let Some(text) = told(&found) {
        notice(&text);
    }
    Ok(found.folder)
}

/// Says which run was found, if it was not named.
pub(crate) fn told(found: &Found) -> Option<String> {
    let why = why_this(found.by);
    (!why.is_empty()).then(|| format!("run {}{why}", found.folder.id))
}

fn list(runs: &RunStore, args: ListArgs, form: Form) -> Result<Exit, CommandError> {
    let ListArgs { failed, unfinished, watch } = args;
    let is_wanted = |run: &RunSummary| {
        let is_any = !failed && !unfinished;
        is_any || (failed && run.has_failed()) || (unfinished && !run.state.is_over())
    };
    let read = || -> Result<Vec<RunSummary>, CommandError> {
        let now = Timestamp::now();
        let all = runs.all()?.into_iter().map(|run| RunSummary::of(&run, now));
        Ok(all.filter(is_wanted).collect())
    };
    let such = if failed || unfinished { "such " } else { "" };
    let none = format!("no {such}runs in {}", runs.path().display());
    let zone = TimeZone::system();
    if watch {
        let page = || -> Result<String, CommandError> {
            let all = read()?;
            // A terminal shows no line that is below its end, and the latest runs stand last.
            let (width, height) = screen().unwrap_or((usize::MAX, usize::MAX));
            let most = height.saturating_sub(OTHER_LINES).clamp(1, MAX_WATCHED);
            let (older, latest) = all.split_at(all.len().saturating_sub(most));
            if latest.is_empty() {
                return Ok(none.clone());
            }
            let more = many(older.len() as u64, "older run", "older runs");
            let more = more.map(|more| format!("{more}, and:\n")).unwrap_or_default();
            Ok(more + &cut(&table(latest, &zone, Some(width)), width))
        };
        return watch::renew(&page, &|| false);
    }
    let all = read()?;
    match form {
        Form::Json => {
            writeln!(stdout(), "{}", Value::from(all.iter().map(json).collect::<Vec<_>>()))?;
        }
        Form::Text if all.is_empty() => notice(&none),
        Form::Text => {
            write!(stdout(), "{}", table(&all, &zone, columns()))?;
            if let Some(note) = of_other_versions(&all) {
                notice(&note);
            }
        }
    }
    Ok(Exit::Good)
}

fn show(
    runs: &RunStore,
    args: &ShowArgs,
    state_dir: Option<OsString>,
    form: Form,
) -> Result<Exit, CommandError> {
    let ShowArgs { run, bad, watch } = args;
    let Found { folder, by: found_by } = find(runs, run.as_deref(), Timestamp::now())?;
    let zone = TimeZone::system();
    let resume = RunLocation { folder: folder.clone(), state_dir }.resume();
    let most = if *bad { usize::MAX } else { SHOWN_BAD };
    let page = || -> Result<String, CommandError> {
        let now = Timestamp::now();
        let view = RunView::read(&folder, now, most)?;
        let page = RunPage { view: &view, found_by, resume: &resume, zone: &zone, now };
        Ok(match form {
            Form::Text => page.text(),
            Form::Json => format!("{}\n", page.json()),
        })
    };
    if *watch {
        let has_ended = || Lock::holder(&folder.path).is_ok_and(|holder| holder.is_none());
        return watch::renew(&page, &has_ended);
    }
    write!(stdout(), "{}", page()?)?;
    Ok(Exit::Good)
}
