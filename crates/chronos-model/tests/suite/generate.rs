//! Arbitrary jobs and arbitrary JSON.

use std::collections::BTreeSet;

use chronos_model::{
    CalendarName, CatchUp, Container, ContainerKind, DstPolicy, EnvironmentVariable,
    ExternalVolume, Fetch, IpProtocol, JobDetails, JobName, JobPolicies, JobSchedule, JobSpec,
    Network, NetworkInfo, Overlap, Parameter, ParentRule, PortMapping, RetryBackoff, SchedulePart,
    Trigger, Volume, VolumeMode, limits,
};
use iso8601_repeat::{Gap, Overlap as Overlaps};
use proptest::{collection::vec, option, prelude::*};
use resources::{Constraint, Operator, Resources, Scalar};
use serde_json::{Map, Number, Value};

/// Any text that a field may hold: all of Unicode but NUL.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ -~]{0,12}",
        1 => vec(any::<char>().prop_filter("NUL", |&c| c != '\0'), 0..8)
            .prop_map(String::from_iter),
    ]
}

fn filled_text() -> impl Strategy<Value = String> {
    text().prop_filter("empty", |text| !text.trim().is_empty())
}

fn name() -> impl Strategy<Value = JobName> {
    "[a-zA-Z0-9_.#-][a-zA-Z0-9_. #-]{0,20}[a-zA-Z0-9_#-]"
        .prop_map(|text| text.parse().expect("a legal name"))
}

/// Amounts that are written and read back the same: not zero, which means the default.
fn scalar() -> impl Strategy<Value = Scalar> {
    (1..=1_000_000_000_000_000_i64).prop_map(Scalar::from_thousandths)
}

fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    let parameter = (filled_text(), text()).prop_map(|(key, value)| Parameter { key, value });
    vec(parameter, 0..3)
}

fn volume() -> impl Strategy<Value = Volume> {
    let mode = prop_oneof![Just(VolumeMode::ReadWrite), Just(VolumeMode::ReadOnly)];
    let external =
        (filled_text(), filled_text(), parameters()).prop_map(|(name, provider, options)| {
            ExternalVolume {
                name,
                provider,
                options,
            }
        });
    let paths = (option::of(filled_text()), filled_text());
    (paths, option::of(mode), option::of(external)).prop_map(
        |((host_path, container_path), mode, external)| Volume {
            host_path,
            container_path,
            mode,
            external,
        },
    )
}

fn network_info() -> impl Strategy<Value = NetworkInfo> {
    let mapping = (any::<u16>(), any::<u16>(), option::of(filled_text())).prop_map(
        |(host_port, container_port, protocol)| PortMapping {
            host_port,
            container_port,
            protocol,
        },
    );
    let protocol = prop_oneof![Just(IpProtocol::IPv4), Just(IpProtocol::IPv6)];
    (
        filled_text(),
        option::of(protocol),
        parameters(),
        vec(mapping, 0..3),
    )
        .prop_map(|(name, protocol, labels, port_mappings)| NetworkInfo {
            name,
            protocol,
            labels,
            port_mappings,
        })
}

fn container() -> impl Strategy<Value = Container> {
    let kind = prop_oneof![Just(ContainerKind::Docker), Just(ContainerKind::Mesos)];
    let network = prop_oneof![
        Just(Network::Host),
        Just(Network::Bridge),
        Just(Network::User)
    ];
    let networks = (
        network,
        option::of(filled_text()),
        vec(network_info(), 0..3),
    );
    let rest = (vec(volume(), 0..3), any::<bool>(), parameters());
    (kind, filled_text(), networks, rest).prop_map(|(kind, image, networks, rest)| Container {
        kind,
        image,
        network: networks.0,
        network_name: networks.1,
        network_infos: networks.2,
        volumes: rest.0,
        force_pull_image: rest.1,
        parameters: rest.2,
    })
}

const INTERVALS: [(&str, &str); 5] = [
    ("R/2017-05-04T02:58:00Z/PT24H", ""),
    ("R5/2008-03-01T13:00:00Z/P1D", "Europe/Paris"),
    ("R1//P", ""),
    ("R0//PT0M", ""),
    ("R007/2030-01-01T00:00:00+0100/P1M", "BST"),
];

const CRONS: [(&str, &str); 4] = [
    ("*/15 * * * *", ""),
    ("0 30 2 L * ?", "America/New_York"),
    ("@daily", "GMT+3"),
    ("0 9 1,15 jan-JUN MON-FRI", "Europe/Berlin"),
];

fn part() -> impl Strategy<Value = SchedulePart> {
    prop_oneof![
        proptest::sample::select(&INTERVALS[..]).prop_map(|(text, zone)| {
            SchedulePart::interval(text, zone).expect("a legal interval")
        }),
        proptest::sample::select(&CRONS[..]).prop_map(|(text, zone)| {
            SchedulePart::cron(text, zone).expect("a legal expression")
        }),
    ]
}

