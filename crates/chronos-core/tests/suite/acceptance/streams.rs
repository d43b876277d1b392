//! Section C: the streams of Chronos 2, and what its `epsilon` makes of them here.

use serde_json::{Value, json};

use crate::world::{World, instant};

struct Row {
    case: &'static str,
    schedule: &'static str,
    more: Value,
    created: &'static str,
    /// What is decided at once: targets and outcomes; what waits or runs has none.
    decided: &'static [(&'static str, &'static str)],
    next: &'static str,
    remaining: u64,
}

fn rows() -> Vec<Row> {
    let minute = "R1/2012-01-01T00:00:01Z/PT1M";
    let first = &[("2012-01-01T00:00:01Z", "going")];
    let sixty = "R60/2012-01-01T00:00:00Z/PT1S";
    let epsilon = |period: &str| json!({"epsilon": period});
    vec![
        row("72", minute, epsilon("PT1M"), "2012-01-01T00:00:00Z")
            .leaves("2012-01-01T00:00:01Z", 1),
        row("72", minute, epsilon("PT1M"), "2012-01-01T00:00:01Z").decides(first),
        row("73", minute, epsilon("PT1M"), "2012-01-01T00:01:01Z").decides(first),
        row("73", minute, epsilon("PT1M"), "2012-01-01T00:01:01.001Z")
            .decides(&[("2012-01-01T00:00:01Z", "skipped")]),
        row(
            "76",
            "R10/2012-01-01T00:00:00Z/PT1M",
            epsilon("PT20S"),
            "2012-01-01T00:01:01Z",
        )
        .decides(&[("2012-01-01T00:01:00Z", "going")])
        .leaves("2012-01-01T00:02:00Z", 8),
        row(
            "77",
            "R5/2012-01-10T00:00:00Z/P1D",
            epsilon("PT1M"),
            "2012-01-01T00:00:00Z",
        )
        .leaves("2012-01-10T00:00:00Z", 5),
        row("78", sixty, epsilon("PT5M"), "2012-01-01T00:01:00Z")
            .decides(&[("2012-01-01T00:00:59Z", "going")]),
        row(
            "80",
            "R5/2012-01-01/P1D",
            epsilon("PT60S"),
            "2012-01-03T00:00:00Z",
        )
        .decides(&[("2012-01-03T00:00:00Z", "going")])
        .leaves("2012-01-04T00:00:00Z", 2),
        row(
            "81",
            "R5/2012-01-01T00:00Z/P1D",
            epsilon("PT2H"),
            "2012-01-01T01:00:00Z",
        )
        .decides(&[("2012-01-01T00:00:00Z", "going")])
        .leaves("2012-01-02T00:00:00Z", 4),
        // What an epsilon makes of a last target that is too late.
        row(
            "49",
            "R3/2017-03-10T00:00:00Z/P1D",
            epsilon("PT1H"),
            "2017-03-13T00:00:05Z",
        )
        .decides(&[("2017-03-12T00:00:00Z", "skipped")]),
    ]
}

fn row(case: &'static str, schedule: &'static str, more: Value, created: &'static str) -> Row {
    Row {
        case,
        schedule,
        more,
        created,
        decided: &[],
        next: "",
        remaining: 0,
    }
}

impl Row {
    fn decides(self, decided: &'static [(&'static str, &'static str)]) -> Self {
        Self { decided, ..self }
    }

    fn leaves(self, next: &'static str, remaining: u64) -> Self {
        Self {
            next,
            remaining,
            ..self
        }
    }

    fn put(&self) -> World {
        let mut world = World::new(self.created);
        let mut job = json!({"name": "a", "command": "true", "schedule": self.schedule});
        let more = self.more.as_object().unwrap().clone();
        job.as_object_mut().unwrap().extend(more);
        world.put(job);
        world
    }
}

#[test]
fn a_stream_of_chronos_2_under_its_epsilon() {
    for row in rows() {
        let world = row.put();
        let case = format!("case {}: {} at {}", row.case, row.schedule, row.created);
        let decided: Vec<_> = world
            .store
            .runs
            .values()
            .map(|run| (run.target, run.outcome.map_or("going", |end| end.name())))
            .collect();
        let want: Vec<_> = row
            .decided
            .iter()
            .map(|&(at, end)| (instant(at), end))
            .collect();
        assert_eq!(decided, want, "{case}");
        let job = world.job("a");
        let next = (!row.next.is_empty()).then(|| instant(row.next));
        assert_eq!(job.next_target().map(|next| next.at), next, "{case}");
        assert_eq!(job.targets_remaining(), Some(row.remaining), "{case}");
    }
    // Case 78 again: all sixty, oldest first.
    let sixty = "R60/2012-01-01T00:00:00Z/PT1S";
    let all = json!({"epsilon": "PT5M", "catchUp": "all"});
    let world = row("78", sixty, all, "2012-01-01T00:01:00Z").put();
    assert_eq!(world.job("a").active_runs().count(), 60);
    let running = world.agent.running.first().unwrap();
    assert_eq!(running.due, instant("2012-01-01T00:00:00Z"));
}

#[test]
fn the_tail_of_a_stream() {
    for (case, schedule, left) in [
        ("70", "R3/2012-01-01/P1D", [Some(2), Some(1), Some(0)]),
        ("71", "R/2012-01-01/P1D", [None, None, None]),
    ] {
        let mut world = World::new("2011-12-31T12:00:00Z");
        world.put(json!({"name": "a", "command": "true", "schedule": schedule}));
        for (day, left) in (1..).zip(left) {
            world.until(&format!("2012-01-0{day}T00:00:00Z"));
            world.succeed("a");
            let job = world.job("a");
            assert_eq!(job.targets_remaining(), left, "case {case}, day {day}");
            let ended = left == Some(0);
            let next = (!ended).then(|| instant(&format!("2012-01-0{}T00:00:00Z", day + 1)));
            let found = job.next_target().map(|next| next.at);
            assert_eq!(found, next, "case {case}, day {day}");
        }
    }
}

#[test]
fn what_comes_next_is_stored_with_each_target() {
    // Case 82: a scheduler that starts from what is stored knows it.
    let mut world = World::new("2011-12-31T23:59:59.500Z");
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2012-01-01T00:00:00Z/PT1S"}));
    world.until("2012-01-01T00:00:00Z");
    world.crash();
    let next = world.job("a").next_target().unwrap().at;
    assert_eq!(next, instant("2012-01-01T00:00:01Z"));
    assert_eq!(world.store.runs.len(), 1);
}
