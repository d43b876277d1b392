//! Which dialect a text is read in.

/// The dialect in which a text is read.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{Profile, RepeatingInterval};
///
/// // The Scala scheduler Chronos writes "start now" as an empty start; ISO 8601 does not know it.
/// assert!(RepeatingInterval::parse("R1//PT2M", Profile::Iso).is_err());
/// assert!(RepeatingInterval::parse("R1//PT2M", Profile::Chronos).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Profile {
    /// ISO 8601, strictly: upper case, fixed digit counts, no blanks, the whole text.
    #[default]
    Iso,
    /// What the Scala scheduler Chronos accepts, less what it misreads.
    ///
    /// Beyond ISO 8601 it takes an empty start, a bare `P`, one-digit months, days and clock fields, years of one to
    /// four digits, any sign before the year, lower-case `t`, `z` and designators, `P+1D` and `PT.5S`, and a `T` with
    /// nothing after it. It takes start/period only, in the extended format only. Negative periods, a time without a
    /// date, and years of more than four digits without a sign are refused, and `20080301` is the first of March.
    Chronos,
}
