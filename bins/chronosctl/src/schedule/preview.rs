//! The verb `preview`: its flags, and which of the outputs they choose.

use std::{
    io::{self, Write as _},
    time::SystemTime,
};

use chrono::{DateTime, SubsecRound as _, Utc};
use clap::{Args, ValueEnum};
use iso8601_repeat::{Moment, OffsetPolicy, Profile};

use super::{
    batch,
    question::{Field, Problem, Question, Terms},
    table,
};
use crate::exit::Failure;

/// Shows when an expression comes.
///
/// Without --from it begins with the first occurrence; with it, with the first one strictly after that instant. An
/// expression that names neither start nor end (R5/PT2H, or R5//PT2H in the profile chronos) counts from --from, which
/// is then its first occurrence.
///
/// With --batch, standard input has one question a line, `expression<TAB>zone<TAB>from`, and standard output one JSON
/// object for each of them. Fields at the end may be left out; an empty one, or `-`, means none. A line that is wrong
/// gets an object with "ok":false and the byte of the line where it is wrong, and the next line is read.
#[derive(Args, Debug)]
pub(crate) struct Preview {
    /// The repeating interval, such as R5/2012-02-05T08:00:00Z/P1M.
    #[arg(value_name = "EXPR", required_unless_present = "batch")]
    expression: Option<String>,

    /// Zone in whose calendar it runs, by its IANA name; in the profile chronos also by an id of Java
    /// [default: the offset in the text]
    #[arg(long, value_name = "ZONE", conflicts_with = "batch")]
    tz: Option<String>,

    /// Instant after which to begin, or `now`; without an offset it is read in the zone
    /// [default: begin with the first occurrence]
    #[arg(long, value_name = "INSTANT", conflicts_with = "batch")]
    from: Option<String>,

    /// How many occurrences to show at most.
    #[arg(long, value_name = "N", default_value_t = 5)]
    count: u32,

    /// The dialect: ISO 8601 strictly, or what Chronos accepts, in which a start without offset or zone is in UTC.
    #[arg(long, value_enum, default_value_t = ProfileName::Iso)]
    profile: ProfileName,

    /// What wins where there are both a zone and an offset in the text: the instant, or the clock reading, as in
    /// Chronos.
    #[arg(long, value_enum, default_value_t = PolicyName::Instant)]
    offset_policy: PolicyName,

    /// Print a JSON object instead of a table.
    #[arg(long, conflicts_with = "batch")]
    json: bool,

    /// Answer the questions on standard input, one JSON object a line.
    #[arg(long, conflicts_with = "expression")]
    batch: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileName {
    Iso,
    Chronos,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PolicyName {
    Instant,
    Local,
}

impl Preview {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let terms = self.terms();
        if self.batch {
            return Ok(batch::run(&terms, io::stdin(), io::stdout().lock())?);
        }
        let (tz, from) = (
            self.tz.unwrap_or_default(),
            self.from.map(now_or_text).unwrap_or_default(),
        );
        let text = self.expression.unwrap_or_default();
        let question = Question {
            expression: &text,
            zone: &tz,
            from: &from,
        };
        let mut out = io::stdout().lock();
        match question.answer(&terms) {
            Ok(answer) if self.json => writeln!(out, "{}", answer.json())?,
            Ok(answer) => table::write(&mut out, &answer)?,
            Err(problem) if self.json => {
                writeln!(out, "{}", problem.json())?;
                return Err(Failure::Told);
            }
            Err(problem) => return Err(Failure::Refused(explain(&question, &problem))),
        }
        out.flush()?;
        Ok(())
    }

    fn terms(&self) -> Terms {
        Terms {
            profile: match self.profile {
                ProfileName::Iso => Profile::Iso,
                ProfileName::Chronos => Profile::Chronos,
            },
            offset_policy: match self.offset_policy {
                PolicyName::Instant => OffsetPolicy::KeepInstant,
                PolicyName::Local => OffsetPolicy::KeepLocal,
            },
            count: usize::try_from(self.count).unwrap_or(usize::MAX),
        }
    }
}

/// `now` as an instant in whole seconds; anything else as it is.
fn now_or_text(from: String) -> String {
    if from == "now" {
        let now = DateTime::<Utc>::from(SystemTime::now()).trunc_subsecs(0);
        Moment::from(now).to_string()
    } else {
        from
    }
}

/// The problem, and below it the text with a mark under the place.
fn explain(question: &Question<'_>, problem: &Problem) -> String {
    let (flag, text) = match problem.field {
        Field::Expression => ("", question.expression),
        Field::Zone => ("--tz: ", question.zone),
        Field::From => ("--from: ", question.from),
    };
    // Control characters would move the mark, or worse.
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let shown: String = text.chars().map(printable).collect();
    let before = text.get(..problem.offset).unwrap_or(text).chars().count();
    format!("{flag}{}\n  {shown}\n  {:before$}^", problem.message, "")
}
