//! Cron expressions: five fields, or six with the second first.
//!
//! The grammar is that of the `croner` crate, one field at a time, so that a problem names its field;
//! what is kept are bits. When the readings come true in a zone stands in `schedule::cron::walk`.

mod fields;
mod walk;

use croner::parser::{CronParser, Seconds, Year};
use thiserror::Error;

use self::fields::Days;
pub(super) use self::{fields::Fields, walk::CronTargets};

/// Names for usual expressions, as cron has them.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The bits by which croner marks values: on their n-th occurrence, on their last one, and moved to
/// the nearest weekday. They are not named in its API; the tests compare every day with its answers.
const NTH: [u8; 5] = [1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5];
const LAST: u8 = 1 << 6;
const NEAREST: u8 = 1 << 7;

/// 2000-01-01T00:00:00, in seconds: where to begin to look for any reading at all.
const SOME_DAY: i64 = 946_684_800;

/// A cron expression, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cron {
    /// As it was written.
    pub(super) text: Box<str>,
    pub(super) fields: Fields,
    /// Whether it means "every so often": the field of the hour begins with `*`.
    pub(super) is_interval: bool,
}

impl Cron {
    /// Reads an expression.
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        let expression = expand(text.trim())?;
        let listed: Vec<&str> = expression.split_ascii_whitespace().collect();
        let texts: [&str; 6] = match *listed.as_slice() {
            [minute, hour, day, month, weekday] => ["0", minute, hour, day, month, weekday],
            [second, minute, hour, day, month, weekday] => {
                [second, minute, hour, day, month, weekday]
            }
            _ => {
                return Err(CronError::Count {
                    found: listed.len(),
                });
            }
        };
        for (field, text) in Field::ALL.into_iter().zip(texts) {
            field.check(text)?;
        }
        let cron = parser().parse(&texts.join(" ")).map_err(|error| {
            // Each of them alone is right.
            CronError::Whole {
                problem: fragment(&error),
            }
        })?;
        let fields = compile(&cron);
        if fields.next(SOME_DAY).is_none() {
            return Err(CronError::Never);
        }
        let [_, _, hour, ..] = texts;
        Ok(Self {
            text: text.into(),
            fields,
            is_interval: hour.starts_with('*'),
        })
    }
}

fn expand(text: &str) -> Result<&str, CronError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    NICKNAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|&(_, expression)| expression)
        .ok_or_else(|| CronError::Nickname {
            found: text.to_owned(),
        })
}

fn parser() -> CronParser {
    CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build()
}

fn compile(cron: &croner::Cron) -> Fields {
    let pattern = &cron.pattern;
    let days = &pattern.days;
    let last_workday = days.is_feature_enabled(LAST | NEAREST);
    let weekdays = &pattern.days_of_week;
    Fields {
        seconds: bits(&pattern.seconds.values()),
        minutes: bits(&pattern.minutes.values()),
        hours: bits(&pattern.hours.values()),
        months: bits(&pattern.months.values()),
        days: Days {
            numbers: bits(&days.values()),
            nearest: bits(&days.get_set_values(NEAREST)),
            last: days.is_feature_enabled(LAST) && !last_workday,
            last_workday,
            weekdays: bits(&weekdays.values()),
            nth: NTH.map(|mark| bits(&weekdays.get_set_values(mark))),
            last_of: bits(&weekdays.get_set_values(LAST)),
            any_number: pattern.is_dom_wildcard(),
            any_weekday: pattern.is_dow_wildcard(),
        },
    }
}

fn bits(values: &[u16]) -> u64 {
    values.iter().fold(0, |bits, value| {
        bits | 1_u64.checked_shl(u32::from(*value)).unwrap_or(0)
    })
}

/// A field of an expression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Field {
    /// The second of the minute; only in expressions of six fields.
    Second,
    /// The minute of the hour.
    Minute,
    /// The hour of the day.
    Hour,
    /// The day of the month.
    DayOfMonth,
    /// The month.
    Month,
    /// The day of the week.
    DayOfWeek,
}

