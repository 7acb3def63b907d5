//! The settings of a launch, each with its origin, a line each.

use std::fmt;

use crate::config::flag_values::{FlagSource, FlagValue};

/// Flags that have a value, and variables.
#[derive(Clone, Copy)]
pub(crate) struct SettingList<'a> {
    pub flags: &'a [FlagValue],
    /// Variables that are set. Some are secrets, so that no value is told.
    pub variables: &'a [&'static str],
}

impl fmt::Display for SettingList<'_> {
    /// Writes chosen flags first, and defaults last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (defaults, chosen): (Vec<_>, Vec<_>) =
            self.flags.iter().partition(|flag| flag.source == FlagSource::Default);
        for flag in chosen {
            writeln!(f, "  {flag}")?;
        }
        for variable in self.variables {
            writeln!(f, "  {variable} is set (environment)")?;
        }
        for flag in defaults {
            writeln!(f, "  {flag}")?;
        }
        Ok(())
    }
}
