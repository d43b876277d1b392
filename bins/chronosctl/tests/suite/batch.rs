//! What `--batch` makes of odd lines and of many.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::program::{batch, command};

#[track_caller]
fn check(line: &[u8], want: Value) {
    let mut input = line.to_vec();
    input.push(b'\n');
    assert_eq!(
        batch(&[], &input),
        [want],
        "{:?}",
        String::from_utf8_lossy(line)
    );
}

/// The answer to `R2/2017-01-31T02:30/P1M` in Berlin.
fn berlin() -> Value {
    json!({"ok": true, "canonical": "R2/2017-01-31T02:30:00/P1M", "count": 2,
        "next": ["2017-01-31T01:30:00Z", "2017-02-28T01:30:00Z"]})
}

#[test]
fn fields_may_be_empty_or_left_out() {
    check(b"R2/2017-01-31T02:30/P1M\tEurope/Berlin\t", berlin());
    check(b"R2/2017-01-31T02:30/P1M\tEurope/Berlin", berlin());
    check(b"R2/2017-01-31T02:30/P1M\tEurope/Berlin\t-", berlin());
    let utc = json!({"ok": true, "canonical": "R1/2017-01-31T00:00:00Z/P1D", "count": 1,
        "next": ["2017-01-31T00:00:00Z"]});
    for line in [
        "R1/2017-01-31T00Z/P1D",
        "R1/2017-01-31T00Z/P1D\t",
        "R1/2017-01-31T00Z/P1D\t\t",
        "R1/2017-01-31T00Z/P1D\t-\t-",
    ] {
        check(line.as_bytes(), utc.clone());
    }
}

#[test]
fn lines_may_end_as_on_other_systems_or_not_at_all() {
    let two = b"R2/2017-01-31T02:30/P1M\tEurope/Berlin\r\nR2/2017-01-31T02:30/P1M\tEurope/Berlin\t";
    assert_eq!(batch(&[], two), [berlin(), berlin()]);
    assert_eq!(batch(&[], b""), [] as [Value; 0]);
}

#[test]
fn from_is_an_instant_after_which_it_begins() {
    let answer = |from: &str| {
        let line = format!("R3/2017-01-31T02:30/P1M\tEurope/Berlin\t{from}\n");
        let answers = batch(&[], line.as_bytes());
        answers[0]["next"].clone()
    };
    assert_eq!(
        answer("2017-02-28T01:30:00Z"),
        json!(["2017-03-31T00:30:00Z"])
    );
    assert_eq!(
        answer("2017-02-28T01:29:59.999999999Z"),
        json!(["2017-02-28T01:30:00Z", "2017-03-31T00:30:00Z"])
    );
    // Without an offset by the clock of the zone.
    assert_eq!(answer("2017-02-28T02:30"), json!(["2017-03-31T00:30:00Z"]));
    assert_eq!(answer("2017-03-31"), json!(["2017-03-31T00:30:00Z"]));
    assert_eq!(answer("2018"), json!([]));
    // It is the first occurrence of what names neither start nor end.
    let answers = batch(&[], b"R2/PT2H\t\t2017-01-01T00:00:00.5Z\n");
    assert_eq!(
        answers[0]["next"],
        json!(["2017-01-01T00:00:00.5Z", "2017-01-01T02:00:00.5Z"])
    );
}

#[test]
fn mistakes_are_placed_by_byte_and_stop_nothing() {
    let input = b"R/2017-13-01T00:00:00Z/P1D\n\
        \n\
        R1/2017-01-31T00Z/P1D\tMars/Base\n\
        R1/2017-01-31T00Z/P1D\tUTC\tsoon\n\
        R1/2017-01-31T00Z/P1D\t\t2017-01-01T00:00\n\
        R1/2017-01-31T00Z/P1D\tUTC\t\tmore\n\
        R1/\xc3\xa4\xff/P1D\n\
        R1/2017-01-31T00Z/P1D\n";
    let answers = batch(&[], input);
    let errors: Vec<_> = answers[..7]
        .iter()
        .map(|answer| {
            assert_eq!(answer["ok"], false);
            (
                answer["offset"].as_u64().unwrap(),
                answer["error"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            (2, "expected a date that exists at byte 2, found '2'"),
            (0, "expected 'R' at byte 0, found the end"),
            (
                22,
                "zone: the zone is not in the IANA database, whose names are like 'Europe/Paris'"
            ),
            (
                26,
                "from: expected a date that begins with a year of four digits at byte 0, found 's'"
            ),
            (23, "from: a start or end without an offset needs a zone"),
            (26, "the line has more than three fields"),
            (5, "the line is not UTF-8"),
        ]
    );
    assert_eq!(answers[7]["ok"], true);
    assert_eq!(answers.len(), 8);
}

#[test]
fn long_lines_are_passed_over() {
    let good = b"R1/2017-01-31T00Z/P1D";
    let longest = [b"x".repeat(65_536), b"\r\n".to_vec()].concat();
    let longer = [b"x".repeat(65_537), b"\n".to_vec()].concat();
    let far_longer = [b"R".repeat(1_000_000), b"\n".to_vec()].concat();
    let input = [&longest[..], &longer, &far_longer, good].concat();
    let answers = batch(&[], &input);
    assert_eq!(answers[0]["offset"], 0);
    let too_long =
        json!({"ok": false, "error": "the line is longer than 65536 bytes", "offset": 65_536});
    assert_eq!(answers[1..3], [too_long.clone(), too_long]);
    assert_eq!(answers[3]["ok"], true);
    assert_eq!(answers.len(), 4);
}

#[test]
fn a_hundred_thousand_lines_get_an_answer_each_in_order() {
    let line = |index: usize| match index % 3 {
        0 => format!("R{index}/2017-01-31T02:30/P1M\tEurope/Berlin\t2024-01-01T00Z\n"),
        1 => format!("R{index}/2017-01-31T02:30Z/PT{index}S\n"),
        _ => format!("R{index}/wrong\n"),
    };
    let input: String = (0..100_000).map(line).collect();
    let answers = batch(&["--count", "1"], input.as_bytes());
    assert_eq!(answers.len(), 100_000);
    for (index, answer) in answers.iter().enumerate() {
        if index % 3 == 2 {
            assert_eq!(answer["ok"], false);
        } else {
            assert_eq!(answer["count"], index);
            assert!(answer["next"].as_array().unwrap().len() <= 1);
        }
    }
}

#[test]
fn who_asks_one_by_one_is_answered_one_by_one() {
    let mut child = command(&["--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    for count in 1..=3 {
        writeln!(stdin, "R{count}/2017-01-31T02:30Z/P1M").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["count"], count);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn who_stops_reading_ends_it_quietly() {
    let mut child = command(&["--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("piped");
    let lines = "R1/2017-01-31T02:30Z/P1M\n".repeat(10_000);
    // It may be gone before all is written.
    drop(stdin.write_all(lines.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}
