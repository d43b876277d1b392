//! Backfill, calendars, the self-audit, and the answer to "why does it not run?".

use std::sync::Arc;

use chronos_core::{Command, Refusal, Reply};
use chronos_model::{Calendar, RunCause};
use serde_json::{Value, json};

use crate::world::{World, instant, name};

fn calendar(json: &Value) -> Arc<Calendar> {
    Arc::new(Calendar::from_json(json).unwrap())
}

fn backfill(
    world: &mut World,
    from: &str,
    to: &str,
    with_children: bool,
) -> Result<Reply, Refusal> {
    world.command(Command::Backfill {
        job: name("a"),
        from: instant(from),
        to: instant(to),
        with_children,
    })
}

fn daily(world: &mut World) {
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:00Z/P1D", "retries": 0}));
    world.succeed("a");
}

#[test]
fn a_range_of_past_targets_runs_again_one_after_another() {
    let mut world = World::new("2030-01-10T12:00:00Z");
    daily(&mut world);
    world.put(json!({"name": "child", "command": "true", "parents": ["a"]}));
    let Ok(Reply::Runs(keys)) = backfill(
        &mut world,
        "2030-01-03T00:00:00Z",
        "2030-01-05T23:00:00Z",
        false,
    ) else {
        panic!("three runs")
    };
    assert_eq!(keys.len(), 3);
    let mut days = Vec::new();
    world.crash();
    while let Some(key) = world.agent.running.first().cloned() {
        let run = &world.store.runs[&key];
        assert_eq!(run.cause, RunCause::Backfill);
        days.push(run.target.to_string()[8..10].to_owned());
        world.succeed("a");
    }
    assert_eq!(days, ["03", "04", "05"]);
    assert!(
        world.outcomes("child").is_empty(),
        "nobody asked for the children"
    );
    assert_eq!(
        world.job("a").next_target().unwrap().at,
        instant("2030-01-11T00:00:00Z")
    );
}

#[test]
fn the_children_of_a_backfill_run_for_each_of_its_targets() {
    let mut world = World::new("2030-01-10T12:00:00Z");
    daily(&mut world);
    world.put(json!({"name": "child", "command": "true", "parents": ["a"], "retries": 0}));
    world.put(json!({"name": "grandchild", "command": "true", "parents": ["child"], "retries": 0}));
    backfill(
        &mut world,
        "2030-01-03T00:00:00Z",
        "2030-01-04T00:00:00Z",
        true,
    )
    .unwrap();
    // Both runs of the parent end before the child's first does.
    world.succeed("a");
    world.succeed("a");
    world.succeed("child");
    world.succeed("child");
    world.succeed("grandchild");
    world.succeed("grandchild");
    for job in ["child", "grandchild"] {
        let targets: Vec<String> = world
            .store
            .runs
            .values()
            .filter(|run| run.key.job.as_str() == job)
            .map(|run| run.target.to_string()[..10].to_owned())
            .collect();
        assert_eq!(targets, ["2030-01-03", "2030-01-04"], "{job}");
    }
}

