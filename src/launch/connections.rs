//! Hands news of connections made ahead to the limiter, and stops the session if there is no
//! server to connect to.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::info;

use super::context::RunContext;
use crate::api::ConnectionEvent;
use crate::domain::answer::{Answer, Verdict};
use crate::limiter::Feedback;
use crate::rules::retry::{Next, RetryContext};
use crate::shutdown::StopReason;

pub(super) async fn watch(
    context: Arc<RunContext>,
    mut events: mpsc::UnboundedReceiver<ConnectionEvent>,
) {
    while let Some(event) = events.recv().await {
        match event {
            ConnectionEvent::Made => context.limiter.connection_made(),
            ConnectionEvent::Failed(error) => {
                failed(&context, context.client.unconnected(&error));
            }
        }
    }
}

/// Applies a failed connection, which is an attempt of no row, to the session.
fn failed(context: &RunContext, answer: Answer) {
    let RunContext { limiter, options, shutdown, .. } = context;
    let known = limiter.connection_failed(&answer);
    info!(said = ?answer.reply.message, "connecting failed");
    let Answer { verdict: Verdict::Failed(failure), reply, .. } = answer else { return };
    if context.stop_after_outage(&known).is_err() {
        return;
    }
    let Feedback { in_outage, server, unconnected, patience, outage: _ } = known;
    let now = RetryContext { counted: 0, in_outage, server, unconnected, patience };
    if let Next::Stop(stop) = options.policy.next(&failure, now) {
        shutdown.drain(StopReason::Answer { stop, message: reply.message });
    }
}
