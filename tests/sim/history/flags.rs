//! Draws command lines that the program accepts, of all flags that bear on its promises.
//!
//! Left to the driver are those that say where things lie: the input, the state, the server and
//! the credentials.

use super::dice::Dice;
use super::{Flag, Route, SessionPlan};

/// Ends of daily windows that no session of a history lasts to.
const LONG_ENDS: [&str; 2] = ["13:20", "04:00"];

/// What the flags of a history have to fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    pub is_stream: bool,
    pub has_invalid: bool,
    pub route: Route,
    pub rows: u32,
}

/// Flags of one session while they are drawn.
struct Draft<'a> {
    dice: &'a mut Dice,
    ground: Ground,
    /// Percentage of flags that stand on the command line.
    density: u32,
    flags: Vec<Flag>,
}

impl Flag {
    pub fn bare(name: &'static str) -> Self {
        Self { name, value: None }
    }

    pub fn valued(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: Some(value.into()) }
    }
}

/// Draws the flags of a `run`.
pub(super) fn of_run(dice: &mut Dice, ground: Ground) -> Vec<Flag> {
    let density = dice.pick(&[8, 20, 20, 40, 75]);
    let mut draft = Draft { dice, ground, density, flags: Vec::new() };
    draft.shared();
    draft.window_of_run();
    draft.limit();
    draft.output_of_run();
    if ground.has_invalid && !ground.is_stream && draft.dice.chance(90) {
        draft.value("on-invalid", "skip");
    }
    draft.flags
}

/// Draws the flags of a resume that may end early again.
pub(super) fn of_resume(dice: &mut Dice, ground: Ground, earlier: &[SessionPlan]) -> Vec<Flag> {
    let density = dice.pick(&[0, 10, 25]);
    let mut draft = Draft { dice, ground, density, flags: Vec::new() };
    draft.shared();
    draft.window_of_resume(kept(earlier, "window").next());
    draft.limit();
    if draft.dice.chance(20) {
        draft.bare("retry-failed");
    }
    if draft.dice.chance(15) {
        draft.outputs();
    }
    if draft.dice.chance(30) {
        draft.bare("force");
    }
    draft.flags
}

/// Draws the flags of a resume that can finish the run.
pub(super) fn of_heal(dice: &mut Dice, ground: Ground) -> Vec<Flag> {
    let density = dice.pick(&[0, 0, 15]);
    let mut draft = Draft { dice, ground, density, flags: Vec::new() };
    draft.limits();
    draft.certainty();
    if draft.dice.chance(15) {
        draft.bare("retry-failed");
    }
    draft.flags
}

/// Returns the values of a flag that resumes take over from the `run`, unless they have their own.
pub(super) fn kept<'a>(
    sessions: &'a [SessionPlan],
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    let flags = sessions.first().into_iter().flat_map(|run| &run.flags);
    flags.filter(move |flag| flag.name == name).filter_map(|flag| flag.value.as_deref())
}

