//! Calendars as JSON, read as leniently as jobs are.

use serde_json::{Map, Value, json};

use super::{
    ALL_WEEKDAYS, Calendar,
    date::{DateRule, Dates},
    window::{self, Window},
};
use crate::{
    FieldProblem, JobNameError, JobSchedule,
    limits::{CALENDAR_DATES_LEN_MAX, CALENDAR_WINDOWS_LEN_MAX, ZONE_LEN_MAX},
    problem::{Problems, ROOT_FIELD, quote},
    read::field::{self, Object, Path},
};

/// The weekdays, from Monday, as they are written; three letters are enough.
const WEEKDAYS: [(&str, &str); 7] = [
    ("MON", "monday"),
    ("TUE", "tuesday"),
    ("WED", "wednesday"),
    ("THU", "thursday"),
    ("FRI", "friday"),
    ("SAT", "saturday"),
    ("SUN", "sunday"),
];

impl Calendar {
    /// Reads and checks a calendar.
    ///
    /// * `name`: as for jobs.
    /// * `zone`: on whose clocks it is read; UTC without one.
    /// * `description`: for people.
    /// * `dates`: days (`2026-12-25`), ranges with both ends (`2026-12-24/2027-01-01`), days of every
    ///   year (`--12-25`).
    /// * `weekdays`: such as `SAT`.
    /// * `windows`: `{"from": "22:00", "to": "06:00", "weekdays": ["FRI"]}`. The end is not in it any
    ///   more; one that is not later than the beginning is on the next day. The weekdays are those on
    ///   which it begins; all of them without any.
    ///
    /// Unknown fields are ignored, and null is the same as absent.
    ///
    /// # Errors
    ///
    /// All problems at once, as for jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::Calendar;
    /// use serde_json::json;
    ///
    /// let closed = json!({
    ///     "name": "closed",
    ///     "zone": "Europe/Berlin",
    ///     "dates": ["--12-25", "2026-12-28/2027-01-03"],
    ///     "weekdays": ["SAT", "SUN"],
    /// });
    /// let calendar = Calendar::from_json(&closed).unwrap();
    /// assert_eq!(serde_json::Value::from(calendar.to_json()), closed);
    ///
    /// let problems = Calendar::from_json(&json!({"name": "x", "dates": ["2026-02-30"]})).unwrap_err();
    /// assert!(problems[0].to_string().starts_with("dates[0]: \"2026-02-30\" is no date"));
    /// ```
    pub fn from_json(value: &Value) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Problems::default();
        let calendar = read(value, &mut problems);
        problems.finish(calendar).map_err(|mut problems| {
            for problem in &mut problems {
                if problem.field == ROOT_FIELD {
                    "calendar".clone_into(&mut problem.field);
                }
            }
            problems
        })
    }

    /// Writes the calendar; reading that gives the same one.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |key: &str, value: Value| {
            fields.insert(key.to_owned(), value);
        };
        put("name", self.name.as_str().into());
        if !self.zone_text.is_empty() {
            put("zone", self.zone_text.as_str().into());
        }
        if !self.description.is_empty() {
            put("description", self.description.as_str().into());
        }
        if !self.dates.rules().is_empty() {
            put(
                "dates",
                self.dates.rules().iter().map(ToString::to_string).collect(),
            );
        }
        if self.weekdays != 0 {
            put("weekdays", written_weekdays(self.weekdays));
        }
        if !self.windows.is_empty() {
            put(
                "windows",
                self.windows.iter().copied().map(written_window).collect(),
            );
        }
        fields
    }
}

fn written_weekdays(weekdays: u8) -> Value {
    (0..7_u8)
        .zip(WEEKDAYS)
        .filter(|&(idx, _)| weekdays & (1 << idx) != 0)
        .map(|(_, (short, _))| short)
        .collect()
}

fn written_window(window: Window) -> Value {
    let mut value = json!({"from": window::time(window.from), "to": window::time(window.to)});
    if window.weekdays != ALL_WEEKDAYS
        && let Some(fields) = value.as_object_mut()
    {
        fields.insert("weekdays".to_owned(), written_weekdays(window.weekdays));
    }
    value
}

