//! What people see: tables, mistakes, exit codes.

use crate::program::preview;

#[track_caller]
fn shows(args: &[&str], want: &str) {
    let ran = preview(args);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    assert_eq!(ran.out, want, "{args:?}");
}

#[track_caller]
fn refuses(args: &[&str], want: &str) {
    let ran = preview(args);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{args:?}");
    assert_eq!(ran.err, want, "{args:?}");
}

#[test]
fn a_table_with_the_clock_of_the_zone() {
    shows(
        &["R/2017-01-31T02:30/P1M", "--tz", "Europe/Berlin"],
        "\
R/2017-01-31T02:30:00/P1M  in Europe/Berlin  without end
index  UTC                   on the clock
    0  2017-01-31T01:30:00Z  2017-01-31T02:30:00+01:00
    1  2017-02-28T01:30:00Z  2017-02-28T02:30:00+01:00
    2  2017-03-31T00:30:00Z  2017-03-31T02:30:00+02:00
    3  2017-04-30T00:30:00Z  2017-04-30T02:30:00+02:00
    4  2017-05-31T00:30:00Z  2017-05-31T02:30:00+02:00
",
    );
    shows(
        &[
            "R12/20170504T032600,5+08:00/PT36H",
            "--from",
            "2017-05-20T00:00:00Z",
            "--count",
            "9",
        ],
        "\
R12/2017-05-04T03:26:00.5+08:00/PT36H  in +08:00  12 times
index  UTC                     on the clock
   11  2017-05-20T07:26:00.5Z  2017-05-20T15:26:00.5+08:00
",
    );
}

#[test]
fn old_clocks_and_far_years() {
    shows(
        &["R2/1880-01-01/P8120Y", "--tz", "Europe/Berlin"],
        "\
R2/1880-01-01T00:00:00/P8120Y  in Europe/Berlin  2 times
index  UTC                   on the clock
    0  1879-12-31T23:06:32Z  1880-01-01T00:00:00+00:53:28
    1  9999-12-31T23:00:00Z  +010000-01-01T00:00:00+01:00
",
    );
}

#[test]
fn what_is_open_is_said() {
    shows(
        &["R/2017-01-31T02:30/P1M"],
        "\
R/2017-01-31T02:30:00/P1M  without end
it has no offset: say in which zone with --tz
",
    );
    shows(
        &["R1/PT2H"],
        "\
R1/PT2H  once
it has neither start nor end: say where it begins with --from
",
    );
    shows(
        &["R0/2017-01-31T02:30Z/P1M"],
        "\
R0/2017-01-31T02:30:00Z/P1M  in Z  0 times
no occurrence
",
    );
    shows(
        &["R/P1D/2030-01-01T00:00:00Z", "--count", "2"],
        "\
R/P1D/2030-01-01T00:00:00Z  in Z  without end
it has no first occurrence; the last ones, going back:
index  UTC                   on the clock
    -  2030-01-01T00:00:00Z  2030-01-01T00:00:00Z
    -  2029-12-31T00:00:00Z  2029-12-31T00:00:00Z
",
    );
}

#[test]
fn mistakes_are_shown_under_the_text() {
    refuses(
        &["R/2012-02-05 08:00:00Z/P1D"],
        "\
chronosctl: expected 'T' or '/' at byte 12, found ' ' (blanks are not part of the format, write 'T' between date and time)
  R/2012-02-05 08:00:00Z/P1D
              ^
",
    );
    // The mark stands under a character, not under a byte.
    refuses(
        &["R/Ä012-02-05/P1D"],
        "\
chronosctl: expected a date that begins with a year of four digits at byte 2, found 'Ä'
  R/Ä012-02-05/P1D
    ^
",
    );
    refuses(
        &["R1/2012-02-05/P1D", "--tz", "Mars/Base"],
        "\
chronosctl: --tz: the zone is not in the IANA database, whose names are like 'Europe/Paris'
  Mars/Base
  ^
",
    );
    refuses(
        &["R1/2012-02-05Z/P1D\u{1b}[2J"],
        "\
chronosctl: expected 'T' or '/' at byte 13, found 'Z'
  R1/2012-02-05Z/P1D\u{fffd}[2J
               ^
",
    );
    refuses(
        &["R1/2012-02-05/P1D", "--tz", "UTC", "--from", "2012-02-30"],
        "\
chronosctl: --from: expected a date that exists at byte 0, found '2'
  2012-02-30
  ^
",
    );
}
