//! No secret stands in anything that the program wrote.

use memchr::memmem::Finder;

use super::{Broken, Night};
use crate::world::witness::SessionEnd;

/// Checks everything that a session wrote.
pub fn kept(night: &Night, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    let secrets: Vec<Finder> = night.secrets.iter().map(Finder::new).collect();
    let of_end = match &facts.end {
        SessionEnd::Exited { text, json, .. } => vec![text.clone(), json.to_string()],
        SessionEnd::Refused { text, .. } => vec![text.clone()],
        SessionEnd::Killed | SessionEnd::PoweredOff => Vec::new(),
    };
    let of_end = of_end.iter().map(|text| ("the end", text.as_bytes()));
    let written = facts.written.iter().map(|(name, bytes)| (name.as_str(), &bytes[..]));
    for (name, bytes) in of_end.chain(written) {
        let is_there = |secret: &&Finder| secret.find(bytes).is_some();
        if let Some(secret) = secrets.iter().find(is_there) {
            let what = format!("{:?} stands in {name}", String::from_utf8_lossy(secret.needle()));
            return Err(Broken { promise: "secrets stay secret", what });
        }
    }
    Ok(())
}
