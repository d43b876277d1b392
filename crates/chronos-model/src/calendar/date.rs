//! The dates of a calendar: single ones, ranges, and those that come every year.

use std::fmt;

use chrono::{Datelike, NaiveDate};

/// A year in which every date exists.
const LEAP_YEAR: i32 = 2000;

/// Dates of a year.
const DATES_OF_A_YEAR: usize = 366;

/// What one entry of `dates` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DateRule {
    /// From the first to the last, both included.
    Range(NaiveDate, NaiveDate),
    /// Every year, where that date exists.
    Yearly { month: u32, day: u32 },
}

impl DateRule {
    /// Reads `2026-12-25`, `2026-12-24/2027-01-01` or `--12-25`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(yearly) = text.strip_prefix("--") {
            let date = date(&format!("{LEAP_YEAR}-{yearly}"));
            let date = date.ok_or_else(|| unknown(text))?;
            return Ok(Self::Yearly {
                month: date.month(),
                day: date.day(),
            });
        }
        let (first, last) = text.split_once('/').unwrap_or((text, text));
        let dates = date(first).zip(date(last));
        let (first, last) = dates.ok_or_else(|| unknown(text))?;
        if last < first {
            return Err(format!("the range {text:?} ends before it begins"));
        }
        Ok(Self::Range(first, last))
    }
}

// Four, two and two digits: chrono alone would take fewer.
fn date(text: &str) -> Option<NaiveDate> {
    let is_digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_date = is_digits(year, 4) && is_digits(month, 2) && is_digits(day, 2);
    if !is_date || parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

fn unknown(text: &str) -> String {
    let found = crate::problem::quote(text);
    format!(
        "{found} is no date; expected 2026-12-25, 2026-12-24/2027-01-01 or --12-25 for every year"
    )
}

impl fmt::Display for DateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(first, last) if first == last => write!(f, "{first}"),
            Self::Range(first, last) => write!(f, "{first}/{last}"),
            Self::Yearly { month, day } => write!(f, "--{month:02}-{day:02}"),
        }
    }
}

/// All dates of a calendar.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Dates {
    /// As they were written.
    rules: Vec<DateRule>,
    /// The ranges as days since 1970, sorted, those that meet made one.
    ranges: Vec<(i64, i64)>,
    /// The yearly ones, sorted.
    yearly: Vec<(u32, u32)>,
}

impl Dates {
    pub(super) fn new(rules: Vec<DateRule>) -> Self {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        let mut yearly = Vec::new();
        for rule in &rules {
            match rule {
                DateRule::Range(first, last) => {
                    ranges.push((first.to_epoch_days().into(), last.to_epoch_days().into()));
                }
                DateRule::Yearly { month, day } => yearly.push((*month, *day)),
            }
        }
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let meets = next.0 <= kept.1.saturating_add(1);
            if meets {
                kept.1 = kept.1.max(next.1);
            }
            meets
        });
        yearly.sort_unstable();
        yearly.dedup();
        Self {
            rules,
            ranges,
            yearly,
        }
    }

    pub(super) fn rules(&self) -> &[DateRule] {
        &self.rules
    }

    /// Returns the last day of what a day is left out with.
    pub(super) fn last_of(&self, day: i64) -> Option<i64> {
        let begun = self.ranges.partition_point(|range| range.0 <= day);
        let range = begun.checked_sub(1).and_then(|idx| self.ranges.get(idx));
        if let Some(&(_, last)) = range
            && day <= last
        {
            return Some(last);
        }
        if self.yearly.is_empty() {
            return None;
        }
        let date = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
        let found = self.yearly.binary_search(&(date.month(), date.day()));
        found.is_ok().then_some(day)
    }

    pub(super) fn are_all_of_a_year(&self) -> bool {
        self.yearly.len() >= DATES_OF_A_YEAR
    }
}
