//! Serde for the values, as text.
//!
//! The text is the canonical one, read in [`Profile::Iso`](crate::Profile::Iso). It is the wire format and will stay.

use crate::{Gap, Moment, OffsetPolicy, Overlap, Period, RepeatingInterval, Zone};
use core::{fmt, marker::PhantomData, str::FromStr};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// Reads a value from a borrowed or owned text.
struct Text<T>(PhantomData<T>, &'static str);

impl<T> Visitor<'_> for Text<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! as_text {
    ($type:ty, $expecting:literal) => {
        #[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData::<Self>, $expecting))
            }
        }
    };
}

as_text!(RepeatingInterval, "an ISO 8601 repeating interval");
as_text!(Period, "an ISO 8601 period");
as_text!(Moment, "an ISO 8601 date and time");
as_text!(Zone, "a zone of the IANA database");
as_text!(Gap, "'shift' or 'skip'");
as_text!(Overlap, "'first', 'second' or 'both'");
as_text!(OffsetPolicy, "'instant' or 'local'");
