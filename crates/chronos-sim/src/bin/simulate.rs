//! `simulate`: plays seeds, and says of each that fails what was broken and how to see it again.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

fn main() {}