#[test]
fn a_backfill_that_makes_no_sense_is_refused_with_the_reason() {
    let mut world = World::new("2030-01-10T12:00:00Z");
    daily(&mut world);
    let cases = [
        (
            "2030-01-03T00:00:00Z",
            "2030-01-11T00:00:00Z",
            "to",
            "has not come yet",
        ),
        (
            "2030-01-05T00:00:00Z",
            "2030-01-03T00:00:00Z",
            "from",
            "later than to",
        ),
        (
            "2030-01-05T01:00:00Z",
            "2030-01-05T02:00:00Z",
            "from",
            "no target",
        ),
    ];
    for (from, to, want_field, want) in cases {
        match backfill(&mut world, from, to, false) {
            Err(Refusal::Invalid { field, problem }) => {
                assert_eq!(field, want_field);
                assert!(problem.contains(want), "{problem}");
            }
            other => panic!("{other:?}"),
        }
    }
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:00Z/PT1S", "disabled": true}));
    assert!(
        backfill(
            &mut world,
            "2030-01-03T00:00:00Z",
            "2030-01-03T00:00:01Z",
            false
        )
        .is_err()
    );
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-01T00:00:00Z/PT1S"}));
    let too_many = backfill(
        &mut world,
        "2030-01-03T00:00:00Z",
        "2030-01-03T00:16:40Z",
        false,
    );
    assert!(too_many.unwrap_err().to_string().contains("1001 targets"));
    backfill(
        &mut world,
        "2030-01-03T00:00:00Z",
        "2030-01-03T00:16:39Z",
        false,
    )
    .unwrap();
    let again = backfill(
        &mut world,
        "2030-01-03T00:00:00Z",
        "2030-01-03T00:00:09Z",
        false,
    );
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("wait in line already")
    );
    let explained = world.view().explain(&world.job("a"));
    assert_eq!(explained.reasons.len(), 100, "bounded, whatever waits");
}

#[test]
fn a_calendar_leaves_targets_out_and_says_so() {
    let mut world = World::new("2030-01-01T12:00:00Z");
    let holidays = json!({"name": "holidays", "dates": ["2030-01-03/2030-01-04"]});
    let create = Command::PutCalendar(calendar(&holidays));
    assert_eq!(world.command(create), Ok(Reply::Created));
    world.put(json!({
        "name": "a", "command": "true", "schedule": "R/2030-01-02T00:00:00Z/PT12H",
        "calendar": "holidays", "concurrent": true
    }));
    world.until("2030-01-02T12:00:00Z");
    let view = world.view();
    let next = view.explain(&world.job("a")).next.unwrap();
    assert_eq!(next.target, instant("2030-01-05T00:00:00Z"));
    let (left_out, why) = next.left_out.unwrap();
    assert_eq!(
        (left_out, why.as_str()),
        (instant("2030-01-03T00:00:00Z"), "holidays")
    );
    world.crash();
    world.until("2030-01-05T00:00:00Z");
    assert_eq!(
        world.outcomes("a"),
        [
            "01-02T00:00:00 0 starting",
            "01-02T12:00:00 0 starting",
            "01-04T12:00:00 0 skipped",
            "01-05T00:00:00 0 starting"
        ]
    );
    let skipped = world
        .store
        .runs
        .values()
        .find(|run| run.covers.is_some())
        .unwrap();
    let covers = skipped.covers.unwrap();
    assert_eq!(
        (covers.first, covers.count),
        (instant("2030-01-03T00:00:00Z"), 3)
    );
    assert_eq!(
        skipped.reason.as_deref(),
        Some("left out by the calendar holidays")
    );
}

#[test]
fn a_changed_calendar_counts_from_the_change() {
    let mut world = World::new("2030-01-01T12:00:00Z");
    let put = |world: &mut World, dates: Value| {
        let calendar = calendar(&json!({"name": "holidays", "dates": dates}));
        world.command(Command::PutCalendar(calendar)).unwrap()
    };
    put(&mut world, json!(["2030-01-02"]));
    world.put(json!({"name": "a", "command": "true", "schedule": "R/2030-01-02T00:00:00Z/P1D", "calendar": ["holidays"], "concurrent": true}));
    assert_eq!(put(&mut world, json!(["2030-01-03"])), Reply::Updated);
    world.until("2030-01-04T00:00:00Z");
    assert_eq!(
        world.outcomes("a"),
        [
            "01-02T00:00:00 0 starting",
            "01-03T00:00:00 0 skipped",
            "01-04T00:00:00 0 starting"
        ]
    );
}

