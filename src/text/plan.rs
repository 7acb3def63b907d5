//! The text of a plan: one line before each launch, and a page for `--dry-run`.

use std::fmt::{self, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::count::many;
use super::row_notes::{nothing_to_start, row_notes};
use super::settings::SettingList;
use super::time::moment;
use crate::domain::count::{counted, number};
use crate::domain::duration::{briefly, roughly};
use crate::domain::rate::Rate;
use crate::domain::task::Scope;
use crate::rules::budget::{Base, Ledger};
use crate::rules::course::{AnswerTimes, Brake, ExpectedAnswers};
use crate::session::plan::{Plan, PlanFit, Rows};

/// Maximum number of businesses listed individually.
const MAX_BUSINESSES: usize = 20;

/// A plan as people read it: displayed, it is one line.
pub(crate) struct PlanText<'a>(pub &'a Plan<'a>);

impl PlanText<'_> {
    fn moment(&self, at: Timestamp) -> String {
        moment(at, &self.0.timing.zone, self.0.now)
    }

    /// `1 to 1, 2 to 10, 11 to 100`
    fn told_stages(&self) -> String {
        let begins = std::iter::once(0).chain(self.0.stages.iter().copied());
        let stages = begins.zip(&self.0.stages).map(|(before, end)| match end {
            &u64::MAX => format!("{} to the end", before + 1),
            end => format!("{} to {end}", before + 1),
        });
        stages.collect::<Vec<_>>().join(", ")
    }

    /// How many rows may fail, in each stage where that differs.
    fn told_budget(&self) -> Option<String> {
        let (budget, _) = self.0.options.limits.budget?;
        let all = match self.0.rows {
            Rows::Known(checked) => Some(checked.rows),
            Rows::Left(left) => Some(left.all),
            Rows::Unknown(_) => None,
        };
        let tolerated = |base| Ledger::new(Some((budget, base))).tolerated().unwrap_or_default();
        Some(match (all, self.0.stages.as_slice()) {
            (None, _) => format!("{} tolerated, of at least 20 rows", tolerated(Base::Settled)),
            (Some(rows), []) => format!("{} tolerated", tolerated(Base::Rows(rows))),
            (Some(_), ends) => {
                let each: Vec<_> =
                    ends.iter().map(|end| tolerated(Base::Rows(*end)).to_string()).collect();
                format!("{} tolerated, up to the end of each stage", each.join(", "))
            }
        })
    }

    /// The window, and whether the launch fits into it.
    fn window(&self) -> String {
        let timing = self.0.timing;
        let mut text = String::new();
        if let Some(start) = timing.window.start {
            let _ = write!(text, "; from {}", self.moment(start));
        }
        let Some(stop) = timing.window.stop else { return text };
        let _ = write!(text, "; until {}", self.moment(stop));
        match self.0.window_fit() {
            Some(PlanFit::Fits(done)) => {
                let about = self.about("done about", "done at");
                let _ = write!(text, ": fits, {about} {}", self.moment(done));
            }
            Some(PlanFit::IfRowTakes(row, _)) => {
                let _ = write!(text, ": fits if a row takes at most {}", briefly(row));
            }
            Some(PlanFit::Leaves(rows)) => {
                let _ = write!(
                    text,
                    ": does not fit: about {} will be left",
                    counted(rows, "row", "rows")
                );
            }
            None => {}
        }
        text
    }

    /// The word for a time that is known, or for the least that it can be.
    const fn about(&self, known: &'static str, least: &'static str) -> &'static str {
        match self.0.answers {
            ExpectedAnswers::AsBefore(_) => known,
            ExpectedAnswers::AtMost(_) => least,
        }
    }

    /// The limit that slows the launch, if it is not just the rate.
    fn slowed_by(&self) -> Option<String> {
        let brake = self.0.brake()?;
        match (brake, self.0.answers) {
            (Brake::None | Brake::Rate, _) => None,
            (Brake::RateWithQuestions | Brake::RatePerBiz, _) => Some(format!("slowed by {brake}")),
            (_, ExpectedAnswers::AsBefore(AnswerTimes { row, .. })) => {
                let row = briefly(Duration::try_from_secs_f64(row).unwrap_or_default());
                Some(format!("slowed by {brake}; in the last run here a row took {row}"))
            }
            (_, ExpectedAnswers::AtMost(_)) => {
                let none = self.0.options.confirmation().no_earlier_run();
                Some(format!("slowed by {brake}; {none} says how long a row takes"))
            }
        }
    }

    /// The page of `--dry-run`; `request` is the first one.
    pub(crate) fn page(&self, settings: SettingList<'_>, request: Option<&str>) -> String {
        let mut page = self.to_string();
        let rows = match self.0.rows {
            Rows::Known(checked) => Some(format!(
                "{} ({} to start, {}, {} that cannot be used){}",
                number(checked.rows),
                number(checked.launchable()),
                counted(checked.duplicates, "duplicate", "duplicates"),
                number(checked.bad),
                match many(checked.left_out, "more is", "more are") {
                    Some(more) => format!("; {more} left out"),
                    None => String::new(),
                }
            )),
            Rows::Left(left) => Some(format!(
                "{} ({} settled, {} to start, of which {} may already have started)",
                number(left.all),
                number(left.settled),
                number(left.launchable()),
                number(left.in_doubt)
            )),
            Rows::Unknown(_) => None,
        };
        if let Some(rows) = rows {
            let _ = write!(page, "\n\nrows: {rows}");
            for (business, count) in self.0.businesses().iter().take(MAX_BUSINESSES) {
                let _ = write!(page, "\n  {business}: {}", number(*count));
            }
            let more = self.0.businesses().len().saturating_sub(MAX_BUSINESSES) as u64;
            if let Some(more) = many(more, "more business", "more businesses") {
                let _ = write!(page, "\n  and {more}");
            }
        }
        if !self.0.stages.is_empty() {
            let _ = write!(page, "\n\nstages, by rows of the input: {}", self.told_stages());
        }
        if let Some(budget) = self.told_budget() {
            let _ = write!(page, "\n\nfailures: {budget}");
        }
        let _ = write!(page, "\n\nsettings:\n{settings}");
        if let Some(request) = request {
            let _ = write!(page, "\nthe first request:\n");
            for line in request.lines() {
                let _ = writeln!(page, "  {line}");
            }
        }
        page
    }
}

