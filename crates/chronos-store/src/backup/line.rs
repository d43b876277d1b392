//! Lines with their checksums.

use std::io::{self, BufRead, Read, Write};

use crc32fast::Hasher;
use serde_json::Value;

use super::BackupError;
use crate::VALUE_BYTES_MAX;

/// The longest line: a definition and its progress, with room for names.
const LINE_BYTES_MAX: usize = 2 * VALUE_BYTES_MAX + 64 * 1024;

/// A checksum in hex, and a space.
const PREFIX_BYTES: usize = 9;

#[derive(Debug)]
pub(super) struct LineWriter<W> {
    out: W,
    sum: Hasher,
}

impl<W: Write> LineWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            sum: Hasher::new(),
        }
    }

    pub(super) fn put(&mut self, json: &str) -> io::Result<()> {
        let sum = add(&mut self.sum, json);
        writeln!(self.out, "{sum} {json}")
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

#[derive(Debug)]
pub(super) struct LineReader<R> {
    input: R,
    sum: Hasher,
    line: u64,
    text: String,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            sum: Hasher::new(),
            line: 0,
            text: String::new(),
        }
    }

    /// Returns the number of the last line that was read.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Returns the JSON of the next line, `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Value>, BackupError> {
        self.text.clear();
        let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = (&mut self.input).take(most).read_line(&mut self.text);
        let line = self.line + 1;
        let damaged = |problem: &str| BackupError::Damaged {
            line,
            problem: problem.to_owned(),
        };
        match read {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(damaged("it is no text"));
            }
            Err(error) => return Err(error.into()),
        }
        self.line = line;
        let Some(text) = self.text.strip_suffix('\n') else {
            // Half a line, or one of another program.
            return Err(damaged("it has no end"));
        };
        let (sum, json) = match text.split_at_checked(PREFIX_BYTES) {
            Some((sum, json)) if sum.ends_with(' ') => (sum.trim_end_matches(' '), json),
            _ => return Err(damaged("it has no checksum")),
        };
        if add(&mut self.sum, json) != sum {
            return Err(damaged("its checksum is another"));
        }
        let json = serde_json::from_str(json);
        json.map(Some).map_err(|error| damaged(&error.to_string()))
    }
}

// As text, because it is compared as text: `A` for `a` is damage too.
fn add(sum: &mut Hasher, json: &str) -> String {
    sum.update(json.as_bytes());
    sum.update(b"\n");
    format!("{:08x}", sum.clone().finalize())
}
