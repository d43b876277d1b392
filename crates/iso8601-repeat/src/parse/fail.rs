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

    /// Puts the failure into the text.
    #[cold]
    pub(super) fn complete(self, text: &str) -> ParseError {
        ParseError::new(
            text,
            text.len().saturating_sub(self.left),
            self.kind,
            self.expected,
        )
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
    nom::Err::Error(Fail {
        expected,
        left: at.len(),
        kind,
    })
}
