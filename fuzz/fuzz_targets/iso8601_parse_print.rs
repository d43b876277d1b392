//! What is read and printed reads back as the same value, and an error points into the text.

#![no_main]

use iso8601_repeat::{Moment, Period, Profile, RepeatingInterval};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for profile in [Profile::Iso, Profile::Chronos] {
        match RepeatingInterval::parse(text, profile) {
            Ok(interval) => {
                let printed = interval.to_string();
                // An empty start is the one value that the strict profile cannot say.
                let profile = if printed.contains("//") { Profile::Chronos } else { Profile::Iso };
                let again = RepeatingInterval::parse(&printed, profile);
                assert_eq!(again, Ok(interval), "{printed}");
                assert_eq!(again.map(|again| again.to_string()), Ok(printed));
            }
            Err(error) => {
                assert!(error.offset() <= text.len());
                assert!(text.is_char_boundary(error.offset()));
                assert!(!error.to_string().is_empty());
            }
        }
        if let Ok(period) = Period::parse(text, profile) {
            assert_eq!(period.to_string().parse(), Ok(period));
        }
        if let Ok(moment) = Moment::parse(text, profile) {
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
});
