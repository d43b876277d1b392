//! Reading the end of an interval, which may leave out what it shares with the start.
//!
//! Parts may be left out from the left. What is written is laid over the text of the start, lined up at the `T` if it
//! has one and else at the right, and the result is read as any moment. So `…T13:30/15:30` is hour and minute, and
//! `…T13:30:00/15:30` is minute and second.

use super::{
    date::{Kind, digit_run},
    fail::{Parsed, fail},
    moment::{self, Format, Written},
};
use crate::{
    Moment,
    ParseErrorKind::{Date as Malformed, Mixed},
};

/// The longest completed end: a signed year, a date, a time with nine decimals and an offset.
///
/// `+YYYYYY-MM-DD` has 13 bytes, `Thh:mm:ss.fffffffff` 19 and `+hh:mm` 6, which makes 38.
const TEXT_LEN_MAX: usize = 38;

/// Reads the end at `input`; `start_text` is how the start was written.
pub(super) fn ending<'a>(
    input: &'a [u8],
    start_text: &[u8],
    start: &Written,
) -> Parsed<'a, Moment> {
    if is_abbreviated(input, start) {
        return abbreviated(input, start_text, start);
    }
    let (rest, end) = moment::called(input)?;
    if let (Format::Basic, Format::Extended) | (Format::Extended, Format::Basic) =
        (start.format, end.format)
    {
        return fail(input, Mixed, "an end in the format of the start");
    }
    Ok((rest, inherit(end.moment, start)))
}

/// An end without an offset has the offset of the start.
fn inherit(end: Moment, start: &Written) -> Moment {
    match end.offset_seconds() {
        Some(_) => end,
        None => Moment::from_parts(end.local_datetime(), start.moment.offset_seconds()),
    }
}

/// Whether the text begins within a date or a time, where a whole end would begin with a year.
fn is_abbreviated(input: &[u8], start: &Written) -> bool {
    let run = digit_run(input);
    let basic = start.format == Format::Basic;
    match (run, input.get(run..).unwrap_or_default()) {
        (0, [b'T', ..]) | (1..=3, _) => true,
        (0, [b'W', ..]) => start.kind == Kind::Week,
        // Digits alone: `1231` after `20161201`, but a year after anything with hyphens.
        (4, [] | [b'/' | b'T' | b'.' | b',' | b'Z' | b'+', ..]) => basic,
        (4, [b'-', ..]) | (6, _) => basic && start.clock_parts > 0,
        _ => false,
    }
}

/// Lays the end over the start and reads the result.
fn abbreviated<'a>(input: &'a [u8], start_text: &[u8], start: &Written) -> Parsed<'a, Moment> {
    let stop = input
        .iter()
        .position(|byte| *byte == b'/')
        .unwrap_or(input.len());
    let (end, rest) = input.split_at_checked(stop).unwrap_or((input, &[]));
    let Some(prefix) = shared(end, start_text, start) else {
        return fail(
            input,
            Malformed,
            "an end with the right-hand parts of the start, each whole",
        );
    };
    let mut text = [0_u8; TEXT_LEN_MAX];
    let len = prefix.len().saturating_add(end.len());
    let Some(text) = text.get_mut(..len) else {
        return fail(input, Malformed, "a shorter end");
    };
    for (place, byte) in text.iter_mut().zip(prefix.iter().chain(end)) {
        *place = *byte;
    }
    match moment::called(text) {
        Ok((_, written)) => Ok((rest, inherit(written.moment, start))),
        Err(error) => Err(error.map(|fail| fail.moved(end.len(), rest.len()))),
    }
}

/// The left part of the start that the end leaves out; `None` where the two do not line up.
fn shared<'a>(end: &[u8], start: &'a [u8], written: &Written) -> Option<&'a [u8]> {
    let start_t = start
        .iter()
        .position(|byte| *byte == b'T')
        .unwrap_or(start.len());
    let date = start.get(..start_t)?;
    if let Some(at) = end.iter().position(|byte| *byte == b'T') {
        let keep = date.len().checked_sub(at)?;
        return date
            .get(..keep)
            .filter(|keep| at == 0 || is_date_boundary(keep, written));
    }
    if written.clock_parts == 0 {
        let keep = date.len().checked_sub(end.len())?;
        return date
            .get(..keep)
            .filter(|keep| is_date_boundary(keep, written));
    }
    let time = bare_time(start.get(start_t.checked_add(1)?..)?);
    let keep = time.len().checked_sub(bare_time(end).len())?;
    let whole = match written.format {
        Format::Basic => keep % 2 == 0,
        Format::Extended | Format::Either => keep % 3 == 0,
    };
    if whole {
        start.get(..start_t.checked_add(1)?.checked_add(keep)?)
    } else {
        None
    }
}

/// A time without its fraction and offset.
fn bare_time(time: &[u8]) -> &[u8] {
    let is_tail = |byte: &u8| matches!(byte, b'.' | b',' | b'Z' | b'+' | b'-');
    let stop = time.iter().position(is_tail).unwrap_or(time.len());
    time.get(..stop).unwrap_or(time)
}

/// Whether a date may be cut after `keep`.
fn is_date_boundary(keep: &[u8], written: &Written) -> bool {
    let year = if let Some(b'+' | b'-') = keep.first() {
        7
    } else {
        4
    };
    match (written.format, keep.len().checked_sub(year)) {
        (Format::Basic, Some(after)) => match written.kind {
            Kind::Calendar => matches!(after, 0 | 2),
            Kind::Week => matches!(after, 0 | 3),
            Kind::Ordinal => after == 0,
        },
        (Format::Extended, Some(after)) => after > 0 && keep.last() == Some(&b'-'),
        (Format::Either, _) | (_, None) => false,
    }
}
