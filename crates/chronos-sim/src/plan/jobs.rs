//! Jobs of every kind.

use std::collections::BTreeMap;

use chronos_model::Timestamp;
use serde_json::{Value, json};

use crate::{clock::Moment, dice::Dice, plan::DAY, work::Work};

/// How many targets one job may have in a simulation; the ones that would have more end before.
const TARGETS_MAX: u64 = 300;

/// Periods, each with its length in seconds, about.
const PERIODS: [(&str, u64); 18] = [
    ("PT1S", 1),
    ("PT7S", 7),
    ("PT30S", 30),
    ("PT1M", 60),
    ("PT13M", 780),
    ("PT1H", 3600),
    ("PT1H", 3600),
    ("PT5H30M", 19_800),
    ("PT12H", 43_200),
    ("PT24H", 86_400),
    ("P1D", 86_400),
    ("P1D", 86_400),
    ("P1DT1H", 90_000),
    ("P2D", 172_800),
    ("P1W", 604_800),
    ("P1M", 2_592_000),
    ("P1M1D", 2_678_400),
    ("P1Y", 31_536_000),
];

/// Cron expressions, each with the seconds between two of its targets, about.
const CRONS: [(&str, u64); 8] = [
    ("30 2 * * *", 86_400),
    ("0 */2 * * *", 7_200),
    ("15,45 1-3 * * *", 3_600),
    ("0 6 * * MON-FRI", 86_400),
    ("59 23 L * *", 2_592_000),
    ("0 0 12 1 * *", 2_592_000),
    ("0 9 * * MON#1", 2_592_000),
    ("@weekly", 604_800),
];

/// Zones; in most of them clocks change in the window of one of the starts.
const ZONES: [&str; 9] = [
    "",
    "",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Africa/Casablanca",
];

/// The calendars that jobs name.
const CALENDARS: [&str; 3] = ["nights", "weekends", "holidays"];

/// Makes jobs, and remembers them.
#[derive(Debug)]
pub(super) struct Maker {
    dice: Dice,
    start: Timestamp,
    length: Moment,
    /// The jobs that are there, in the order in which they were made.
    pub(super) documents: BTreeMap<String, Value>,
    count: u64,
}

impl Maker {
    pub(super) fn new(dice: Dice, start: Timestamp, length: Moment) -> Self {
        Self {
            dice,
            start,
            length,
            documents: BTreeMap::new(),
            count: 0,
        }
    }

    /// Makes one of the first jobs.
    pub(super) fn make(&mut self) -> (Moment, Value) {
        // Parents come before their children.
        let at = Moment(1_000 + self.count * 200);
        let document = self.make_at(at);
        (at, document)
    }

    /// Makes one of the calendars that jobs name, or another one of its name.
    pub(super) fn make_calendar(&mut self) -> Value {
        let name = *self.dice.pick(&CALENDARS);
        let zone = *self
            .dice
            .pick(&["UTC", "Europe/Berlin", "America/New_York"]);
        match name {
            "nights" => {
                let from = format!("{:02}:00", self.dice.between(18, 23));
                let to = format!("{:02}:30", self.dice.between(0, 8));
                json!({"name": name, "zone": zone, "windows": [{"from": from, "to": to}]})
            }
            "weekends" => json!({"name": name, "zone": zone, "weekdays": ["SAT", "SUN"]}),
            _ => {
                let day = i64::try_from(DAY).unwrap_or(i64::MAX);
                let dates: Vec<String> = (0..self.dice.between(1, 5))
                    .map(|_| {
                        self.start
                            .plus_millis(self.dice.signed(0, 40) * day)
                            .to_string()
                    })
                    .map(|date| date[..10].to_owned())
                    .collect();
                json!({"name": name, "zone": zone, "dates": dates})
            }
        }
    }

    /// Makes a job with a new name at a moment.
    pub(super) fn make_at(&mut self, at: Moment) -> Value {
        let name = if self.dice.chance(10) {
            format!("job {} #x", self.count)
        } else {
            format!("j{}", self.count)
        };
        self.count += 1;
        self.make_named(&name, at)
    }

    /// Makes a job of this name.
    pub(super) fn make_named(&mut self, name: &str, at: Moment) -> Value {
        let mut document = json!({"name": name});
        let others: Vec<String> = self
            .documents
            .keys()
            .filter(|it| *it != name)
            .cloned()
            .collect();
        let dependent = !others.is_empty() && self.dice.chance(40);
        let mut period = 3_600;
        if dependent {
            self.give_parents(&mut document, &others);
            if self.dice.chance(15) {
                document["scheduleAndParents"] = true.into();
                period = self.give_schedule(&mut document, at);
            }
        } else {
            period = self.give_schedule(&mut document, at);
        }
        self.give_work(&mut document, period);
        self.give_policies(&mut document, period);
        self.documents.insert(name.to_owned(), document.clone());
        document
    }

