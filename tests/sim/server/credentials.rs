//! Which secrets and tokens are valid, and which stand in the caller's files.

use super::At;
use super::call::Offered;

/// The app that the server knows.
pub const APP: &str = "ops";

/// The generations of a secret and a token. The newest one is the only valid one.
#[derive(Clone, Debug)]
pub struct Credentials {
    seed: u64,
    changes: Vec<Change>,
}

/// A new generation.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// The older ones are invalid from now on.
    valid: At,
    /// It stands in the files.
    present: At,
}

/// Why credentials are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NoSecret,
    NoApp,
    UnknownApp,
    WrongSecret,
    NoUser,
    WrongToken,
}

impl Credentials {
    pub fn new(seed: u64) -> Self {
        Self { seed, changes: Vec::new() }
    }

    /// Revokes the credentials at `at`; new ones come into the files at `mended`.
    pub fn revoke(&mut self, at: At, mended: At) {
        self.changes.push(Change { valid: at, present: mended });
        self.changes.sort_by_key(|change| change.valid);
    }

    /// Puts the valid credentials into the files, or new ones if the valid ones are there.
    pub fn mend(&mut self, now: At) {
        let absent = |change: &&mut Change| (change.valid..change.present).contains(&now);
        let mut absent = self.changes.iter_mut().filter(absent).peekable();
        if absent.peek().is_none() {
            drop(absent);
            return self.revoke(now, now);
        }
        for change in absent {
            change.present = now;
        }
    }

    /// Number of the valid generation, from 0.
    fn valid(&self, now: At) -> usize {
        self.changes.iter().filter(|change| change.valid <= now).count()
    }

    /// Returns the secret and the token that stand in the files.
    pub fn present(&self, now: At) -> (String, String) {
        let begun = |change: &Change| change.valid <= now && change.present <= now;
        let last = self.changes.iter().rposition(begun).map_or(0, |at| at + 1);
        self.pair(last)
    }

    /// Returns every secret and token that was ever made.
    pub fn all(&self) -> Vec<String> {
        let pairs = (0..=self.changes.len()).map(|generation| self.pair(generation));
        pairs.flat_map(|(secret, token)| [secret, token]).collect()
    }

    fn pair(&self, generation: usize) -> (String, String) {
        let seed = self.seed;
        (format!("sim-s3cret-{seed}-{generation}"), format!("sim-t0ken-{seed}-{generation}"))
    }

    /// Checks credentials in the order of the real fronts.
    pub fn check(&self, now: At, offered: &Offered) -> Result<(), Refused> {
        let (secret, token) = self.pair(self.valid(now));
        let offered_secret = offered.secret.as_ref().ok_or(Refused::NoSecret)?;
        let app = offered.app.as_ref().ok_or(Refused::NoApp)?;
        if app != APP {
            return Err(Refused::UnknownApp);
        }
        if *offered_secret != secret {
            return Err(Refused::WrongSecret);
        }
        match &offered.token {
            None => Err(Refused::NoUser),
            Some(offered) if *offered != token => Err(Refused::WrongToken),
            Some(_) => Ok(()),
        }
    }
}
