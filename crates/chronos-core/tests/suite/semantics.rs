//! `docs/semantics.md` holds: its examples are played, and the tests that it names exist.
//!
//! A `json` block holds a job, or a list of calendars and jobs. The `text` block after it says what
//! happens, line by line:
//!
//! ```text
//! at 2030-01-01T00:00:05Z          goes on to an instant; at the first one, all is created
//! away until 2030-01-01T01:00:00Z  the same, but nobody looks before that instant
//! a succeeds                       what runs of the job ends so; or `a fails`
//! a is killed                      also `a is marked`, and `a runs by hand`
//! the daemon starts again          it was killed
//! a 00:00:10 missed                all runs of a job by now, one line each, with the day when it is not the first
//! a 00:00:10 failed, retry 1       the same of an extra attempt
//! a: waits for its parents: b      why it waits
//! nothing of a                     there is no run of it
//! ```
//!
//! or lists the next targets, all that there are, or those before `…`:
//!
//! ```text
//! targets from 2026-03-28T12:00:00Z
//! 2026-03-29T03:30:00+02:00 shifted
//! …
//! ```

use std::sync::Arc;

use chronos_core::Command;
use chronos_model::{Calendar, Exclusions, LocalReading, Preview};
use serde_json::Value;

use crate::{
    sources,
    world::{World, instant, name, spec},
};

const PAGE: &str = "semantics.md";

/// A fenced block: where it begins, its language, its lines.
struct Block {
    line: usize,
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    line: number,
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is left open");
    blocks
}

/// One example of the page.
struct Example {
    at: String,
    calendars: Vec<Arc<Calendar>>,
    jobs: Vec<Value>,
}

impl Example {
    fn read(block: &Block) -> Self {
        let at = format!("{PAGE}:{}", block.line);
        let document: Value =
            serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{at}: {error}"));
        let documents = document.as_array().cloned();
        let documents = documents.unwrap_or_else(|| vec![document]);
        let is_job = |document: &Value| document.get("command").is_some();
        let (jobs, calendars): (Vec<Value>, Vec<Value>) = documents.into_iter().partition(is_job);
        let calendar = |document: &Value| {
            let read = Calendar::from_json(document);
            Arc::new(read.unwrap_or_else(|problems| panic!("{at}: {problems:?}")))
        };
        let calendars = calendars.iter().map(calendar).collect();
        Self {
            at,
            calendars,
            jobs,
        }
    }

    fn world(&self, start: &str) -> World {
        let mut world = World::new(start);
        for calendar in &self.calendars {
            let put = Command::PutCalendar(Arc::clone(calendar));
            world.command(put).unwrap();
        }
        for job in &self.jobs {
            let put = world.try_put(job.clone());
            put.unwrap_or_else(|refusal| panic!("{}: {refusal}", self.at));
        }
        world
    }

    fn play(&self, script: &str) {
        let mut lines = script.lines().peekable();
        let first = lines.next().unwrap();
        if let Some(from) = first.strip_prefix("targets from ") {
            return self.list(from, &lines.collect::<Vec<_>>());
        }
        let start = first.strip_prefix("at ");
        let start = start.unwrap_or_else(|| panic!("{}: begins with {first}", self.at));
        let mut world = self.world(start);
        while let Some(line) = lines.next() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some(job) = expected(&words) {
                let mut want = vec![words.join(" ")];
                while let Some(line) = lines.next_if(|line| {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    expected(&words) == Some(job)
                }) {
                    want.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                assert_eq!(runs(&world, job), want, "{}", self.at);
            } else {
                self.step(&mut world, &words);
            }
        }
    }

