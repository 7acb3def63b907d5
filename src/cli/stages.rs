//! What is said between two stages, and who is asked.

use std::sync::Arc;
use std::time::Duration;

use super::outside::NoticeSink;
use super::terminal::{self, Consent};
use crate::domain::duration::roughly;
use crate::launch::{Answering, Proceed, StageApproval, StageChange};

/// Whether somebody is asked before each further stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    Nobody,
    /// Whoever sits at the terminal.
    Terminal,
}

/// Says that a stage is settled, and how long the next one waits. If somebody is asked, the
/// question says which rows are next.
pub(crate) fn settled(
    pause: Option<Duration>,
    asking: Asking,
    notices: NoticeSink,
) -> Arc<dyn Fn(&StageChange) + Send + Sync> {
    Arc::new(move |change| {
        let StageChange { done, all, .. } = change;
        let wait = pause.map(roughly);
        let then = match (asking, wait) {
            (Asking::Nobody, None) => format!("; {}", next(change)),
            (Asking::Nobody, Some(wait)) => format!("; {}, in {wait}", next(change)),
            (Asking::Terminal, None) => String::new(),
            (Asking::Terminal, Some(wait)) => format!("; in {wait} you are asked to go on"),
        };
        notices.say(&format_args!("stage {done} of {all} is settled{then}"));
    })
}

/// Asks on the terminal whether the next stage begins, if anybody is asked.
pub(crate) fn approval(asking: Asking) -> Option<StageApproval> {
    match asking {
        Asking::Nobody => None,
        Asking::Terminal => Some(Arc::new(|change: &StageChange| -> Answering {
            let question = format!("{}: go on?", next(change));
            Box::pin(async move {
                match terminal::ask(&question).await {
                    Ok(Consent::Yes) => Proceed::On,
                    Ok(Consent::No) | Err(_) => Proceed::No,
                }
            })
        })),
    }
}

fn next(change: &StageChange) -> String {
    match change.to {
        u64::MAX => format!("next are all rows from {} on", change.from),
        to => format!("next are rows {} to {to} of the input", change.from),
    }
}
