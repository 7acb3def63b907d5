//! Waits until a moment, exact to about ten microseconds.
//!
//! tokio's own timer has a resolution of a millisecond. A timerfd wakes the same epoll that waits
//! for answers, so nothing spins and no other thread is needed.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;

/// A timer of the kernel. It is registered with tokio as the end of a pipe, which is the safe way
/// for such a file.
pub(super) struct Timer(pipe::Receiver);

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self(pipe::Receiver::from_owned_fd_unchecked(timer)?))
    }

    /// Waits until `at`, never less.
    pub(super) async fn until(&mut self, at: Instant) -> io::Result<()> {
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.set(left)?;
            self.goes_off().await?;
        }
    }

    async fn goes_off(&mut self) -> io::Result<()> {
        // Twice the size of the count that is read: a buffer that is not filled tells tokio that
        // nothing is left, or it would read again to see that.
        let mut times = [0; 16];
        poll_fn(|cx| Pin::new(&mut self.0).poll_read(cx, &mut ReadBuf::new(&mut times))).await
    }

    fn set(&self, left: Duration) -> io::Result<()> {
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let setting = Itimerspec { it_interval: once, it_value: left };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &setting)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_never_early_and_can_be_used_again() {
        let mut timer = Timer::new().unwrap();
        for micros in [1, 0, 50, 3_000, 20] {
            let at = Instant::now() + Duration::from_micros(micros);
            timer.until(at).await.unwrap();
            assert!(Instant::now() >= at);
        }
    }

    #[tokio::test]
    async fn it_can_be_set_anew_before_or_after_it_went_off_unheard() {
        let mut timer = Timer::new().unwrap();
        for (millis, waits) in [(1, 5), (60_000, 0)] {
            let at = Instant::now() + Duration::from_millis(millis);
            let unheard = timer.until(at);
            tokio::select! {
                biased;
                _ = unheard => {}
                () = std::future::ready(()) => {}
            }
            std::thread::sleep(Duration::from_millis(waits));
            let at = Instant::now() + Duration::from_millis(2);
            timer.until(at).await.unwrap();
            assert!(Instant::now() >= at);
        }
    }
}