fn schedule() -> impl Strategy<Value = JobSchedule> {
    let zone = proptest::sample::select(vec!["", "Europe/Berlin", "IST"]);
    let written = prop_oneof![
        proptest::sample::select(&INTERVALS[..])
            .prop_map(|(text, zone)| JobSchedule::parse(text, zone)),
        proptest::sample::select(&CRONS[..])
            .prop_map(|(text, zone)| JobSchedule::parse_cron(text, zone)),
        (vec(part(), 1..4), zone).prop_map(|(parts, zone)| JobSchedule::from_parts(parts, zone)),
    ];
    let gap = proptest::sample::select(vec![Gap::Shift, Gap::Skip]);
    let overlap = proptest::sample::select(vec![Overlaps::First, Overlaps::Second, Overlaps::Both]);
    let end = proptest::sample::select(vec![
        None,
        Some("2040-01-01"),
        Some("2031-03-30T02:30:00+05:00"),
    ]);
    (written, gap, overlap, end).prop_map(|(schedule, gap, overlap, end)| {
        let schedule = schedule
            .expect("a legal schedule")
            .with_dst(DstPolicy { gap, overlap });
        match end {
            Some(end) => schedule.with_end(end).expect("a legal end"),
            None => schedule,
        }
    })
}

/// The names of jobs have at least two characters, so no job is its own parent.
fn parents() -> impl Strategy<Value = BTreeSet<JobName>> {
    let name = "[a-z]".prop_map(|text| text.parse().expect("a legal name"));
    proptest::collection::btree_set(name, 1..4)
}

/// The trigger, with the rule for the parents.
fn trigger() -> impl Strategy<Value = (Trigger, ParentRule)> {
    let rule = || proptest::sample::select(&ParentRule::ALL[..]);
    prop_oneof![
        2 => schedule().prop_map(|schedule| (Trigger::Schedule(schedule), ParentRule::default())),
        1 => (parents(), rule()).prop_map(|(parents, rule)| (Trigger::Parents(parents), rule)),
        1 => (schedule(), parents(), rule()).prop_map(|(schedule, parents, rule)| {
            let parents = Box::new(parents);
            (Trigger::Both { schedule, parents }, rule)
        }),
    ]
}

/// The policies, each with any bound.
fn policies() -> impl Strategy<Value = (CatchUp, Overlap, RetryBackoff)> {
    let catch_up = prop_oneof![
        Just(CatchUp::Latest),
        Just(CatchUp::None),
        (1..=limits::CATCH_UP_LIMIT_MAX).prop_map(|limit| CatchUp::All { limit }),
    ];
    let bound = || 1..=limits::OVERLAP_LIMIT_MAX;
    let overlap = prop_oneof![
        Just(Overlap::Skip),
        Just(Overlap::QueueOne),
        bound().prop_map(|limit| Overlap::QueueAll { limit }),
        Just(Overlap::Replace),
        option::of(bound()).prop_map(|limit| Overlap::Allow { limit }),
    ];
    let backoff = prop_oneof![
        Just(RetryBackoff::Fixed),
        (1..=limits::RETRY_DELAY_SECS_MAX)
            .prop_map(|delay_max_secs| RetryBackoff::Exponential { delay_max_secs }),
    ];
    (catch_up, overlap, backoff)
}

/// Calendars, each named once.
fn calendars() -> impl Strategy<Value = Vec<CalendarName>> {
    proptest::collection::btree_set("[a-z]{1,4}", 0..3).prop_map(|names| {
        let names = names.iter().rev();
        names
            .map(|name| name.parse().expect("a legal name"))
            .collect()
    })
}

fn constraint() -> impl Strategy<Value = Constraint> {
    (filled_text(), text(), 0..Operator::ALL.len()).prop_map(|(attribute, value, operator)| {
        let operator = Operator::ALL[operator];
        // A text that the operator cannot use gives way to one that it can.
        ["", "r[0-9]+", "7"]
            .into_iter()
            .fold(
                Constraint::new(attribute.as_str(), operator, value),
                |made, value| {
                    made.or_else(|_| Constraint::new(attribute.as_str(), operator, value))
                },
            )
            .expect("one of them is legal")
    })
}

/// Either spelling, never both: reading makes one of the two.
fn fetches() -> impl Strategy<Value = (Vec<Fetch>, Vec<String>)> {
    let fetch = (filled_text(), any::<[bool; 3]>(), text()).prop_map(
        |(uri, [executable, cache, extract], output_file)| Fetch {
            uri,
            executable,
            cache,
            extract,
            output_file,
        },
    );
    prop_oneof![
        vec(fetch, 0..3).prop_map(|fetch| (fetch, Vec::new())),
        vec(filled_text(), 0..3).prop_map(|uris| (Vec::new(), uris)),
    ]
}

