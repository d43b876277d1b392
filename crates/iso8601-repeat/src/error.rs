//! What can be wrong with a text, and where.

use core::fmt;

/// Why a text is not a repeating interval (or a period, or a moment).
///
/// It says what kind of mistake was made, at which byte, what was expected and found there, and for the common slips
/// what to write instead.
///
/// # Examples
///
/// ```
/// use iso8601_repeat::{Hint, ParseErrorKind, RepeatingInterval};
///
/// let error = "R/2012-02-05 08:00:00Z/P1D".parse::<RepeatingInterval>().unwrap_err();
/// assert_eq!(error.kind(), ParseErrorKind::Date);
/// assert_eq!(error.offset(), 12);
/// assert_eq!(error.found(), Some(' '));
/// assert_eq!(error.hint(), Some(Hint::Space));
/// assert_eq!(
///     error.to_string(),
///     "expected 'T' or '/' at byte 12, found ' ' (blanks are not part of the format, write 'T' between date and time)"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ParseError {
    kind: ParseErrorKind,
    expected: &'static str,
    offset: usize,
    found: Option<char>,
    hint: Option<Hint>,
}

impl ParseError {
    /// Completes a failure with what stands in the text at that place.
    #[inline]
    pub(crate) fn new(
        text: &str,
        offset: usize,
        kind: ParseErrorKind,
        expected: &'static str,
    ) -> Self {
        let (found, hint) = match text.as_bytes().get(offset) {
            Some(byte) if Hint::is_none_for(*byte, kind) => (Some(char::from(*byte)), None),
            None if kind != ParseErrorKind::Designator => (None, None),
            _ => Self::found_and_hint(text, offset, kind),
        };
        Self {
            kind,
            expected,
            offset,
            found,
            hint,
        }
    }

    #[inline(never)]
    fn found_and_hint(
        text: &str,
        offset: usize,
        kind: ParseErrorKind,
    ) -> (Option<char>, Option<Hint>) {
        let found = text.get(offset..).and_then(|rest| rest.chars().next());
        (found, Hint::for_slip(text, offset, kind, found))
    }

    /// The kind of mistake.
    pub const fn kind(&self) -> ParseErrorKind {
        self.kind
    }

    /// The byte offset of the mistake in the text.
    ///
    /// For a value out of its range, such as the month 13, it is where the value begins.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What would have been right there.
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// The character found there, `None` at the end of the text.
    pub const fn found(&self) -> Option<char> {
        self.found
    }

    /// What to write instead, for the common slips.
    pub const fn hint(&self) -> Option<Hint> {
        self.hint
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            expected, offset, ..
        } = self;
        write!(f, "expected {expected} at byte {offset}")?;
        match self.found {
            Some(found) => write!(f, ", found {found:?}")?,
            None => f.write_str(", found the end")?,
        }
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ParseError {}

/// The kind of a [`ParseError`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The text does not begin with `R`.
    Designator,
    /// The count is not a plain number.
    Count,
    /// The parts between the slashes are none of the four forms.
    Structure,
    /// A date is malformed.
    Date,
    /// A date does not exist, such as the 30th of February or the 53rd week of a short year.
    DateRange,
    /// A time of day is malformed.
    Time,
    /// A time of day does not exist, such as 24:01.
    TimeRange,
    /// An offset from UTC is malformed.
    Offset,
    /// An offset from UTC is a day or more.
    OffsetRange,
    /// A period is malformed.
    Period,
    /// A period in the alternative format exceeds 12 months, 30 days, 24 hours, 60 minutes or 60 seconds.
    PeriodRange,
    /// A fraction stands before the last component.
    Fraction,
    /// A fraction of a year or a month, which has no agreed length.
    FractionCalendar,
    /// Basic and extended format are mixed.
    Mixed,
    /// A period is negative.
    Negative,
    /// The period is zero although the interval repeats.
    Zero,
    /// A number is too big.
    Overflow,
    /// The end is before the start.
    EndBeforeStart,
}

