//! RecordIO, the framing of the event stream: a length in decimal digits, a line feed, that many bytes.
//!
//! Chunks of HTTP and records have nothing to do with each other: the decoder takes bytes as they come, and gives records
//! as they are whole. It never reserves memory because of a length that was only announced.

use bytes::{Buf as _, Bytes, BytesMut};

/// The largest record that is accepted.
///
/// The largest real one is a batch of offers: about 600 bytes for a plain agent, a few kilobytes with many attributes
/// and port ranges. 5,000 offers (the most that one event was seen with elsewhere) of 12 KiB make 59 MiB.
pub const RECORD_LEN_MAX: usize = 64 * 1024 * 1024;

/// The longest length line: the digits of 2^64 - 1. Leading zeros count.
pub const LENGTH_DIGITS_MAX: usize = 20;

/// Takes a stream apart into records.
///
/// After an error it gives nothing any more: the position of the next record is lost, so the stream has to be closed.
///
/// # Examples
///
/// ```
/// use mesos_v1::recordio::Decoder;
///
/// let mut decoder = Decoder::new();
/// decoder.push(b"5\nhel");
/// assert_eq!(decoder.next_record()?, None);
/// decoder.push(b"lo2\nyo");
/// assert_eq!(decoder.next_record()?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(decoder.next_record()?.as_deref(), Some(&b"yo"[..]));
/// assert_eq!(decoder.next_record()?, None);
/// decoder.finish()?;
/// # Ok::<(), mesos_v1::recordio::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    /// Bytes of the stream before `buffer`.
    taken: u64,
    /// The length of the record that begins in front of `buffer`, once it was read.
    length: Option<usize>,
    len_max: usize,
    broken: Option<FrameError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the begin of a stream, with [`RECORD_LEN_MAX`].
    pub fn new() -> Self {
        Self::with_len_max(RECORD_LEN_MAX)
    }

    /// A decoder that refuses records of more than `len_max` bytes.
    pub fn with_len_max(len_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            taken: 0,
            length: None,
            len_max,
            broken: None,
        }
    }

    /// Takes the next bytes of the stream, however they were cut.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns the next record, when all of it is there.
    ///
    /// # Errors
    ///
    /// When what should be a length is none, or one that is too large. The same again for ever after.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.advance().inspect_err(|error| {
            self.broken = Some(*error);
            self.buffer = BytesMut::new();
        })
    }

    /// Says that the stream is over.
    ///
    /// # Errors
    ///
    /// When it ended in the middle of a record, or was broken before.
    pub fn finish(&self) -> Result<(), FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if !self.is_inside() {
            return Ok(());
        }
        Err(FrameError::Cut {
            at: self.taken + self.buffer.len() as u64,
        })
    }

    /// Returns how many bytes wait for the rest of their record.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Returns whether the rest of a record is waited for, or that of its length.
    pub fn is_inside(&self) -> bool {
        self.length.is_some() || !self.buffer.is_empty()
    }

    fn advance(&mut self) -> Result<Option<Bytes>, FrameError> {
        let length = match self.length {
            Some(length) => length,
            None => match self.read_length()? {
                Some(length) => *self.length.insert(length),
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.length = None;
        self.taken += length as u64;
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    fn read_length(&mut self) -> Result<Option<usize>, FrameError> {
        let mut length: u64 = 0;
        for (offset, &byte) in self.buffer.iter().enumerate() {
            let at = self.taken + offset as u64;
            if byte == b'\n' && offset > 0 {
                let length = self.checked(length)?;
                self.buffer.advance(offset + 1);
                self.taken += offset as u64 + 1;
                return Ok(Some(length));
            }
            if !byte.is_ascii_digit() {
                return Err(FrameError::Length { found: byte, at });
            }
            if offset >= LENGTH_DIGITS_MAX {
                return Err(FrameError::Digits { at });
            }
            length = length
                .saturating_mul(10)
                .saturating_add(u64::from(byte - b'0'));
        }
        // Refused before the line feed is there, so that nobody waits for it.
        self.checked(length)?;
        Ok(None)
    }

    fn checked(&self, length: u64) -> Result<usize, FrameError> {
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.len_max)
            .ok_or(FrameError::TooLong {
                length,
                at: self.taken,
                len_max: self.len_max,
            })
    }
}

/// Puts one record behind what is in `out`.
///
/// # Examples
///
/// ```
/// let mut out = Vec::new();
/// mesos_v1::recordio::encode(b"hello", &mut out);
/// assert_eq!(out, b"5\nhello");
/// ```
pub fn encode(record: &[u8], out: &mut Vec<u8>) {
    let length = record.len().to_string();
    out.reserve(length.len() + 1 + record.len());
    out.extend_from_slice(length.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(record);
}

/// Why a stream is no sequence of records. All of them are the sender's fault, or a proxy's; the way out is a new stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A length holds something that is no digit.
    #[error("record length holds byte {found:#04x} at byte {at} of the stream")]
    Length {
        /// The byte.
        found: u8,
        /// Its position in the stream.
        at: u64,
    },
    /// A length has too many digits.
    #[error("record length has more than {LENGTH_DIGITS_MAX} digits at byte {at} of the stream")]
    Digits {
        /// The position of the first digit too many.
        at: u64,
    },
    /// A record is too long.
    #[error("record of {length} bytes at byte {at} of the stream, more than {len_max}")]
    TooLong {
        /// Its length, as far as it was read.
        length: u64,
        /// Where its length begins.
        at: u64,
        /// The longest that is accepted.
        len_max: usize,
    },
    /// The stream ended inside a record.
    #[error("stream ended inside a record at byte {at}")]
    Cut {
        /// The length of the stream.
        at: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_streams_apart() {
        check(b"", &[], Ok(()));
        check(b"0\n", &[b""], Ok(()));
        check(b"2\n\x08\x08", &[b"\x08\x08"], Ok(()));
        check(b"1\na1\nb", &[b"a", b"b"], Ok(()));
        check(b"3\n1\n2", &[b"1\n2"], Ok(()));
        check(b"0003\nabc", &[b"abc"], Ok(()));
    }

    #[test]
    fn refuses_what_is_no_length() {
        let length = |found, at| Err(FrameError::Length { found, at });
        check(b"\n", &[], length(b'\n', 0));
        check(b"-1\n", &[], length(b'-', 0));
        check(b"+1\n", &[], length(b'+', 0));
        check(b" 1\na", &[], length(b' ', 0));
        check(b"1 \na", &[], length(b' ', 1));
        check(b"1\r\na", &[], length(b'\r', 1));
        check(b"1\na2x", &[b"a"], length(b'x', 4));
        check(b"<html>", &[], length(b'<', 0));
    }

    #[test]
    fn refuses_what_is_too_long() {
        let too_long = |length, at| {
            Err(FrameError::TooLong {
                length,
                at,
                len_max: 9,
            })
        };
        check(b"10\n", &[], too_long(10, 0));
        // Without waiting for the rest of the line.
        check(b"1\na99", &[b"a"], too_long(99, 3));
        check(b"99999999999999999999", &[], too_long(u64::MAX, 0));
        check(
            b"000000000000000000001",
            &[],
            Err(FrameError::Digits { at: 20 }),
        );
    }

    #[test]
    fn tells_a_stream_that_was_cut() {
        check(b"1", &[], Err(FrameError::Cut { at: 1 }));
        check(b"1\n", &[], Err(FrameError::Cut { at: 2 }));
        check(b"1\na3\nbc", &[b"a"], Err(FrameError::Cut { at: 7 }));
    }

    #[test]
    fn stays_broken() {
        let mut decoder = Decoder::new();
        decoder.push(b"x");
        let error = decoder.next_record().unwrap_err();
        decoder.push(b"1\na");
        assert_eq!(decoder.next_record(), Err(error));
        assert_eq!(decoder.finish(), Err(error));
        assert_eq!(decoder.pending(), 0);
    }

    #[track_caller]
    fn check(stream: &[u8], want: &[&[u8]], end: Result<(), FrameError>) {
        let mut decoder = Decoder::with_len_max(9);
        decoder.push(stream);
        let mut got = Vec::new();
        let result = loop {
            match decoder.next_record() {
                Ok(Some(record)) => got.push(record),
                Ok(None) => break decoder.finish(),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(got, want);
        assert_eq!(result, end);
    }
}