fn environment() -> impl Strategy<Value = Vec<EnvironmentVariable>> {
    let variable =
        ("[A-Z_ ä]{1,8}", text()).prop_map(|(name, value)| EnvironmentVariable { name, value });
    vec(variable, 0..3)
}

/// Any job that reading can make.
pub(crate) fn spec() -> impl Strategy<Value = JobSpec> {
    let texts = (filled_text(), text());
    let numbers = (
        0..=limits::RETRIES_MAX,
        option::of(0..=limits::RETRY_DELAY_SECS_MAX),
        0..=limits::COMPLETION_TIME_SECS_MAX,
        (scalar(), scalar(), scalar()),
    );
    let rest = (
        any::<[bool; 4]>(),
        policies(),
        0..=limits::COMPLETION_TIME_SECS_MAX,
        0..=limits::JITTER_SECS_MAX,
    );
    (name(), texts, numbers, rest, trigger(), details()).prop_map(
        |(
            name,
            texts,
            numbers,
            (flags, policies, start_timeout_secs, jitter_secs),
            trigger,
            details,
        )| {
            JobSpec {
                name,
                command: texts.0.into(),
                shell: flags[0],
                retries: numbers.0,
                resources: Resources::new(numbers.3.0, numbers.3.1, numbers.3.2),
                disabled: flags[1],
                soft_error: flags[2],
                high_priority: flags[3],
                run_as_user: texts.1.into(),
                overlap: policies.1,
                policies: JobPolicies {
                    retry_delay_secs: numbers.1,
                    retry_backoff: policies.2,
                    max_completion_time_secs: numbers.2,
                    start_timeout_secs,
                    jitter_secs,
                    catch_up: policies.0,
                }
                .into(),
                parent_rule: trigger.1,
                trigger: trigger.0,
                details: details.into(),
            }
        },
    )
}

// Docker gets none.
fn gpus_for(container: Option<&Container>, gpus: u32) -> u32 {
    let docker = container.is_some_and(|container| container.kind == ContainerKind::Docker);
    if docker { 0 } else { gpus }
}

fn details() -> impl Strategy<Value = JobDetails> {
    let texts = (text(), text(), text(), text(), text(), text());
    let epsilon = option::of(proptest::sample::select(vec![
        "PT15M", "P1W2D", "pt1.5S", "PT60S",
    ]))
    .prop_map(|text| text.and_then(|text| text.parse().ok()));
    let lists = (
        fetches(),
        environment(),
        vec(text(), 0..3),
        vec(constraint(), 0..3),
        calendars(),
    );
    (
        texts,
        any::<bool>(),
        epsilon,
        (option::of(container()), 0..3_u32),
        lists,
    )
        .prop_map(
            |(texts, data_processing_job_type, epsilon, (container, gpus), lists)| JobDetails {
                gpus: gpus_for(container.as_ref(), gpus),
                executor: texts.0,
                executor_flags: texts.1,
                task_info_data: texts.2,
                owner: texts.3,
                owner_name: texts.4,
                description: texts.5,
                data_processing_job_type,
                epsilon,
                fetch: lists.0.0,
                uris: lists.0.1,
                environment: lists.1,
                arguments: lists.2,
                container,
                constraints: lists.3,
                calendars: lists.4,
            },
        )
}

/// Any JSON at all, with the words and keys of jobs among it.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let known = [
        "name",
        "command",
        "R/2030-01-01T00:00:00Z/P1D",
        "true",
        "3",
        "0.5",
        "PT5M",
        "RW",
        "*/5 * * * *",
        "all",
        "allow",
        "queueAll",
        "exponential",
        "Europe/Berlin",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::from)),
        proptest::sample::select(known.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((key(), inner), 0..6).prop_map(|fields| Value::from(Map::from_iter(fields))),
        ]
    })
}

/// The key of some object in a job, or anything.
pub(crate) fn key() -> impl Strategy<Value = String> {
    let known = [
        "name",
        "command",
        "shell",
        "executor",
        "retries",
        "cpus",
        "mem",
        "disk",
        "disabled",
        "fetch",
        "uris",
        "environmentVariables",
        "arguments",
        "container",
        "constraints",
        "parents",
        "schedule",
        "scheduleTimeZone",
        "epsilon",
        "retryDelay",
        "catchUp",
        "uri",
        "value",
        "key",
        "image",
        "type",
        "network",
        "networkInfos",
        "volumes",
        "portMappings",
        "containerPath",
        "mode",
        "external",
        "hostPort",
        "containerPort",
        "version",
        "maxCompletionTime",
        "gpus",
        "softError",
        "runAsUser",
        "cron",
        "schedules",
        "scheduleAndParents",
        "dependencyRule",
        "endTime",
        "dst",
        "gap",
        "overlap",
        "overlapLimit",
        "concurrent",
        "catchUpLimit",
        "retryBackoff",
        "retryDelayMax",
        "startTimeout",
        "jitter",
        "calendar",
    ];
    prop_oneof![
        9 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}