impl fmt::Display for PlanText<'_> {
    /// One line with everything that a person must know before it happens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nothing) = nothing_to_start(&self.0.rows) {
            return write!(f, "{nothing}{}", row_notes(&self.0.rows));
        }
        match self.0.launched() {
            None => f.write_str("rows of standard input or a pipe")?,
            Some(rows) => {
                let count = |scope| {
                    let keys = self.0.businesses().keys();
                    keys.filter(|business| business.scope == scope).count() as u64
                };
                let (businesses, projects) = (count(Scope::CmdbBiz), count(Scope::Project));
                let all = self.0.launchable().unwrap_or(rows);
                if rows < all {
                    write!(f, "{} of ", number(rows))?;
                }
                write!(f, "{} of ", counted(all, "task", "tasks"))?;
                let businesses = many(businesses, "business", "businesses");
                let projects = many(projects, "project", "projects");
                let both: Vec<_> = [businesses, projects].into_iter().flatten().collect();
                f.write_str(&both.join(" and "))?;
            }
        }
        write!(f, " at {} as {} ", self.0.target, self.0.user)?;
        match self.0.options.limits.rate {
            Rate::Unlimited => f.write_str("without a limit on the rate")?,
            rate @ Rate::Limited { .. } => write!(f, "at {rate}")?,
        }
        if let Some(time) = self.0.time().map(|time| time.total()).filter(|time| !time.is_zero()) {
            write!(f, ": {} {}", self.about("about", "at least"), roughly(time))?;
        }
        if self.0.stages.len() > 1 {
            write!(f, "; in {} stages", self.0.stages.len())?;
        }
        f.write_str(&self.window())?;
        if let Some(brake) = self.slowed_by() {
            write!(f, "; {brake}")?;
        }
        f.write_str(&row_notes(&self.0.rows))
    }
}