#[test]
fn calendars_and_jobs_hold_on_to_each_other() {
    let mut world = World::new("2030-01-01T12:00:00Z");
    let job =
        json!({"name": "a", "command": "true", "schedule": "R0//P", "calendar": ["holidays"]});
    let refused = world.try_put(job.clone()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "calendar: unknown calendar holidays; create it first"
    );
    let holidays = calendar(&json!({"name": "holidays", "weekdays": ["SUN"]}));
    world
        .command(Command::PutCalendar(Arc::clone(&holidays)))
        .unwrap();
    world.put(job);
    let delete = || Command::DeleteCalendar(holidays.name().clone());
    let in_use = Refusal::CalendarInUse {
        calendar: holidays.name().clone(),
        jobs: vec![name("a")],
    };
    assert_eq!(world.command(delete()), Err(in_use.clone()));
    world.crash();
    assert_eq!(world.command(delete()), Err(in_use), "after a crash too");
    world.put(json!({"name": "a", "command": "true", "schedule": "R0//P"}));
    assert_eq!(world.command(delete()), Ok(Reply::Done));
    assert_eq!(
        world.command(delete()),
        Err(Refusal::UnknownCalendar(holidays.name().clone()))
    );
}

#[test]
fn a_healthy_scheduler_passes_its_own_audit() {
    let mut world = World::new("2030-01-01T12:00:00Z");
    for number in 0..25 {
        world.put(json!({"name": format!("j{number}"), "command": "true", "schedule": "R/2030-01-01T00:00:00Z/PT1H", "retryDelay": 60}));
    }
    world.fail("j3");
    world.agent.slots = 3;
    for _ in 0..3 {
        world.audit(10);
    }
    let report = world.view().audit();
    assert_eq!((report.rounds, report.jobs, report.found), (1, 25, 0));
    assert_eq!(report.last_round, Some(world.now()));
}

#[test]
fn every_answer_to_why_not() {
    let mut world = World::new("2030-01-01T12:00:00Z");
    let cases = [
        (
            json!({"schedule": "R1/2030-01-02T00:00:00Z/P", "disabled": true}),
            "disabled",
        ),
        (
            json!({"schedule": "R1/2030-01-01T12:00:00Z/P", "cpus": 1000}),
            "offer",
        ),
        (json!({"schedule": "R0//P"}), "usedUp"),
        (json!({"parents": ["case0"]}), "parents"),
    ];
    for (number, (fields, _)) in cases.iter().enumerate() {
        let mut job = json!({"name": format!("case{number}"), "command": "true"});
        job.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        world.put(job);
    }
    let view = world.view();
    for (number, (fields, want)) in cases.iter().enumerate() {
        let explained = view.explain(&world.job(&format!("case{number}")));
        let codes: Vec<&str> = explained
            .reasons
            .iter()
            .map(chronos_core::Waiting::code)
            .collect();
        assert_eq!(codes, [*want], "{fields}");
    }

    world.put(json!({"name": "line", "command": "true", "schedule": "R/2030-01-01T11:59:58Z/PT1S", "catchUp": "all", "retryDelay": 60}));
    let codes = |world: &World| -> Vec<&str> {
        let explained = world.view().explain(&world.job("line"));
        explained
            .reasons
            .iter()
            .map(chronos_core::Waiting::code)
            .collect()
    };
    assert_eq!(codes(&world), ["overlap", "overlap"]);
    world.fail("line");
    assert_eq!(codes(&world), ["retry", "line", "line"]);
}

#[test]
fn a_last_target_that_is_left_out_and_starts_late_ends_in_a_record() {
    // The start, with jitter, comes after the end of what the calendar leaves out.
    let mut world = World::new("2030-01-01T05:00:00Z");
    let night = json!({"name": "night", "windows": [{"from": "06:00", "to": "06:01"}]});
    world
        .command(Command::PutCalendar(calendar(&night)))
        .unwrap();
    for number in 0..20 {
        world.put(json!({
            "name": format!("a{number}"), "command": "true", "calendar": "night", "jitter": 3600,
            "schedule": "R1/2030-01-01T06:00:30Z/P1D"
        }));
    }
    world.until("2030-01-01T08:00:00Z");
    for number in 0..20 {
        assert_eq!(
            world.outcomes(&format!("a{number}")),
            ["06:00:30 0 skipped"]
        );
    }
}
