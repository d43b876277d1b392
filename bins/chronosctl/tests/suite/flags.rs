//! Flags, their defaults, and what does not go together.

use serde_json::{Value, json};

use crate::program::{batch, preview};

#[track_caller]
fn next(args: &[&str]) -> Value {
    let ran = preview(&[args, &["--json", "--count", "1"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let answer: Value = serde_json::from_str(&ran.out).expect(&ran.out);
    assert_eq!(ran.out.lines().count(), 1);
    answer["next"][0].clone()
}

#[test]
fn the_offset_policy_decides_between_zone_and_offset() {
    let base = [
        "R/2008-03-01T13:00:00-04:00/P1D",
        "--tz",
        "America/Los_Angeles",
    ];
    assert_eq!(next(&base), "2008-03-01T17:00:00Z");
    let with = |policy| next(&[&base[..], &["--offset-policy", policy]].concat());
    assert_eq!(with("instant"), "2008-03-01T17:00:00Z");
    assert_eq!(with("local"), "2008-03-01T21:00:00Z");
    let answers = batch(
        &["--offset-policy", "local", "--count", "1"],
        b"R/2008-03-01T13:00:00-04:00/P1D\tAmerica/Los_Angeles\n",
    );
    assert_eq!(answers[0]["next"], json!(["2008-03-01T21:00:00Z"]));
}

#[test]
fn the_profile_chronos_is_lax_and_knows_the_ids_of_java() {
    let lax = "R3/2012-2-5T8:00/Pt1h";
    assert_eq!(preview(&[lax]).code, Some(3));
    let chronos = ["--profile", "chronos"];
    assert_eq!(
        next(&[&[lax][..], &chronos].concat()),
        "2012-02-05T08:00:00Z"
    );
    assert_eq!(
        next(&[&[lax, "--tz", "BST"][..], &chronos].concat()),
        "2012-02-05T02:00:00Z"
    );
    assert_eq!(preview(&["R1/2012/P1D", "--tz", "BST"]).code, Some(3));
    assert_eq!(
        next(&[&["R1//PT1S", "--from", "2012-02-05T08Z"][..], &chronos].concat()),
        "2012-02-05T08:00:00Z"
    );
    let answers = batch(&chronos, b"R1//P\nR1//P\tPST\t2012-02-05T08\nR1/P1D/2012\n");
    assert_eq!(answers[0]["needs"], "from");
    assert_eq!(answers[1]["next"], json!(["2012-02-05T16:00:00Z"]));
    assert_eq!(answers[2]["ok"], false);
}

#[test]
fn now_is_an_instant() {
    let at = next(&["R/2000-01-01T00:00:00Z/PT1S", "--from", "now"]);
    assert!(
        at.as_str()
            .is_some_and(|at| at > "2026-01-01T00:00:00Z" && at.len() == 20)
    );
}

#[test]
fn refusals_are_json_too() {
    let ran = preview(&["R/2012-02-05T08:00:00Z/P1H", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(3), ""));
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&answer["ok"], &answer["offset"]),
        (&false.into(), &25.into())
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    for args in [
        &[][..],
        &["--batch", "R1/2012/P1D"],
        &["--batch", "--tz", "UTC"],
        &["--batch", "--from", "now"],
        &["--batch", "--json"],
        &["R1/2012/P1D", "--profile", "lax"],
        &["R1/2012/P1D", "--count", "-1"],
        &["R1/2012/P1D", "--offset-policy", "both"],
    ] {
        assert_eq!(preview(args).code, Some(2), "{args:?}");
    }
    assert_eq!(preview(&["--help"]).code, Some(0));
}