impl Field {
    const ALL: [Self; 6] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of the month",
            Self::Month => "month",
            Self::DayOfWeek => "day of the week",
        }
    }

    /// What may stand there.
    const fn hint(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => {
                "0-59, lists (0,30), ranges (0-29), steps (*/15 or 0-29/5)"
            }
            Self::Hour => "0-23, lists (6,18), ranges (8-17), steps (*/2 or 8-17/3)",
            Self::DayOfMonth => {
                "1-31, L for the last day, 15W for the workday nearest to the 15th, lists, ranges, steps"
            }
            Self::Month => "1-12 or JAN-DEC, lists, ranges, steps",
            Self::DayOfWeek => {
                "0-7 or SUN-SAT (0 and 7 are Sunday), MON#1 for the first Monday, FRIL for the last Friday, lists, ranges, steps"
            }
        }
    }

    fn check(self, text: &str) -> Result<(), CronError> {
        let error = |problem: String| CronError::Field {
            field: self,
            found: text.to_owned(),
            problem,
        };
        // croner takes names wherever they stand, and skips what is empty.
        let words = text.split([',', '-', '/', '#']);
        if let Some(word) = words.into_iter().find(|word| !self.has_word(word)) {
            return Err(error(match word {
                "" => "something is missing beside a sign".to_owned(),
                word => format!("{word:?} is nothing that may stand there"),
            }));
        }
        let mut alone = ["*"; 6];
        for (field, place) in Self::ALL.into_iter().zip(&mut alone) {
            if field == self {
                *place = text;
            }
        }
        let cron = parser()
            .parse(&alone.join(" "))
            .map_err(|problem| error(fragment(&problem)))?;
        // croner takes it and never comes to such a day.
        if self == Self::DayOfWeek && cron.pattern.days_of_week.is_feature_enabled(LAST) {
            return Err(error("L needs a weekday".to_owned()));
        }
        Ok(())
    }

    fn has_word(self, word: &str) -> bool {
        let number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        let among =
            |names: &[&str], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
        let without = |suffix: char| {
            word.strip_suffix(suffix)
                .or_else(|| word.strip_suffix(suffix.to_ascii_lowercase()))
        };
        number(word)
            || word == "*"
            || match self {
                Self::Second | Self::Minute | Self::Hour => false,
                Self::Month => among(&MONTHS, word),
                Self::DayOfMonth => {
                    among(&["?", "L", "LW"], word) || without('W').is_some_and(number)
                }
                Self::DayOfWeek => {
                    among(&["?"], word)
                        || among(&WEEKDAYS, word)
                        || without('L').is_some_and(|word| {
                            word.is_empty() || number(word) || among(&WEEKDAYS, word)
                        })
                }
            }
    }
}

