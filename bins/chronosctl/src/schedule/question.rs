//! One question: an expression, a zone, and where to begin, all as text.

use chrono::{DateTime, Utc};
use iso8601_repeat::{
    Moment, OffsetPolicy, Options, Period, Profile, RepeatingInterval, Schedule, ScheduleError,
    Zone,
};

use super::answer::{Answer, Needs};

/// What is common to all questions of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) profile: Profile,
    pub(super) offset_policy: OffsetPolicy,
    /// How many occurrences to give at most.
    pub(super) count: usize,
}

/// A question as it was written; an empty zone or beginning is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) expression: &'a str,
    pub(super) zone: &'a str,
    pub(super) from: &'a str,
}

/// Which part of a question is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Expression,
    Zone,
    From,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) field: Field,
    /// Where in that field, in bytes.
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Problem {
    fn new(field: Field, offset: usize, message: &impl ToString) -> Self {
        Self {
            field,
            offset,
            message: message.to_string(),
        }
    }
}

impl Question<'_> {
    /// Reads and evaluates it.
    pub(super) fn answer(&self, terms: &Terms) -> Result<Answer, Problem> {
        let interval = RepeatingInterval::parse(self.expression, terms.profile)
            .map_err(|error| Problem::new(Field::Expression, error.offset(), &error))?;
        let zone = self.zone(terms)?;
        let from = self.from(zone)?;
        let mut options = Options::new().offset_policy(terms.offset_policy);
        if let Some(zone) = zone {
            options = options.zone(zone);
        } else if terms.profile == Profile::Chronos {
            options = options.fallback_zone(Zone::UTC);
        }
        if let Some(from) = from {
            options = options.anchor(from);
        }
        // What begins there begins with it; all else comes after it.
        let after = from.filter(|_| !interval.needs_anchor());
        match interval.schedule(&options) {
            Ok(schedule) => Ok(occurrences(interval, &schedule, after, terms.count)),
            Err(ScheduleError::ZoneNeeded) => Ok(Answer::lacking(interval, Needs::Zone)),
            Err(ScheduleError::AnchorNeeded) => Ok(Answer::lacking(interval, Needs::From)),
            Err(error) => Err(Problem::new(Field::Expression, 0, &error)),
        }
    }

    fn zone(&self, terms: &Terms) -> Result<Option<Zone>, Problem> {
        if matches!(self.zone, "" | "-") {
            return Ok(None);
        }
        let by_java = Zone::from_java_id(self.zone).filter(|_| terms.profile == Profile::Chronos);
        match by_java {
            Some(zone) => Ok(Some(zone)),
            None => match self.zone.parse::<Zone>() {
                Ok(zone) => Ok(Some(zone)),
                Err(error) => Err(Problem::new(Field::Zone, 0, &error)),
            },
        }
    }

    /// The instant at which to begin; without an offset, by the clock of the zone.
    fn from(&self, zone: Option<Zone>) -> Result<Option<DateTime<Utc>>, Problem> {
        if matches!(self.from, "" | "-") {
            return Ok(None);
        }
        let moment: Moment = self
            .from
            .parse()
            .map_err(|error: iso8601_repeat::ParseError| {
                Problem::new(Field::From, error.offset(), &error)
            })?;
        let once = RepeatingInterval::builder()
            .times(1)
            .start(moment)
            .period(Period::ZERO);
        let options = zone.map_or_else(Options::new, |zone| Options::new().zone(zone));
        let schedule = once
            .build()
            .ok()
            .map(|once| once.schedule(&options))
            .transpose();
        match schedule {
            Ok(schedule) => Ok(schedule
                .and_then(|schedule| schedule.first())
                .map(|first| first.at)),
            Err(error) => Err(Problem::new(Field::From, 0, &error)),
        }
    }
}

fn occurrences(
    interval: RepeatingInterval,
    schedule: &Schedule,
    after: Option<DateTime<Utc>>,
    count: usize,
) -> Answer {
    let next = match after {
        Some(after) => schedule.after(after).take(count).collect(),
        None => schedule.iter().take(count).collect(),
    };
    let mut answer = Answer::new(interval, schedule.zone(), next);
    // Without a first occurrence and without a place to begin, the last ones are all there is to show.
    if after.is_none()
        && schedule.first().is_none()
        && let Some(last) = schedule.last()
    {
        let earlier = schedule.before(last.at);
        answer.last = [last].into_iter().chain(earlier).take(count).collect();
    }
    answer
}
