//! Findings as values; their words are laid out elsewhere.

use std::time::Duration;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::session::exit::Exit;

/// Finding about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub area: Area,
    /// The thing that was looked at.
    pub name: &'static str,
    pub grade: Grade,
    pub says: String,
    /// Advice, if something is to be done.
    pub advice: Option<String>,
    pub took: Option<Duration>,
}

/// Part of the page.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Area {
    Settings,
    Credentials,
    Server,
    State,
    Machine,
}

/// Grade of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Grade {
    Ok,
    /// A run would begin, and may come to harm by it.
    Warning,
    /// A run would not begin, stop at once, or lack a part.
    Error,
    /// Something else keeps it from being looked at.
    Unknown,
}

impl Finding {
    pub(super) const fn new(area: Area, name: &'static str, grade: Grade, says: String) -> Self {
        Self { area, name, grade, says, advice: None, took: None }
    }

    pub(crate) fn ok(area: Area, name: &'static str, says: impl Into<String>) -> Self {
        Self::new(area, name, Grade::Ok, says.into())
    }

    pub(crate) fn warning(area: Area, name: &'static str, says: impl Into<String>) -> Self {
        Self::new(area, name, Grade::Warning, says.into())
    }

    /// Returns an error about `name`.
    pub(crate) fn error(area: Area, name: &'static str, says: impl Into<String>) -> Self {
        Self::new(area, name, Grade::Error, says.into())
    }

    pub(super) fn unknown(area: Area, name: &'static str, says: impl Into<String>) -> Self {
        Self::new(area, name, Grade::Unknown, says.into())
    }

    pub(super) fn is_error(&self) -> bool {
        self.grade == Grade::Error
    }

    pub(crate) fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub(super) fn within(self, took: Duration) -> Self {
        Self { took: Some(took), ..self }
    }
}

/// Returns the exit code that the findings mean: settings come first, then the server.
pub(crate) fn exit(findings: &[Finding]) -> Exit {
    let has_error = |is_server| {
        findings.iter().any(|f| f.grade == Grade::Error && is_server == (f.area == Area::Server))
    };
    if has_error(false) {
        Exit::Usage
    } else if has_error(true) {
        Exit::Stopped
    } else {
        Exit::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_before_the_server() {
        let finding = |area, grade| Finding::new(area, "thing", grade, String::new());
        for (findings, code) in [
            (vec![], 0),
            (vec![finding(Area::Server, Grade::Ok), finding(Area::State, Grade::Warning)], 0),
            (vec![finding(Area::Server, Grade::Unknown)], 0),
            (vec![finding(Area::Server, Grade::Error)], 3),
            (vec![finding(Area::Server, Grade::Error), finding(Area::State, Grade::Error)], 2),
            (vec![finding(Area::Credentials, Grade::Error)], 2),
            (vec![finding(Area::Machine, Grade::Error)], 2),
        ] {
            assert_eq!(exit(&findings).code(), code, "{findings:?}");
        }
    }
}