    // A chain, a diamond, or a wide fan-in.
    fn give_parents(&mut self, document: &mut Value, others: &[String]) {
        let most = match self.dice.between(0, 9) {
            0..5 => 1,
            5..8 => 2,
            8 => 4,
            _ => 50,
        };
        let mut parents: Vec<String> = Vec::new();
        for _ in 0..most {
            let parent = self.dice.pick(others).clone();
            if !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        document["parents"] = parents.into();
        let rules = [
            "allSuccess",
            "allSuccess",
            "allSuccess",
            "allDone",
            "anySuccess",
            "anyFailure",
        ];
        document["dependencyRule"] = (*self.dice.pick(&rules)).into();
    }

    /// Gives a job a schedule; returns its period in seconds.
    pub(super) fn give_schedule(&mut self, document: &mut Value, at: Moment) -> u64 {
        if let Some(fields) = document.as_object_mut() {
            for field in [
                "schedule",
                "cron",
                "schedules",
                "scheduleTimeZone",
                "dst",
                "endTime",
                "calendar",
            ] {
                fields.remove(field);
            }
        }
        let zone = *self.dice.pick(&ZONES);
        if !zone.is_empty() {
            document["scheduleTimeZone"] = zone.into();
        }
        if self.dice.chance(40) {
            let gap = *self.dice.pick(&["shift", "skip"]);
            let overlap = *self.dice.pick(&["first", "second", "both"]);
            document["dst"] = json!({"gap": gap, "overlap": overlap});
        }
        if self.dice.chance(12) {
            document["calendar"] = (*self.dice.pick(&CALENDARS)).into();
        }
        if self.dice.chance(8) {
            let ahead = self.dice.between(0, self.length.since(at));
            document["endTime"] = self.after(at, ahead).into();
        }
        match self.dice.between(0, 9) {
            0 => {
                let &(expression, seconds) = self.dice.pick(&CRONS);
                document["cron"] = expression.into();
                seconds
            }
            1 => {
                let (first, period) = self.interval(at);
                let (second, other) = self.interval(at);
                let &(expression, _) = self.dice.pick(&CRONS);
                document["schedules"] = json!([first, second, {"cron": expression}]);
                period.min(other)
            }
            _ => {
                let (interval, seconds) = self.interval(at);
                document["schedule"] = interval.into();
                seconds
            }
        }
    }

    fn interval(&mut self, at: Moment) -> (String, u64) {
        let &(period, seconds) = self.dice.pick(&PERIODS);
        let window = self.length.since(at) / 1000;
        let expected = window / seconds;
        let count = if expected > TARGETS_MAX {
            Some(self.dice.spread(1, TARGETS_MAX))
        } else if self.dice.chance(15) {
            Some(self.dice.between(0, 12))
        } else {
            None
        };
        let count = count.map_or_else(String::new, |count| count.to_string());
        let start = self.start_of(at, seconds);
        (format!("R{count}/{start}/{period}"), seconds)
    }

    fn after(&self, at: Moment, millis: u64) -> String {
        let now = self.start.plus_millis(i64::try_from(at.0).unwrap_or(0));
        now.plus_millis(i64::try_from(millis).unwrap_or(0))
            .to_string()
    }

    fn start_of(&mut self, at: Moment, period: u64) -> String {
        let day = i64::try_from(DAY).unwrap_or(i64::MAX);
        let now = self.start.plus_millis(i64::try_from(at.0).unwrap_or(0));
        match self.dice.between(0, 9) {
            0 => String::new(),
            // In the middle of the night, where clocks change.
            1..4 => {
                let date = now.plus_millis(self.dice.signed(-40, 3) * day).to_string();
                let clock = self
                    .dice
                    .pick(&["00:30", "01:30", "02:00", "02:30", "03:00"]);
                format!("{}T{clock}:00", &date[..10])
            }
            // In the past, but not so far that it means nothing.
            4..6 => {
                let back = self.dice.spread(1, period * 400).min(400 * DAY / 1000);
                let back = i64::try_from(back * 1000).unwrap_or(0);
                now.plus_millis(-back).to_string()
            }
            // The last day of a month.
            6 => "2026-01-31T23:30:00Z".to_owned(),
            _ => {
                let ahead = self.dice.spread(1, self.length.since(at).max(2) / 2);
                self.after(at, ahead)
            }
        }
    }

    /// Gives a job something to do.
    pub(super) fn give_work(&mut self, document: &mut Value, period: u64) {
        let longest = (period * 2_000).clamp(100, 4 * 3_600_000);
        let work = Work {
            millis: self.dice.spread(50, longest),
            fails: *self.dice.pick(&[0, 0, 5, 30, 100]),
            hangs: *self.dice.pick(&[0, 0, 0, 2, 10]),
        };
        document["command"] = work.command().into();
        if work.hangs > 0 || self.dice.chance(10) {
            let limit = (work.millis / 1000 * 2).max(2);
            document["maxCompletionTime"] = limit.into();
        }
    }

    /// Gives a job policies.
    pub(super) fn give_policies(&mut self, document: &mut Value, period: u64) {
        let dice = &mut self.dice;
        document["retries"] = (*dice.pick(&[0, 0, 1, 2, 5])).into();
        document["retryDelay"] = dice.spread(1, 900).into();
        if dice.chance(25) {
            document["retryBackoff"] = "exponential".into();
            document["retryDelayMax"] = dice.between(60, 3_600).into();
        }
        if dice.chance(60) {
            let policies = ["skip", "queueOne", "queueAll", "replace", "allow"];
            let policy = *dice.pick(&policies);
            document["overlap"] = policy.into();
            if policy == "queueAll" || (policy == "allow" && dice.chance(50)) {
                document["overlapLimit"] = dice.between(1, 5).into();
            }
        }
        if dice.chance(50) {
            let policy = *dice.pick(&["latest", "all", "none"]);
            document["catchUp"] = policy.into();
            if policy == "all" {
                document["catchUpLimit"] = dice.spread(1, 40).into();
            }
        }
        if dice.chance(20) {
            document["jitter"] = dice.between(1, (period / 2).clamp(1, 7_200)).into();
        }
        if dice.chance(10) {
            document["epsilon"] = (*dice.pick(&["PT30S", "PT10M", "PT3H"])).into();
        }
        if dice.chance(20) {
            document["startTimeout"] = dice.between(30, 900).into();
        }
        for (field, percent) in [("softError", 15), ("highPriority", 20), ("disabled", 5)] {
            if dice.chance(percent) {
                document[field] = true.into();
            }
        }
    }
}