impl Draft<'_> {
    /// Draws the flags that a run and a resume have in common.
    fn shared(&mut self) {
        self.limits();
        self.retries();
        self.budget();
        self.certainty();
        self.server();
        self.stages();
    }

    fn wants(&mut self) -> bool {
        self.dice.chance(self.density)
    }

    fn bare(&mut self, name: &'static str) {
        self.flags.push(Flag::bare(name));
    }

    fn value(&mut self, name: &'static str, value: impl Into<String>) {
        self.flags.push(Flag::valued(name, value));
    }

    fn one_of(&mut self, name: &'static str, values: &[&str]) {
        if self.wants() {
            let value = self.dice.pick(values);
            self.value(name, value);
        }
    }

    fn number(&mut self, name: &'static str, least: u32, most: u32) {
        if self.wants() {
            let number = self.dice.spread(least, most);
            self.value(name, number.to_string());
        }
    }

    fn limits(&mut self) {
        let rates = ["2/s", "5/s", "7/s", "20/s", "50/s", "200/s", "30/m", "90/m", "600/m"];
        if self.wants() {
            let is_limited = self.dice.chance(80);
            let rate = if is_limited { self.dice.pick(&rates) } else { "unlimited" };
            self.value("rate", rate);
        }
        self.number("burst", 1, 20);
        self.one_of("rate-per-biz", &["1/s", "2/s", "5/s", "20/s", "20/m", "60/m", "unlimited"]);
        self.number("concurrency", 1, 16);
        self.number("concurrency-per-biz", 1, 8);
        self.number("lookahead", 1, 20);
    }

    fn retries(&mut self) {
        self.one_of("retries", &["0", "0", "1", "2", "3", "4", "8"]);
        let backoffs = ["40ms..80ms", "100ms..2s", "500ms..30s", "1s..1s", "2s..20s", "5s..60s"];
        self.one_of("backoff", &backoffs);
        self.one_of("throttle-patience", &["5s", "20s", "60s", "15m"]);
        self.one_of("outage-patience", &["5s", "20s", "60s", "3m", "15m"]);
        self.one_of("already-started", &["ok", "fail", "fail"]);
    }

    fn budget(&mut self) {
        let budgets = ["0", "0", "1", "2", "5", "0%", "5%", "10%", "33.3%", "100%"];
        self.one_of("max-failures", &budgets);
    }

    fn certainty(&mut self) {
        // Most ways in which a task fails to start show only if its state is asked for.
        if self.wants() || self.dice.chance(25) {
            match self.dice.pick(&["", "1s", "5s", "20s", "60s", "3m", "off"]) {
                "" => self.bare("confirm"),
                time => self.value("confirm", time),
            }
        }
        if self.wants() {
            self.bare("lookup");
        }
        if self.ground.route == Route::LegacyEsb && self.dice.chance(40) {
            self.bare("esb-legacy-get");
        }
    }

    fn server(&mut self) {
        self.one_of("timeout", &["500ms", "1s", "3s", "10s", "35s"]);
        self.one_of("connect-timeout", &["500ms", "1s", "5s", "10s"]);
    }

    fn stages(&mut self) {
        if !self.wants() {
            return;
        }
        let of_any = ["1", "1,2,4", "3,10", "10,20,30"];
        let of_file = ["10%,100%", "1,10%,50%", "25%,50%,75%", "2,50%"];
        let is_counted = !self.ground.is_stream && self.dice.chance(50);
        let stages = if is_counted { self.dice.pick(&of_file) } else { self.dice.pick(&of_any) };
        self.value("stages", stages);
        self.one_of("stage-pause", &["1ms", "1s", "10s", "60s"]);
    }

    fn limit(&mut self) {
        if self.wants() && self.dice.chance(50) {
            let rows = self.dice.between(0, self.ground.rows);
            self.value("limit", rows.to_string());
        }
    }

    /// A window of the first session, whose wall clock begins at 13:33:20.
    fn window_of_run(&mut self) {
        if !self.wants() {
            return;
        }
        match self.dice.between(0, 3) {
            0 => self.begin_and_end(),
            1 => {
                // The next minute is most often in the middle of a launch.
                let (from, to) = self.dice.pick(&[
                    ("", "13:34"),
                    ("", "13:35"),
                    ("13:34", "13:35"),
                    ("13:34", "13:38"),
                    ("13:35", "+101s"),
                    ("13:36", "13:45"),
                    ("13:36", ""),
                ]);
                self.both_ends(from, to);
            }
            2 => {
                let to = self.dice.pick(&["13:34", "13:34", "13:35", "13:38", "13:45"]);
                self.value("window", format!("13:30-{to}"));
            }
            _ => {
                let from = self.dice.pick(&["13:34", "13:35", "13:36"]);
                let ends = ["13:37", "13:40", LONG_ENDS[0], LONG_ENDS[1]];
                let to = self.dice.pick(&ends);
                self.value("window", format!("{from}-{to}"));
            }
        }
        self.one_of("cutoff", &["500ms", "5s", "15s", "30s"]);
        self.one_of("jitter", &["500ms", "5s", "30s"]);
        if !self.ground.is_stream && self.dice.chance(8) {
            self.bare("require-fit");
        }
        self.drop_idle(None);
    }

    /// A window of a later session: nobody knows when it begins, so it is told from then on. A
    /// kept window that is over would come again a day later.
    fn window_of_resume(&mut self, kept: Option<&str>) {
        let is_long = |window: &str| LONG_ENDS.iter().any(|end| window.ends_with(end));
        match kept {
            Some(window) if is_long(window) && self.dice.chance(50) => {}
            Some(_) if self.dice.chance(30) => {
                let to = self.dice.pick(&LONG_ENDS);
                self.value("window", format!("13:34-{to}"));
            }
            Some(_) => self.begin_and_end(),
            None if self.wants() => self.begin_and_end(),
            None => {}
        }
        if self.dice.chance(self.density / 2) {
            let cutoff = self.dice.pick(&["500ms", "5s"]);
            self.value("cutoff", cutoff);
        }
        self.one_of("jitter", &["500ms", "5s", "30s"]);
        self.drop_idle(kept);
    }

    /// Takes out the flags that are refused where no window ends; a begin that is typed takes the
    /// place of a window that was kept.
    fn drop_idle(&mut self, kept: Option<&str>) {
        let has = |name| self.flags.iter().any(|flag| flag.name == name);
        let has_end = has("stop-at") || has("window") || (kept.is_some() && !has("start-at"));
        if !has_end {
            self.flags.retain(|flag| !["cutoff", "require-fit"].contains(&flag.name));
        }
    }

    fn begin_and_end(&mut self) {
        let begin = self.dice.pick(&["", "+500ms", "+3s", "+45s", "+4m"]);
        let room = self.dice.pick(&["", "+1s", "+6s", "+20s", "+60s"]);
        let (begins, ends) = match (begin, room) {
            ("", "") => ("+2s", ""),
            ("+500ms" | "+3s", "+1s") => (begin, "+7s"),
            ("+45s", _) => (begin, "+60s"),
            ("+4m", _) => (begin, "+5m"),
            both => both,
        };
        self.both_ends(begins, ends);
    }

    fn both_ends(&mut self, begin: &str, end: &str) {
        if !begin.is_empty() {
            self.value("start-at", begin);
        }
        if !end.is_empty() {
            self.value("stop-at", end);
        }
    }

    fn output_of_run(&mut self) {
        // Without a journal there is no folder for a report, so one must be named.
        let has_journal = !self.dice.chance(8);
        if self.dice.chance(50) || !has_journal {
            self.outputs();
        }
        if !has_journal {
            self.bare("no-journal");
        }
    }

    fn outputs(&mut self) {
        const NAMES: [&str; 5] = ["report-a.csv", "report-b.jsonl", "report-c.tsv", "-", "full"];
        let percents =
            self.dice.pick(&[[80, 0, 0, 0, 0], [40, 40, 40, 30, 0], [20, 20, 20, 60, 12]]);
        let mut names: Vec<&str> = Vec::new();
        for (name, percent) in NAMES.into_iter().zip(percents) {
            if self.dice.chance(percent) {
                names.push(name);
            }
        }
        if names.is_empty() {
            names.push(NAMES[0]);
        }
        for name in names {
            self.value("output", name);
        }
    }
}