/// Makes a fragment of a sentence of croner.
fn fragment(error: &croner::errors::CronError) -> String {
    use croner::errors::CronError as Croner;
    let text = match error {
        Croner::InvalidPattern(text)
        | Croner::IllegalCharacters(text)
        | Croner::ComponentError(text) => {
            // What follows repeats the hint.
            text.split_once(". ")
                .map_or(text.as_str(), |(first, _)| first)
        }
        Croner::EmptyPattern => "it is empty",
        Croner::InvalidDate | Croner::InvalidTime | Croner::TimeSearchLimitExceeded => {
            "it names no time"
        }
    };
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

/// Why a text is no cron expression.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CronError {
    /// There are too few fields, or too many.
    #[error(
        "has {found} fields; expected five (minute, hour, day of the month, month, day of the week), or six with the second first"
    )]
    Count {
        /// How many there are.
        found: usize,
    },
    /// There is no such name.
    #[error(
        "unknown name {found:?}; expected @yearly, @monthly, @weekly, @daily or @hourly, or five fields"
    )]
    Nickname {
        /// What was written.
        found: String,
    },
    /// A field cannot be read.
    #[error("the {} {found:?} is wrong: {problem}; expected {}", field.name(), field.hint())]
    Field {
        /// Which one.
        field: Field,
        /// What was written.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The fields are right, but not together.
    #[error("{problem}")]
    Whole {
        /// What is wrong.
        problem: String,
    },
    /// No month has such a day.
    #[error("never comes true; no such month has such a day")]
    Never,
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};
    use croner::time::Weekday;

    use super::*;
    use crate::wall_clock::DAY;

    fn weekday(date: NaiveDate) -> Weekday {
        match date.weekday() {
            chrono::Weekday::Sun => Weekday::Sunday,
            chrono::Weekday::Mon => Weekday::Monday,
            chrono::Weekday::Tue => Weekday::Tuesday,
            chrono::Weekday::Wed => Weekday::Wednesday,
            chrono::Weekday::Thu => Weekday::Thursday,
            chrono::Weekday::Fri => Weekday::Friday,
            chrono::Weekday::Sat => Weekday::Saturday,
        }
    }

    #[test]
    fn names_the_days_that_croner_names() {
        let first = NaiveDate::from_ymd_opt(1999, 12, 1).unwrap();
        for days in [
            "* * *",
            "? * ?",
            "1 * *",
            "31 * *",
            "29 2 *",
            "*/7 * *",
            "1-7,20-30/5 JAN-JUN *",
            "L * *",
            "LW * *",
            "1W * *",
            "15W,31W * *",
            "30W,L 2,4 *",
            "* * MON",
            "* * 7",
            "* * 0",
            "* * FRI-SUN",
            "* * */2",
            "* * MON#1",
            "* * TUE#5,SUNL",
            "* * 5L",
            "13 * FRI",
            "LW 2 MON#2",
            "1,15 * 1-5",
        ] {
            let text = format!("0 0 0 {days}");
            let fields = Cron::parse(&text).unwrap().fields;
            let croner = parser().parse(&text).unwrap();
            for date in first.iter_days().take(3 * 366) {
                let weekday = weekday(date);
                let (year, month, day) = (date.year(), date.month(), date.day());
                let want = croner.pattern.month_match(month).unwrap()
                    && croner.pattern.day_match(year, month, day, weekday).unwrap();
                let midnight = i64::from(date.to_epoch_days()) * DAY;
                assert_eq!(fields.contains(midnight), want, "{days} on {date}");
                assert_eq!(
                    fields.next(midnight) == Some(midnight),
                    want,
                    "{days} {date}"
                );
                assert_eq!(
                    fields.count(midnight - 1, midnight) == 1,
                    want,
                    "{days} {date}"
                );
            }
        }
    }

    #[test]
    fn walks_both_ways_and_counts_alike() {
        for text in [
            "30 2,14 */9 * 1",
            "*/7 10-12 LW 2 *",
            "5 0 0 29 2 *",
            "* * * 1 *",
        ] {
            let fields = Cron::parse(text).unwrap().fields;
            let (mut forward, mut at) = (Vec::new(), SOME_DAY);
            while let Some(next) = fields.next(at) {
                forward.push(next);
                at = next + 1;
                if forward.len() == 100 {
                    break;
                }
            }
            let last = *forward.last().unwrap();
            let (mut backward, mut at) = (Vec::new(), last);
            while let Some(prev) = fields.prev(at).filter(|&prev| prev >= SOME_DAY) {
                backward.push(prev);
                at = prev - 1;
            }
            backward.reverse();
            assert_eq!(forward, backward, "{text}");
            for (nth, &reading) in (1..).zip(&forward) {
                assert_eq!(fields.count(SOME_DAY - 1, reading), nth, "{text}");
                assert_eq!(fields.count(SOME_DAY - 1, reading - 1), nth - 1, "{text}");
                assert_eq!(fields.count(reading, last), 100 - nth, "{text}");
            }
        }
    }

    // February 2072 has five Mondays; the next one that has is forty years later.
    #[test]
    fn finds_what_comes_least_often() {
        let fields = Cron::parse("0 0 * 2 MON#5").unwrap().fields;
        let date = |text: &str| {
            let date: NaiveDate = text.parse().unwrap();
            i64::from(date.to_epoch_days()) * DAY
        };
        assert_eq!(fields.next(date("2072-02-29")), Some(date("2072-02-29")));
        assert_eq!(fields.next(date("2072-03-01")), Some(date("2112-02-29")));
        assert_eq!(fields.prev(date("2112-02-28")), Some(date("2072-02-29")));
    }
}
