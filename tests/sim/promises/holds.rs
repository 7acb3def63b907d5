//! A hold binds those whom it concerns, and a business that was throttled gets little at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answers::may_have_left;
use super::limits::told;
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::Way;
use crate::server::{At, Refusal, Whom};
use crate::world::witness::{Back, Departure, Kind};

/// Longest hold that is believed.
const LONGEST: Duration = Duration::from_hours(1);

/// Time after a refusal in which a business gets little at a time.
const CAREFUL: Duration = Duration::from_mins(5);

/// Number of starts of a business out at once in that time.
const FEW: usize = 2;

/// Scope and `bk_biz_id`.
type Business<'a> = (&'a str, u64);

/// What is known of one limit.
#[derive(Default)]
struct Limit {
    /// When the present hold began, and until when it lasts at least.
    began: Option<At>,
    until: Option<At>,
    refused: Option<At>,
    /// Starts that are out.
    out: usize,
}

/// A moment of a request. At one instant, those that come back free their slots first, and what
/// they say binds only what leaves later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    IsBack,
    Leaves,
    IsHeard,
}

/// Checks that the requests of a session left when their holds let them.
pub fn kept(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let departures = night.departures(session);
    let refusals = by_id(night.refusals);
    let refused = |departure: &Departure| refusal(&refusals, departure);
    if !departures.iter().any(|departure| refused(departure).is_some()) {
        return Ok(());
    }
    let is_direct = night.history.server.way == Way::Direct;
    let mut everyone = Limit::default();
    let mut businesses: BTreeMap<Business, Limit> = BTreeMap::new();
    for (at, moment, index) in moments(departures) {
        let departure = &departures[index];
        let business = (departure.key.scope.as_str(), departure.key.biz);
        let limit = businesses.entry(business).or_default();
        let is_start = departure.kind == Kind::Start;
        match moment {
            Moment::IsBack => limit.out -= usize::from(is_start),
            Moment::Leaves => {
                if may_have_left(departure) {
                    everyone.lets(departure, "a hold of everyone")?;
                    if is_start && is_direct {
                        limit.lets(departure, "a hold of its business")?;
                        limit.lets_few(departure)?;
                    }
                }
                limit.out += usize::from(is_start);
            }
            Moment::IsHeard => {
                let Some(refusal) = refused(departure) else { continue };
                let limit = match refusal.whom {
                    Whom::Business(..) if is_start => limit,
                    Whom::Business(..) | Whom::Everyone => &mut everyone,
                };
                limit.heard(departure.at, at, refusal.stated, settings.backoff.0);
            }
        }
    }
    Ok(())
}

fn by_id(refusals: &[Refusal]) -> BTreeMap<&str, Vec<&Refusal>> {
    let mut by_id: BTreeMap<&str, Vec<&Refusal>> = BTreeMap::new();
    for refusal in refusals {
        by_id.entry(&refusal.id).or_default().push(refusal);
    }
    by_id
}

/// The refusal that came back whole to a request. Questions may share an id, so it is the last one
/// that left the server by then: an earlier one came too late for its own question.
fn refusal<'a>(
    refusals: &BTreeMap<&str, Vec<&'a Refusal>>,
    departure: &Departure,
) -> Option<&'a Refusal> {
    let Some((back, Back::Answer(_))) = departure.back else { return None };
    let of_id = refusals.get(departure.id.as_str())?;
    let mut of_id = of_id.iter().rev();
    of_id.find(|refusal| departure.at <= refusal.at && refusal.at <= back).copied()
}

fn moments(departures: &[Departure]) -> Vec<(At, Moment, usize)> {
    let mut moments = Vec::with_capacity(3 * departures.len());
    for (index, departure) in departures.iter().enumerate() {
        moments.push((departure.at, Moment::Leaves, index));
        if let Some((back, _)) = departure.back {
            // What is back in the instant in which it left was out before.
            let is_back = if back == departure.at { Moment::IsHeard } else { Moment::IsBack };
            if is_back == Moment::IsBack {
                moments.push((back, Moment::IsBack, index));
            }
            moments.push((back, Moment::IsHeard, index));
        }
    }
    moments.sort_unstable();
    moments
}

impl Limit {
    /// Notes a refusal of a request that left at `sent`. One that left before the present hold
    /// began says nothing new, unless it states a pause. Later holds without a stated pause last
    /// no less than the first.
    fn heard(&mut self, sent: At, now: At, stated: Option<Duration>, first: Duration) {
        self.refused = Some(now);
        let is_known = self.began.is_some_and(|began| sent <= began);
        let stated = stated.filter(|pause| !pause.is_zero()).map(|pause| pause.min(LONGEST));
        let pause = match stated {
            None if is_known => return,
            None => first,
            Some(pause) => pause,
        };
        if !is_known {
            self.began = Some(now);
        }
        self.until = self.until.max(Some(now + pause));
    }

    fn lets(&self, departure: &Departure, what: &str) -> Result<(), Broken> {
        match self.until {
            Some(until) if departure.at < until => {
                let what = format!("{} left in {what} until {until:?}", told(departure));
                Err(Broken { promise: "nothing leaves in a hold", what })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn lets_few(&self, departure: &Departure) -> Result<(), Broken> {
        let is_careful = self.refused.is_some_and(|refused| departure.at < refused + CAREFUL);
        if is_careful && self.out >= FEW {
            let what = format!("{} left with {} out", told(departure), self.out);
            return Err(Broken { promise: "little at a time after a throttle", what });
        }
        Ok(())
    }
}
