//! Properties over random intervals, zones and instants.

use chrono::{DateTime, TimeDelta, Utc};
use iso8601_repeat::{
    Gap, Options, Overlap, Period, Profile, RepeatingInterval, Repetitions, Schedule, Stepper,
    Zone, ZoneTable,
};
use proptest::prelude::*;

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Asia/Kolkata",
    "America/St_Johns",
    "Africa/Casablanca",
];

/// The last zone is at odds between the copies of the database that we and jiff have.
const ZONES_AGREED: usize = ZONES.len() - 1;

/// A period of calendar and time parts, never zero.
fn periods() -> impl Strategy<Value = Period> {
    let calendar = (0..3_u32, 0..14_u32, 0..3_u32, 0..40_u32);
    let time = (
        0..30_u32,
        0..90_u64,
        0..90_u64,
        prop_oneof![3 => Just(0_u32), 1 => 0..1_000_000_000_u32],
    );
    let part = prop_oneof![Just((true, false)), Just((false, true)), Just((true, true))];
    (calendar, time, part).prop_map(
        |((years, months, weeks, days), (hours, minutes, seconds, nanoseconds), (c, t))| {
            let mut period = Period::ZERO;
            if c {
                period = period
                    .with_years(years)
                    .with_months(months)
                    .with_weeks(weeks)
                    .with_days(days);
            }
            if t {
                period = period
                    .with_hours(hours)
                    .with_minutes(minutes)
                    .with_seconds(seconds)
                    .with_nanoseconds(nanoseconds);
            }
            if period.is_zero() {
                Period::ZERO.with_days(1)
            } else {
                period
            }
        },
    )
}

/// A clock reading between 1850 and 2400, often in a night of changes.
fn starts() -> impl Strategy<Value = chrono::NaiveDateTime> {
    let any = (-3_786_912_000_i64..13_569_465_600).prop_map(|seconds| seconds - seconds % 450);
    let nights = (
        0..130_i64,
        prop_oneof![Just(84), Just(299), Just(68), Just(309)],
        0..16_i64,
    )
        .prop_map(|(year, day, quarter)| (year * 365 + day) * 86_400 + quarter * 900);
    prop_oneof![any, nights].prop_map(|seconds| {
        DateTime::from_timestamp(seconds, 0)
            .expect("in range")
            .naive_utc()
    })
}

#[derive(Clone, Debug)]
struct Case {
    interval: RepeatingInterval,
    zone: Zone,
    schedule: Schedule,
}

fn cases() -> impl Strategy<Value = Case> {
    let counts = prop_oneof![Just(None), (1..400_u64).prop_map(Some)];
    let gap = prop_oneof![3 => Just(Gap::Shift), 1 => Just(Gap::Skip)];
    let overlap = prop_oneof![2 => Just(Overlap::First), 1 => Just(Overlap::Second), 1 => Just(Overlap::Both)];
    (
        periods(),
        starts(),
        counts,
        any::<bool>(),
        0..ZONES.len(),
        gap,
        overlap,
    )
        .prop_map(|(period, start, count, from_end, zone, gap, overlap)| {
            let builder = RepeatingInterval::builder()
                .repetitions(Repetitions::from(count))
                .period(period);
            let builder = if from_end {
                builder.end(start)
            } else {
                builder.start(start)
            };
            let interval = builder.build().expect("a period above zero");
            let zone: Zone = ZONES[zone].parse().expect("an IANA name");
            let options = Options::new().zone(zone).gap(gap).overlap(overlap);
            let schedule = interval.schedule(&options).expect("a zone is given");
            Case {
                interval,
                zone,
                schedule,
            }
        })
}

fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    (
        -4_000_000_000_i64..14_000_000_000,
        prop_oneof![Just(0_u32), 0..1_000_000_000_u32],
    )
        .prop_map(|(seconds, nanoseconds)| {
            DateTime::from_timestamp(seconds, nanoseconds).expect("in range")
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn print_then_parse_gives_the_value_back(case in cases()) {
        let text = case.interval.to_string();
        prop_assert_eq!(text.parse::<RepeatingInterval>(), Ok(case.interval));
        let again = text.parse::<RepeatingInterval>().expect("just read").to_string();
        prop_assert_eq!(&again, &text);
        if case.interval.start().is_some() {
            prop_assert_eq!(RepeatingInterval::parse(&text, Profile::Chronos), Ok(case.interval));
        }
    }

    #[test]
    fn next_and_prev_are_inverse(case in cases(), at in instants()) {
        let schedule = case.schedule;
        if let Some(next) = schedule.next_after(at) {
            prop_assert!(next.at > at);
            let before = schedule.prev_before(next.at);
            prop_assert!(before.is_none_or(|before| before.at <= at), "{:?}", before);
            let again = next.at.checked_sub_signed(TimeDelta::nanoseconds(1)).and_then(|at| schedule.next_after(at));
            prop_assert_eq!(again.map(|again| again.at), Some(next.at));
        }
        if let Some(prev) = schedule.prev_before(at) {
            prop_assert!(prev.at < at);
            let after = schedule.next_after(prev.at);
            prop_assert!(after.is_none_or(|after| after.at >= at), "{:?}", after);
        }
    }

    #[test]
    fn walking_asking_and_the_stepper_agree(case in cases(), at in instants()) {
        let schedule = case.schedule;
        let table = ZoneTable::new(&case.zone);
        let mut stepper = Stepper::new(schedule, &table);
        prop_assert_eq!(stepper.next_after(at), schedule.next_after(at));
        prop_assert_eq!(stepper.prev_before(at), schedule.prev_before(at));
        let walked: Vec<_> = schedule.after(at).take(20).collect();
        let mut asked = Vec::new();
        let mut last = at;
        while let Some(next) = schedule.next_after(last).filter(|_| asked.len() < 20) {
            asked.push(next);
            last = next.at;
        }
        prop_assert_eq!(&walked, &asked);
        stepper.seek(at);
        prop_assert_eq!(&stepper.by_ref().take(20).collect::<Vec<_>>(), &walked);
        let back: Vec<_> = schedule.before(last).take(walked.len().saturating_sub(1)).map(|o| o.at).collect();
        let rising: Vec<_> = walked.iter().rev().skip(1).map(|o| o.at).collect();
        prop_assert_eq!(back, rising);
    }

    #[test]
    fn occurrences_never_fall_and_next_is_the_first_of_them(case in cases(), index in 0..2_000_u64) {
        let schedule = case.schedule;
        if let (Some(this), Some(next)) = (schedule.occurrence(index), schedule.occurrence(index + 1)) {
            prop_assert!(this <= next);
            let between = schedule.count_between(this, next);
            prop_assert_eq!(between == 0, this == next);
            prop_assert_eq!(schedule.prev_before(this).map(|prev| prev.at < this), schedule.prev_before(this).map(|_| true));
            if this < next {
                let found = schedule.next_after(this).expect("there is one");
                prop_assert!(found.at <= next);
                prop_assert_eq!(schedule.occurrence(found.index.expect("bounded below")).map(|at| at <= found.at), Some(true));
            }
        }
    }

    #[test]
    fn a_fixed_offset_is_a_zone_that_never_changes(
        period in periods(),
        start in starts(),
        count in prop_oneof![Just(None), (1..400_u64).prop_map(Some)],
        hours in 1..=12_i32,
        at in instants(),
        from_end in any::<bool>(),
    ) {
        // The one goes the short way, the other by the database; the names have the sign turned round.
        let named: Zone = format!("Etc/GMT-{hours}").parse().expect("an IANA name");
        let fixed = Zone::fixed(chrono::FixedOffset::east_opt(hours * 3_600).expect("below a day"));
        let builder = RepeatingInterval::builder().repetitions(Repetitions::from(count)).period(period);
        let builder = if from_end { builder.end(start) } else { builder.start(start) };
        let interval = builder.build().expect("a period above zero");
        let [named, fixed] = [named, fixed]
            .map(|zone| interval.schedule(&Options::new().zone(zone)).expect("a zone is given"));
        prop_assert_eq!(fixed.next_after(at), named.next_after(at));
        prop_assert_eq!(fixed.prev_before(at), named.prev_before(at));
        prop_assert_eq!(fixed.next_unix_after(at.into()), named.next_after(at).map(|next| next.at.into()));
        let few = |walk: iso8601_repeat::Forward| walk.take(20).collect::<Vec<_>>();
        prop_assert_eq!(few(fixed.iter()), few(named.iter()));
        prop_assert_eq!(few(fixed.after(at)), few(named.after(at)));
        prop_assert_eq!(fixed.before(at).take(20).collect::<Vec<_>>(), named.before(at).take(20).collect::<Vec<_>>());
    }

    #[test]
    fn a_naive_stepper_agrees(period in periods(), start in starts(), zone in 0..ZONES_AGREED, steps in 0..60_i64) {
        // The k-th occurrence by jiff's own arithmetic: months, then days on the clock, then exact time.
        let zone_name = ZONES[zone];
        let jiff_zone = jiff::tz::TimeZone::get(zone_name).expect("an IANA name");
        let civil: jiff::civil::DateTime = start.format("%Y-%m-%dT%H:%M:%S").to_string().parse().expect("in range");
        let count = |part: u64| i64::try_from(part).expect("small") * steps;
        let calendar = jiff::Span::new().try_months(count(period.months())).and_then(|s| s.try_days(count(period.days())));
        let theirs = calendar
            .and_then(|span| civil.checked_add(span))
            .and_then(|civil| jiff_zone.to_ambiguous_timestamp(civil).compatible())
            .and_then(|at| {
                let time = i128::from(period.seconds()) * 1_000_000_000 + i128::from(period.nanoseconds());
                jiff::Timestamp::from_nanosecond(at.as_nanosecond() + time * i128::from(steps))
            });
        let interval = RepeatingInterval::builder().start(start).period(period).build().expect("above zero");
        let schedule = interval.schedule(&Options::new().zone(zone_name.parse().expect("known"))).expect("a zone is given");
        let ours = schedule.occurrence(u64::try_from(steps).expect("positive"));
        if let Ok(theirs) = theirs {
            let theirs = DateTime::from_timestamp_nanos_checked(theirs.as_nanosecond());
            prop_assert_eq!(ours, theirs);
        }
    }
}

/// `DateTime::from_timestamp_nanos` ends in 2262; this does not.
trait FromNanoseconds: Sized {
    fn from_timestamp_nanos_checked(nanoseconds: i128) -> Option<Self>;
}

impl FromNanoseconds for DateTime<Utc> {
    fn from_timestamp_nanos_checked(nanoseconds: i128) -> Option<Self> {
        let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
        Self::from_timestamp(
            seconds,
            u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?,
        )
    }
}
