//! How a session came out, noted in its journal.

use super::exit::Exit;
use crate::journal::FINISHED;
use crate::launch::{Ended, InputEnd, OutputFailure};
use crate::shutdown::StopReason;

/// Notes in the journal with which code the session ends. If that fails, the session ends
/// as one that could not write.
pub(crate) fn note(ended: &mut Ended, exit: Exit) -> Exit {
    let word = stop_word(ended);
    let Some(journal) = &mut ended.journal else { return exit };
    let answers = ended.answers.map_or(Ok(()), |answers| journal.note_answers(&answers));
    match answers.and_then(|()| journal.note_exit(word.as_deref().unwrap_or(FINISHED), exit.code()))
    {
        Ok(()) => exit,
        Err(error) => {
            ended.failure.get_or_insert(OutputFailure::Journal(error));
            Exit::Output
        }
    }
}

/// Why a session left something undone, in a word or a few. A report that is missing is
/// something, too: a resume writes it.
fn stop_word(ended: &Ended) -> Option<String> {
    if !leaves_rows(ended) {
        return ended.failure.as_ref().map(|_| StopReason::Output.word());
    }
    Some(match (&ended.stop_reason, &ended.input) {
        (Some(cause), _) => cause.word(),
        (None, InputEnd::Failed(_)) => "the input failed".into(),
        (None, _) => "limit".into(),
    })
}

/// Whether rows are to be done yet, or may be.
pub(crate) fn leaves_rows(ended: &Ended) -> bool {
    let Ended { summary, input, .. } = ended;
    summary.cut_off > 0 || matches!(input, InputEnd::NotReached | InputEnd::Failed(_))
}
