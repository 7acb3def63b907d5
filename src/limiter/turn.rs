//! Turns for requests that were picked before their connection was made: behind a proxy none can
//! be made ahead.

use std::pin::{Pin, pin};
use std::sync::Weak;

use tokio::sync::oneshot;

use super::shared::{Granted, Shared};
use super::state::LimiterState;
use crate::domain::connections::Turns;

/// The turns of a limiter, as long as there is one.
pub(super) struct TurnsOf(pub(super) Weak<Shared>);

impl TurnsOf {
    async fn next(&self) -> bool {
        let (waiter, granted) = oneshot::channel();
        {
            let Some(shared) = self.0.upgrade() else { return false };
            if shared.change(|state| state.join_turns(waiter)).is_err() {
                return false;
            }
        }
        matches!(granted.await, Ok(Granted::Turn))
    }

    async fn end(&self) {
        let Some(shared) = self.0.upgrade() else { return };
        let mut closed = pin!(shared.closed.notified());
        closed.as_mut().enable();
        if !shared.look(LimiterState::is_closed) {
            closed.await;
        }
    }
}

impl Turns for TurnsOf {
    fn turn(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(self.next())
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.end())
    }
}
