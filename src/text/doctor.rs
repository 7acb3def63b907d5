//! Findings of `doctor`, as one page for people and as one object for programs.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use strum::VariantArray;

use super::count::many;
use super::settings::SettingList;
use crate::config::flag_values::FlagValue;
use crate::doctor::{Area, Finding, Grade, RIGHT};
use crate::session::exit::Exit;

/// Everything that is shown.
pub(crate) struct DoctorPage<'a> {
    pub settings: SettingList<'a>,
    pub findings: &'a [Finding],
    pub exit: Exit,
}

impl DoctorPage<'_> {
    /// Returns the page for people.
    pub(crate) fn text(&self) -> String {
        let mut page = String::new();
        let width =
            self.findings.iter().map(|finding| finding.name.len()).max().unwrap_or_default();
        for area in Area::VARIANTS {
            let _ = writeln!(page, "{}", heading(*area));
            if *area == Area::Settings {
                let _ = write!(page, "{}", self.settings);
            }
            for finding in self.findings.iter().filter(|finding| finding.area == *area) {
                page += &line(finding, width);
            }
            page.push('\n');
        }
        page + &self.conclusion()
    }

    fn conclusion(&self) -> String {
        let count = |grade| {
            let count = self.findings.iter().filter(|finding| finding.grade == grade).count();
            count as u64
        };
        let errors = many(count(Grade::Error), "error", "errors");
        let warnings = many(count(Grade::Warning), "warning", "warnings");
        let unknown = many(count(Grade::Unknown), "thing", "things");
        let unknown = unknown.map(|unknown| format!("{unknown} could not be seen"));
        let mut faults = self.findings.iter().filter(|finding| finding.grade == Grade::Error);
        let meaning = match errors {
            // Tasks can be started without that right.
            Some(_) if faults.all(|fault| fault.name == RIGHT) => {
                "A run would begin, but not all of it would work"
            }
            Some(_) => "A run would not begin, or stop at once",
            None => "A run would begin",
        };
        let found: Vec<_> = [errors, warnings, unknown].into_iter().flatten().collect();
        let found = if found.is_empty() { "all is well".into() } else { found.join(", ") };
        format!("{meaning}: {found}. Nothing was started.\n")
    }

    /// Returns the object for programs.
    pub(crate) fn json(&self) -> Value {
        let flags = self.settings.flags.iter().map(|FlagValue { name, value, source }| {
            json!({"name": name, "value": value, "source": source.to_string()})
        });
        let findings = self.findings.iter().map(|finding| {
            let Finding { area, name, grade, says, advice, took } = finding;
            let (area, grade): (&str, &str) = (area.into(), grade.into());
            let took = took.map(|took| took.as_secs_f64() * 1000.0);
            json!({
                "area": area,
                "name": name,
                "grade": grade,
                "says": says,
                "advice": advice,
                "took_ms": took,
            })
        });
        json!({
            "exit": self.exit.code(),
            "settings": flags.collect::<Vec<_>>(),
            "variables": self.settings.variables,
            "findings": findings.collect::<Vec<_>>(),
        })
    }
}

const fn heading(area: Area) -> &'static str {
    match area {
        Area::Settings => "Settings",
        Area::Credentials => "Credentials",
        Area::Server => "Server",
        Area::State => "Where runs are kept",
        Area::Machine => "This machine",
    }
}

fn line(finding: &Finding, width: usize) -> String {
    let Finding { area: _, name, grade, says, advice, took } = finding;
    let mark = <&str>::from(grade);
    let took = took.map(|took| format!(" ({})", time(took))).unwrap_or_default();
    let mut line = format!("  {mark:<7}  {name:<width$}  {says}{took}\n");
    if let Some(advice) = advice {
        let _ = writeln!(line, "  {:<7}  {:<width$}  -> {advice}", "", "");
    }
    line
}

fn time(took: Duration) -> String {
    match took.as_secs_f64() * 1000.0 {
        millis if millis < 0.05 => "at once".into(),
        millis if millis < 10.0 => format!("{millis:.1} ms"),
        millis => format!("{millis:.0} ms"),
    }
}
