//! Running the program.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::Value;

/// What the program did.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// `chronosctl schedule preview` with arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chronosctl"));
    command.args(["schedule", "preview"]).args(args);
    command
}

/// `chronosctl` with arguments.
pub(crate) fn chronosctl(args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chronosctl"));
    let output = command.args(args).stdin(Stdio::null()).output();
    ran(output.expect("it starts"))
}

pub(crate) fn preview(args: &[&str]) -> Ran {
    ran(command(args)
        .stdin(Stdio::null())
        .output()
        .expect("it starts"))
}

/// Feeds lines to `--batch` while its answers are read, and gives the answers.
#[track_caller]
pub(crate) fn batch(args: &[&str], input: &[u8]) -> Vec<Value> {
    let mut child = command(&[&["--batch"], args].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).expect("it reads to the end"));
        child.wait_with_output().expect("it ends")
    });
    let ran = ran(output);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let parse = |line: &str| serde_json::from_str(line).expect(line);
    ran.out.lines().map(parse).collect()
}

fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
