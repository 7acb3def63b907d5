//! One question for the state of a task, outside of a launch.

use crate::api::{Client, TaskQuestion};
use crate::domain::answer::StatusAnswer;
use crate::domain::request_id::RequestId;
use crate::domain::task::Task;

/// Asks for the state of `task`, once more with the credentials elsewhere if the ESB needs that and
/// it is allowed.
pub(crate) async fn ask(client: &Client, task: &Task, id: &RequestId) -> StatusAnswer {
    let caller = client.caller();
    let placement = client.auth_placement();
    let ask = async |placement| match client.connect().await {
        Ok(connection) => {
            let question = TaskQuestion { id, placement, connection };
            client.status(&caller, task, question).await
        }
        Err(answer) => StatusAnswer { answer, state: None, started: None },
    };
    let seen = ask(placement).await;
    match client.other_auth_placement(placement, &seen.answer) {
        Some(placement) => ask(placement).await,
        None => seen,
    }
}
