//! The failure of a leaf: three words, without the text.

use crate::{ParseError, ParseErrorKind};
use nom::{
    IResult,
    error::{ErrorKind, ParseError as NomError},
};

/// What a leaf gives back.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Fail>;

/// Where a leaf stopped and what it wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fail {
    expected: &'static str,
    /// Bytes between the mistake and the end of the text.
    left: usize,
    kind: ParseErrorKind,
}

impl Fail {
    /// Moves a failure in a completed end, whose last `len` bytes are in the text with `after` bytes behind them.
    pub(super) fn moved(self, len: usize, after: usize) -> Self {
        Self {
            left: self.left.min(len).saturating_add(after),
            ..self
        }
    }

    /// The same in a period, where the leaf is shared with times.
    pub(super) fn of_period(self) -> Self {
        Self {
            kind: ParseErrorKind::Period,
            ..self
        }
    }

    /// A failure behind the last byte.
    pub(super) const fn at_the_end() -> Self {
        Self {
            expected: "more",
            left: 0,
            kind: ParseErrorKind::Structure,
        }
    }

    /// Puts the failure into the text.
    #[inline]
    pub(super) fn complete(self, text: &str) -> ParseError {
        // What is left is a tail of the text.
        let offset = text.len().wrapping_sub(self.left);
        ParseError::new(text, offset, self.kind, self.expected)
    }
}

impl NomError<&[u8]> for Fail {
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Self {
        Self {
            expected: "the end",
            left: input.len(),
            kind: ParseErrorKind::Structure,
        }
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Fails at the first byte of `at`.
#[cold]
#[inline(never)]
pub(super) fn fail<'a, T>(
    at: &'a [u8],
    kind: ParseErrorKind,
    expected: &'static str,
) -> Parsed<'a, T> {
    Err(failure(at, kind, expected))
}

/// The failure at the first byte of `at`.
pub(super) fn failure(at: &[u8], kind: ParseErrorKind, expected: &'static str) -> nom::Err<Fail> {
    failure_before(at.len(), kind, expected)
}

/// The failure that has `left` bytes behind it and under it.
#[inline]
pub(super) const fn failure_before(
    left: usize,
    kind: ParseErrorKind,
    expected: &'static str,
) -> nom::Err<Fail> {
    nom::Err::Error(Fail {
        expected,
        left,
        kind,
    })
}