    fn step(&self, world: &mut World, words: &[&str]) {
        match words {
            ["at", time] => world.until(time),
            ["away", "until", time] => world.set_clock(instant(time)),
            ["the", "daemon", "starts", "again"] => world.crash(),
            [job, why @ ..] if job.ends_with(':') => {
                let found = world.waiting(job.trim_end_matches(':'));
                assert_eq!(found, [why.join(" ")], "{}", self.at);
            }
            ["nothing", "of", job] => assert!(runs(world, job).is_empty(), "{}", self.at),
            [job, "succeeds"] => world.succeed(job),
            [job, "fails"] => world.fail(job),
            [job, "runs", "by", "hand"] => drop(world.run_now(job)),
            [job, "is", "killed"] => {
                world.command(Command::KillJob { job: name(job) }).unwrap();
            }
            [job, "is", "marked"] => {
                let mark = Command::MarkSuccess { job: name(job) };
                world.command(mark).unwrap();
            }
            _ => panic!("{}: what is {words:?}?", self.at),
        }
    }

    fn list(&self, from: &str, lines: &[&str]) {
        let from = instant(from);
        let job = spec(self.jobs[0].clone(), from);
        let preview = Preview {
            schedule: job.schedule().unwrap(),
            exclusions: &Exclusions::new(self.calendars.clone()),
            job: &job.name,
            jitter_secs: job.policies.jitter_secs,
            anchor: from,
        };
        // One more than is written down shows that there is one more, or none.
        let mut listed: Vec<String> = preview
            .list(from, lines.len() + usize::from(lines.last() != Some(&"…")))
            .unwrap()
            .iter()
            .map(|target| {
                let reading = match target.reading {
                    LocalReading::Plain => String::new(),
                    LocalReading::Shifted => " shifted".to_owned(),
                    LocalReading::Second => " second".to_owned(),
                };
                let calendar = target.excluded_by.as_ref();
                let out = calendar.map_or_else(String::new, |name| format!(" not: {name}"));
                format!("{}{reading}{out}", target.local)
            })
            .collect();
        if lines.last() == Some(&"…") {
            listed.truncate(lines.len() - 1);
            listed.push("…".to_owned());
        }
        assert_eq!(listed, lines, "{}", self.at);
    }
}

/// Returns the job of a line that says how a run of it stands.
fn expected<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        [job, time, ..] if *job != "at" && time.contains(':') => Some(job),
        _ => None,
    }
}

// `00:00:10 0 starting` of the world is `a 00:00:10 running` on the page: agents tell at once.
fn runs(world: &World, job: &str) -> Vec<String> {
    let line = |run: String| {
        let mut words = run.split(' ');
        let (target, attempt, end) = (words.next()?, words.next()?, words.next()?);
        let end = end.replace("starting", "running");
        let retry = match attempt {
            "0" => String::new(),
            _ => format!(", retry {attempt}"),
        };
        Some(format!("{job} {target} {end}{retry}"))
    };
    world.outcomes(job).into_iter().filter_map(line).collect()
}

#[test]
fn the_examples_of_the_page_hold() {
    let blocks = blocks(&sources::page(PAGE));
    let mut played = 0;
    let mut blocks = blocks.iter().peekable();
    while let Some(block) = blocks.next() {
        assert_eq!(block.language, "json", "{PAGE}:{}", block.line);
        let example = Example::read(block);
        let script = blocks.next_if(|block| block.language == "text");
        let script = script.unwrap_or_else(|| panic!("{}: nothing happens", example.at));
        example.play(&script.text);
        played += 1;
    }
    assert!(played >= 15, "only {played} examples");
}

#[test]
fn the_tests_that_the_page_names_exist() {
    let tests = sources::tests();
    let names: std::collections::BTreeSet<&str> = tests
        .iter()
        .filter_map(|test| test.rsplit("::").next())
        .collect();
    let page = sources::page(PAGE);
    let is_name = |name: &str| {
        name.contains('_')
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let mut named = 0;
    for bracket in page.split("(`").skip(1) {
        let (inside, _) = bracket.split_once(')').unwrap();
        for name in inside.split(',') {
            let name = name.trim().trim_matches('`');
            if is_name(name) {
                assert!(
                    names.contains(name),
                    "{PAGE} names {name}, which is no test"
                );
                named += 1;
            }
        }
    }
    assert!(named >= 60, "only {named} tests are named");
}