/// What to write instead, for the common slips.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Hint {
    /// A blank in the text.
    Space,
    /// A lower-case letter where the format has a capital.
    LowerCase,
    /// `R-1` for an unbounded repetition.
    MinusOne,
    /// A cron expression.
    Cron,
    /// A unit of time without the `T` before it.
    MissingT,
    /// An interval without the `R` before it.
    MissingR,
    /// An empty start.
    EmptyStart,
    /// A zone in brackets or by name after the time.
    ZoneSuffix,
    /// Selection rules of ISO 8601-2 after the interval.
    RepeatRule,
}

impl Hint {
    /// Whether a glance tells that there is no hint for what was found.
    #[inline]
    const fn is_none_for(found: u8, kind: ParseErrorKind) -> bool {
        matches!(found, b'A'..=b'G' | b'I'..=b'R' | b'T'..=b'Z' | b'0'..=b'9')
            && !matches!(kind, ParseErrorKind::Designator | ParseErrorKind::Offset)
    }

    /// Recognises a slip by the few characters around it.
    #[inline(never)]
    fn for_slip(
        text: &str,
        offset: usize,
        kind: ParseErrorKind,
        found: Option<char>,
    ) -> Option<Self> {
        let rest = text.as_bytes().get(offset..).unwrap_or_default();
        if kind == ParseErrorKind::Designator {
            return match rest {
                [b'r', b'/' | b'0'..=b'9', ..] => Some(Self::LowerCase),
                [b' ' | b'\t', ..] => Some(Self::Space),
                _ if is_cron(text) => Some(Self::Cron),
                [b'P' | b'0'..=b'9', ..] if text.contains('/') => Some(Self::MissingR),
                _ => None,
            };
        }
        let before = text
            .as_bytes()
            .get(..offset)
            .and_then(<[u8]>::last)
            .copied();
        match found? {
            '-' if kind == ParseErrorKind::Count && rest.starts_with(b"-1/") => {
                Some(Self::MinusOne)
            }
            ' ' | '\t' | '\n' | '\r' => Some(Self::Space),
            'H' | 'S' if kind == ParseErrorKind::Period => {
                let mut last_part = text.bytes().rev().take_while(|byte| *byte != b'/');
                (!last_part.any(|byte| byte == b'T')).then_some(Self::MissingT)
            }
            '/' if rest.starts_with(b"/L") => Some(Self::RepeatRule),
            '/' if kind != ParseErrorKind::Zero
                && rest.starts_with(b"/P")
                && before == Some(b'/') =>
            {
                Some(Self::EmptyStart)
            }
            '[' => Some(Self::ZoneSuffix),
            'y' | 'm' | 'd' | 'h' | 's' if kind == ParseErrorKind::Period => Some(Self::LowerCase),
            // Words begin with these letters as well (`today`), but hardly beside a digit.
            't' | 'z' | 'p' | 'w' => [before, rest.get(1).copied()]
                .into_iter()
                .flatten()
                .any(|byte| matches!(byte, b'0'..=b'9' | b't' | b'T'))
                .then_some(Self::LowerCase),
            'A'..='Z' if kind == ParseErrorKind::Offset => Some(Self::ZoneSuffix),
            _ => None,
        }
    }
}

/// Five or six fields between blanks, or one of the `@daily` words.
fn is_cron(text: &str) -> bool {
    let fields = text.split_ascii_whitespace();
    text.starts_with('@')
        || (matches!(fields.clone().count(), 5..=7)
            && fields.clone().next().is_some_and(|field| {
                field
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'*' | b'/' | b',' | b'-' | b'?'))
            }))
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Space => "blanks are not part of the format, write 'T' between date and time",
            Self::LowerCase => "designators are upper case",
            Self::MinusOne => "write 'R/' for a repetition without end",
            Self::Cron => {
                "this looks like cron, which a repeating interval cannot express in general"
            }
            Self::MissingT => "hours, minutes and seconds follow a 'T', as in 'PT1H'",
            Self::MissingR => {
                "a repeating interval begins with 'R', as in 'R/2012-02-05T08:00:00Z/P1D'"
            }
            Self::EmptyStart => "an empty start is read in the Chronos profile only",
            Self::ZoneSuffix => {
                "a zone by name is an option of the schedule, not a part of the text"
            }
            Self::RepeatRule => "the selection rules of ISO 8601-2 are not supported",
        })
    }
}
