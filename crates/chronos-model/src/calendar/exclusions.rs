//! All calendars of one job, and the targets that they let through.

use std::sync::Arc;

use super::{Calendar, CalendarName};
use crate::{NextTarget, Targets, Timestamp, limits::EXCLUDED_STRETCHES_MAX};

/// How many stretches that meet are made one, before the rest is left to the next question.
const MERGED_MAX: usize = 64;

/// All calendars of one job.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use chronos_model::{Allowed, Calendar, Exclusions, JobSchedule};
/// use serde_json::json;
///
/// let calendar = |document| Arc::new(Calendar::from_json(&document).unwrap());
/// let exclusions = Exclusions::new(vec![
///     calendar(json!({"name": "weekends", "weekdays": ["SAT", "SUN"]})),
///     calendar(json!({"name": "holidays", "dates": ["2026-01-05/2026-01-06"]})),
/// ]);
/// let friday = "2026-01-02T06:00:00Z".parse().unwrap();
/// let targets = JobSchedule::parse("R/2026-01-02T06:00:00Z/P1D", "")?.targets(friday)?;
/// // Neither Saturday, Sunday, Monday nor Tuesday.
/// let Allowed::At(next) = exclusions.first_allowed(&targets, friday) else { panic!() };
/// assert_eq!(next.at.to_string(), "2026-01-07T06:00:00.000Z");
/// # Ok::<(), chronos_model::JobScheduleError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Exclusions(Box<[Arc<Calendar>]>);

/// The first target that no calendar leaves out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allowed {
    /// This one.
    At(NextTarget),
    /// There is none.
    None,
    /// None was found before this instant; look again then, from just before it.
    NotWithin(Timestamp),
}

impl Exclusions {
    /// Puts calendars together.
    pub fn new(calendars: Vec<Arc<Calendar>>) -> Self {
        Self(calendars.into())
    }

    /// Whether nothing is left out.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says which calendar leaves `at` out (the first of several), and until when at the least, over
    /// all calendars.
    pub fn excluded_until(&self, at: Timestamp) -> Option<(Timestamp, &CalendarName)> {
        let (mut until, name) = self.excluded_by_one(at)?;
        for _ in 0..MERGED_MAX {
            match self.excluded_by_one(until) {
                Some((later, _)) => until = later,
                None => break,
            }
        }
        Some((until, name))
    }

    /// Finds the first target after `from` that no calendar leaves out.
    ///
    /// What is left out is passed over at once, however many targets are in it; after
    /// [`EXCLUDED_STRETCHES_MAX`] of them the answer is [`Allowed::NotWithin`].
    pub fn first_allowed(&self, targets: &Targets, from: Timestamp) -> Allowed {
        let mut from = from;
        for _ in 0..EXCLUDED_STRETCHES_MAX {
            let Some(target) = targets.after(from) else {
                return Allowed::None;
            };
            match self.excluded_until(target.at) {
                Some((until, _)) => from = until.plus_millis(-1),
                None => return Allowed::At(target),
            }
        }
        Allowed::NotWithin(from.plus_millis(1))
    }

    fn excluded_by_one(&self, at: Timestamp) -> Option<(Timestamp, &CalendarName)> {
        self.0.iter().find_map(|calendar| {
            let until = calendar.excluded_until(at)?;
            Some((until, calendar.name()))
        })
    }
}
