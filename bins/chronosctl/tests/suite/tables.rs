//! Every row of the two tables of `iso8601-repeat`, through `--batch`.

use serde_json::{Value, json};

use crate::program::batch;

const CORPUS: &str =
    include_str!("../../../../crates/iso8601-repeat/tests/data/iso8601-corpus.tsv");
const NEXT: &str = include_str!("../../../../crates/iso8601-repeat/tests/data/iso8601-next.tsv");

/// Disputed rows where ours is not the answer that the corpus recommends.
///
/// In the first, a start that is an instant stays that instant. In the others, two steps at one instant, on a day that
/// the zone left out, are shown once.
const OURS_DIFFERS: [&str; 3] = ["dst-anchor-winter-003", "dst-086", "dst-089"];

fn rows(table: &str) -> Vec<Vec<&str>> {
    let is_row = |line: &&str| !line.starts_with('#') && !line.starts_with("id\t");
    let rows = table.lines().filter(is_row);
    rows.map(|line| line.split('\t').collect()).collect()
}

fn zone(cell: &str) -> &str {
    if cell == "-" { "" } else { cell }
}

/// The questions for rows.
fn lines<'a>(rows: &[Vec<&'a str>], fields: impl Fn(&[&'a str]) -> [&'a str; 3]) -> String {
    let lines: Vec<_> = rows.iter().map(|row| fields(row).join("\t")).collect();
    lines.join("\n")
}

/// What the corpus demands of a row: the fields of the answer.
fn demanded(row: &[&str]) -> Value {
    let [_, _, _, _, canonical, count, occurrences, ..] = row else {
        panic!("{row:?}")
    };
    let count = count.parse::<u64>().map_or(Value::Null, Value::from);
    let list = |text: &str| text.split(';').map(Value::from).collect::<Vec<_>>();
    let mut answer = json!({"ok": true, "canonical": canonical, "count": count, "next": []});
    match *occurrences {
        "none" => {}
        "needs-tz" => answer["needs"] = "zone".into(),
        "needs-anchor" => answer["needs"] = "from".into(),
        text => match text.strip_prefix("desc:") {
            Some(falling) => answer["last"] = list(falling).into(),
            None => answer["next"] = list(text).into(),
        },
    }
    answer
}

#[test]
fn gives_what_the_corpus_demands() {
    let rows = rows(CORPUS);
    let input = lines(&rows, |row| [row[1], zone(row[2]), ""]);
    let answers = batch(&[], input.as_bytes());
    assert_eq!(answers.len(), rows.len());
    let (mut gating, mut wrong) = (0, Vec::new());
    for (row, answer) in rows.iter().zip(answers) {
        let (id, input, flag) = (row[0], row[1], row[8]);
        let gates = flag == "firm" || flag.starts_with("opt");
        gating += usize::from(gates);
        let good = if row[3] == "y" {
            answer == demanded(row)
        } else {
            let offset = answer["offset"].as_u64().unwrap_or(u64::MAX);
            let end = input.len() + 1 + row[2].len();
            answer["ok"] == false
                && answer["error"].is_string()
                && offset <= u64::try_from(end).unwrap()
        };
        if good == OURS_DIFFERS.contains(&id) {
            wrong.push(format!("{id} {flag} {input:?}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((rows.len(), gating), (627, 508));
}

#[test]
fn gives_the_next_occurrence_of_every_question() {
    let rows = rows(NEXT);
    let input = lines(&rows, |row| [row[1], zone(row[2]), row[3]]);
    let answers = batch(&[], input.as_bytes());
    assert_eq!((answers.len(), rows.len()), (113, 113));
    for (row, answer) in rows.iter().zip(answers) {
        assert_eq!(answer["ok"], true, "{row:?}");
        let next = answer["next"][0].as_str().unwrap_or("none");
        assert_eq!(next, row[4], "{row:?}");
    }
}