fn read(value: &Value, problems: &mut Problems) -> Option<Calendar> {
    let example = r#"{"name": "holidays", "dates": ["--12-25"]}"#;
    let object = Object::new(value, Path::Root, example, problems)?;
    object.require("name", problems);
    let name = object.read("name", problems, |value| {
        let name = field::text(value)?.parse();
        name.map_err(|error: JobNameError| error.to_string())
    });
    let zone_text = object.read("zone", problems, zone).unwrap_or_default();
    let calendar = Calendar {
        description: object.text("description", problems),
        zone: JobSchedule::zone(&zone_text).ok()?,
        zone_text,
        dates: Dates::new(dates(&object, problems)),
        weekdays: weekdays(&object, problems),
        windows: windows(&object, problems),
        name: name?,
    };
    if calendar.excludes_everything() {
        problems.add(
            Path::Root,
            "leaves out every instant, so that its jobs would never start; disable them instead",
        );
    }
    Some(calendar)
}

fn zone(value: &Value) -> Result<String, String> {
    let text = field::text(value)?;
    if text.len() > ZONE_LEN_MAX {
        return Err(format!(
            "has {} bytes, more than {ZONE_LEN_MAX}",
            text.len()
        ));
    }
    match JobSchedule::check_zone(&text) {
        Ok(()) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}

fn dates(object: &Object<'_>, problems: &mut Problems) -> Vec<DateRule> {
    object.each_of(
        "dates",
        CALENDAR_DATES_LEN_MAX,
        problems,
        |value, path, problems| {
            let rule = field::text(value).and_then(|text| DateRule::parse(&text));
            rule.map_err(|problem| problems.add(path, problem)).ok()
        },
    )
}

// As bits; none without the field.
fn weekdays(object: &Object<'_>, problems: &mut Problems) -> u8 {
    let bits = object.each("weekdays", problems, |value, path, problems| {
        weekday(value)
            .map_err(|problem| problems.add(path, problem))
            .ok()
    });
    bits.into_iter().fold(0, |all, bit| all | bit)
}

fn weekday(value: &Value) -> Result<u8, String> {
    let found = field::text(value)?;
    let text = found.trim();
    (0..7_u8)
        .zip(WEEKDAYS)
        .find(|(_, (short, long))| {
            short.eq_ignore_ascii_case(text) || long.eq_ignore_ascii_case(text)
        })
        .map(|(idx, _)| 1 << idx)
        .ok_or_else(|| {
            let found = quote(&found);
            format!("unknown weekday {found}, expected MON, TUE, WED, THU, FRI, SAT or SUN")
        })
}

fn windows(object: &Object<'_>, problems: &mut Problems) -> Vec<Window> {
    object.each_of("windows", CALENDAR_WINDOWS_LEN_MAX, problems, window)
}

fn window(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<Window> {
    let object = Object::new(value, path, r#"{"from": "22:00", "to": "06:00"}"#, problems)?;
    let (from, to) = (
        time(&object, "from", problems),
        time(&object, "to", problems),
    );
    let weekdays = if object.get("weekdays").is_some() {
        weekdays_of_window(&object, problems)
    } else {
        ALL_WEEKDAYS
    };
    let window = Window {
        from: from?,
        to: to?,
        weekdays,
    };
    if window.from == window.to || window.from == window::DAY_END {
        problems.add(
            path,
            "is empty; 00:00 to 24:00 is a whole day, 22:00 to 06:00 goes over midnight",
        );
    }
    Some(window)
}

fn weekdays_of_window(object: &Object<'_>, problems: &mut Problems) -> u8 {
    let is_empty = object
        .get("weekdays")
        .and_then(Value::as_array)
        .is_some_and(|listed| listed.iter().all(Value::is_null));
    if is_empty {
        problems.add(
            object.at("weekdays"),
            "is empty; leave it out for all weekdays",
        );
    }
    weekdays(object, problems)
}

fn time(object: &Object<'_>, key: &str, problems: &mut Problems) -> Option<u16> {
    object.require(key, problems);
    object.read(key, problems, |value| {
        let text = field::text(value)?;
        window::minute(&text).ok_or_else(|| {
            let found = quote(&text);
            format!("{found} is no time of day; expected one from 00:00 to 24:00")
        })
    })
}
