//! Many questions, one a line.
//!
//! Owns the reading of lines: a bound on their length, line ends of either kind, bytes that are no text. Every line
//! gets exactly one object, in order; memory does not grow with their number.

use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};

use super::{
    answer::refusal,
    question::{Field, Question, Terms},
};

/// The longest line that is looked at, in bytes, without its end.
///
/// An expression of all its parts has below 200 bytes and the longest zone name 32, so that this is generous; it bounds
/// what a stream without line ends can take.
const LINE_LEN_MAX: usize = 65_536;

/// What is read and written at once, in bytes: some hundred lines, so that system calls do not show.
const BUFFER_LEN: usize = 65_536;

/// Answers all lines.
pub(super) fn run(terms: &Terms, input: impl Read, out: impl Write) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER_LEN, input);
    let mut out = BufWriter::with_capacity(BUFFER_LEN, out);
    let mut line = Vec::new();
    while let Some(is_whole) = read_line(&mut input, &mut line)? {
        let object = if is_whole {
            answer(terms, &line)
        } else {
            let error = format!("the line is longer than {LINE_LEN_MAX} bytes");
            refusal(&error, LINE_LEN_MAX)
        };
        out.write_all(object.as_bytes())?;
        out.write_all(b"\n")?;
        // Whoever waits for the answer before the next question must not wait for ever.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
    out.flush()
}

/// Reads a line without its end; `false` for one that is too long, of which the rest is passed over; `None` at the end.
fn read_line(input: &mut BufReader<impl Read>, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut any, mut whole) = (false, true);
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            break;
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = end.map_or(chunk, |end| &chunk[..end]);
        // One more than the bound, for the carriage return that may follow.
        let room = (LINE_LEN_MAX + 1).saturating_sub(line.len());
        whole &= part.len() <= room;
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(any.then_some(whole && line.len() <= LINE_LEN_MAX))
}

/// The object for one line.
fn answer(terms: &Terms, line: &[u8]) -> String {
    let text = match str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return refusal("the line is not UTF-8", error.valid_up_to()),
    };
    let mut fields = text.split('\t');
    let mut field = || fields.next().unwrap_or_default();
    let question = Question {
        expression: field(),
        zone: field(),
        from: field(),
    };
    let zone_at = question.expression.len() + 1;
    let from_at = zone_at + question.zone.len() + 1;
    if fields.next().is_some() {
        let behind = from_at + question.from.len();
        return refusal("the line has more than three fields", behind);
    }
    match question.answer(terms) {
        Ok(answer) => answer.json(),
        Err(problem) => {
            let (field, begins_at) = match problem.field {
                Field::Expression => return problem.json(),
                Field::Zone => ("zone", zone_at),
                Field::From => ("from", from_at),
            };
            let error = format!("{field}: {}", problem.message);
            refusal(&error, begins_at + problem.offset)
        }
    }
}
