//! The optional features.

#[cfg(feature = "serde")]
mod with_serde {
    use iso8601_repeat::{Gap, Moment, OffsetPolicy, Overlap, Period, RepeatingInterval, Zone};
    use serde::{Serialize, de::DeserializeOwned};
    use std::fmt::Debug;

    #[track_caller]
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, want: &str) {
        let text = serde_json::to_string(value).expect(want);
        assert_eq!(text, format!("\"{want}\""));
        assert_eq!(&serde_json::from_str::<T>(&text).expect(want), value);
    }

    #[test]
    fn values_are_text() {
        let interval: RepeatingInterval = "R5/20120205T080000+08:00/P1M".parse().unwrap();
        check(&interval, "R5/2012-02-05T08:00:00+08:00/P1M");
        check(&"PT90M".parse::<Period>().unwrap(), "PT90M");
        check(
            &"2012-036".parse::<Moment>().unwrap(),
            "2012-02-05T00:00:00",
        );
        check(&"Europe/Paris".parse::<Zone>().unwrap(), "Europe/Paris");
        for (gap, word) in [(Gap::Shift, "shift"), (Gap::Skip, "skip")] {
            check(&gap, word);
        }
        let overlaps = [
            (Overlap::First, "first"),
            (Overlap::Second, "second"),
            (Overlap::Both, "both"),
        ];
        for (overlap, word) in overlaps {
            check(&overlap, word);
        }
        check(&OffsetPolicy::KeepInstant, "instant");
        check(&OffsetPolicy::KeepLocal, "local");
    }

    #[test]
    fn mistakes_are_told() {
        let error = serde_json::from_str::<RepeatingInterval>("\"R5/P1H\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("expected Y, M, W or D before the 'T' at byte 5"),
            "{error}"
        );
        let error = serde_json::from_str::<Gap>("\"jump\"")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("expected 'shift' or 'skip'"), "{error}");
        let error = serde_json::from_str::<Period>("5").unwrap_err().to_string();
        assert!(error.contains("an ISO 8601 period"), "{error}");
    }
}

#[cfg(feature = "jiff")]
mod with_jiff {
    use crate::support::schedule;
    use iso8601_repeat::{Moment, Period, Zone};
    use jiff::{Span, Timestamp, ToSpan, tz};

    #[test]
    fn instants_go_both_ways() {
        let at: Timestamp = "1969-12-31T23:59:59.25Z".parse().unwrap();
        assert_eq!(Moment::from(at).to_string(), "1969-12-31T23:59:59.25Z");
        assert_eq!(
            Moment::from(Timestamp::MAX).to_string().get(..5),
            Some("9999-")
        );
        let daily = schedule("R/9999-12-30T00:00:00.5Z/P1D", "-");
        let mut occurrences = daily.iter();
        assert_eq!(
            Timestamp::try_from(occurrences.next().unwrap()).ok(),
            "9999-12-30T00:00:00.5Z".parse().ok()
        );
        let beyond = occurrences.nth(1).unwrap();
        assert_eq!(
            Timestamp::try_from(beyond).unwrap_err().to_string(),
            "the instant is beyond the range of jiff"
        );
    }

    #[test]
    fn spans_go_both_ways() {
        let period: Period = "P1Y2M3DT4H5M6.5S".parse().unwrap();
        let span = Span::try_from(period).unwrap();
        assert_eq!(Period::try_from(span), Ok(period));
        let mixed = 1.year().weeks(2).milliseconds(1_500);
        assert_eq!(
            Period::try_from(mixed).map(|p| p.to_string()),
            Ok("P1Y2WT1.5S".to_owned())
        );
        assert!(Period::try_from(-1.day()).is_err());
        assert!(Span::try_from("P4294967295Y".parse::<Period>().unwrap()).is_err());
    }

    #[test]
    fn zones_come_by_name_or_offset() {
        let paris = tz::TimeZone::get("Europe/Paris").unwrap();
        assert_eq!(Zone::try_from(&paris), Ok("Europe/Paris".parse().unwrap()));
        let fixed = tz::TimeZone::fixed(tz::offset(3));
        assert_eq!(
            Zone::try_from(&fixed).map(|zone| zone.to_string()),
            Ok("+03:00".to_owned())
        );
    }
}
