//! Offer constraints, by their table of meanings: the first attribute of a name, what is missing, what is no text.

use mesos_fake::{
    cluster::{AgentSpec, Cluster, Emit, Settings},
    scalar_of,
};
use mesos_v1::proto::{
    Attribute, FrameworkInfo,
    framework_info::{Capability, capability},
    scheduler::{
        AttributeConstraint, OfferConstraints,
        attribute_constraint::{
            self as part,
            predicate::{
                Exists, NotExists, Predicate, TextEquals, TextMatches, TextNotEquals,
                TextNotMatches,
            },
            selector::{PseudoattributeType, Selector},
        },
        call,
        offer_constraints::{RoleConstraints, role_constraints::Group},
    },
    value,
};

fn text(name: &str, value: &str) -> Attribute {
    Attribute {
        name: name.into(),
        r#type: value::Type::Text.into(),
        text: Some(value::Text {
            value: value.as_bytes().to_vec(),
        }),
        ..Attribute::default()
    }
}

fn number(name: &str, value: f64) -> Attribute {
    Attribute {
        name: name.into(),
        r#type: value::Type::Scalar.into(),
        scalar: Some(value::Scalar { value }),
        ..Attribute::default()
    }
}

fn agent() -> AgentSpec {
    AgentSpec {
        attributes: vec![text("rack", "r1"), text("rack", "r2"), number("level", 3.0)],
        resources: vec![scalar_of("cpus", 4.0), scalar_of("mem", 1_024.0)],
        ..AgentSpec::plain(1)
    }
}

// `a op value`, joined by `&` to groups; the groups by `|`. An empty text is a group of none.
fn read(text: &str) -> OfferConstraints {
    let group = |text: &str| Group {
        attribute_constraints: text.split('&').filter_map(condition).collect(),
    };
    let groups: Vec<Group> = text.split('|').map(group).collect();
    let groups = if text == "none" { Vec::new() } else { groups };
    OfferConstraints {
        role_constraints: [("*".to_owned(), RoleConstraints { groups })].into(),
    }
}

fn condition(text: &str) -> Option<AttributeConstraint> {
    let mut words = text.split_whitespace();
    let selector = match words.next()? {
        "HOSTNAME" => Selector::PseudoattributeType(PseudoattributeType::Hostname.into()),
        "ZONE" => Selector::PseudoattributeType(PseudoattributeType::Zone.into()),
        name => Selector::AttributeName(name.into()),
    };
    let operator = words.next()?;
    let value = words.next().unwrap_or_default().to_owned();
    let predicate = match operator {
        "exists" => Some(Predicate::Exists(Exists {})),
        "absent" => Some(Predicate::NotExists(NotExists {})),
        "=" => Some(Predicate::TextEquals(TextEquals { value })),
        "!=" => Some(Predicate::TextNotEquals(TextNotEquals { value })),
        "~" => Some(Predicate::TextMatches(TextMatches { regex: value })),
        "!~" => Some(Predicate::TextNotMatches(TextNotMatches { regex: value })),
        _ => None,
    };
    Some(AttributeConstraint {
        selector: part::Selector {
            selector: Some(selector),
        },
        predicate: part::Predicate { predicate },
    })
}

fn subscribe(constraints: Option<OfferConstraints>) -> call::Subscribe {
    call::Subscribe {
        framework_info: FrameworkInfo {
            user: "root".into(),
            name: "cron".into(),
            roles: vec!["*".into()],
            failover_timeout: Some(100.0),
            capabilities: vec![Capability {
                r#type: Some(capability::Type::MultiRole.into()),
            }],
            ..FrameworkInfo::default()
        },
        offer_constraints: constraints,
        ..call::Subscribe::default()
    }
}

// How many offers came, or what was wrong.
fn heard(cluster: &mut Cluster) -> Result<usize, String> {
    let mut count = 0;
    for (_, emit) in cluster.take_emitted() {
        let Emit::Event(event) = emit else { continue };
        if let Some(error) = event.error {
            return Err(String::from_utf8_lossy(&error.message).into_owned());
        }
        count += event.offers.map_or(0, |offers| offers.offers.len());
    }
    Ok(count)
}

fn offered(constraints: &str) -> Result<usize, String> {
    let mut cluster = Cluster::new(Settings::default(), "127.0.0.1", 5_050);
    cluster.add_agent(agent());
    cluster.subscribe(&subscribe(Some(read(constraints))), None);
    heard(&mut cluster)
}

#[test]
fn agents_are_told_apart_as_a_master_does() {
    for (constraints, wanted) in [
        ("rack exists", true),
        ("rack absent", false),
        ("none-such exists", false),
        ("none-such absent", true),
        ("rack = r1", true),
        ("rack = r2", false), // the first one counts
        ("rack != r1", false),
        ("rack != r2", true),
        ("rack ~ r[0-9]", true),
        ("rack ~ r", false), // as a whole
        ("rack !~ r[0-9]", false),
        ("none-such = r1", false),
        ("none-such != r1", true),
        ("none-such ~ .*", false),
        ("none-such !~ .*", true),
        ("level = 7", true), // what is no text passes
        ("level != 3", true),
        ("level ~ x", true),
        ("level !~ .*", true),
        ("HOSTNAME = 127.0.0.1", true),
        ("HOSTNAME = elsewhere", false),
        ("ZONE exists", false),
        ("ZONE != z", true),
        ("rack = r1 & none-such exists", false),
        ("rack = r1 & level exists", true),
        ("rack = r9 | level exists", true),
        ("rack = r9 | rack = r8", false),
    ] {
        assert_eq!(
            offered(constraints),
            Ok(usize::from(wanted)),
            "{constraints}"
        );
    }
}

#[test]
fn what_is_wrong_spoils_the_whole_subscription() {
    let long = format!("rack ~ {}", "x".repeat(5_000));
    for (constraints, why) in [
        ("none", "no groups"),
        ("", "an empty group"),
        ("rack = r1 | ", "an empty group"),
        ("rack like r1", "no predicate"),
        ("rack ~ (", "error parsing regex"),
        ("rack ~ [a-z]{99}", "too big"),
        (long.as_str(), "too long"),
    ] {
        let error = offered(constraints).unwrap_err();
        assert!(error.contains(why), "{constraints}: {error}");
    }
    let mut strange = read("rack = r1");
    let role = strange.role_constraints.remove("*").expect("it is there");
    strange.role_constraints.insert("other".into(), role);
    let mut cluster = Cluster::new(Settings::default(), "127.0.0.1", 5_050);
    cluster.subscribe(&subscribe(Some(strange)), None);
    let error = heard(&mut cluster).unwrap_err();
    assert!(error.contains("does not have this role"), "{error}");
}

#[test]
fn an_update_replaces_them_and_counts_from_the_next_allocation() {
    let mut cluster = Cluster::new(Settings::default(), "127.0.0.1", 5_050);
    cluster.add_agent(agent());
    let narrow = Some(read("rack = r9"));
    let stream = cluster.subscribe(&subscribe(narrow.clone()), None);
    assert_eq!(heard(&mut cluster), Ok(0));
    let id = cluster.frameworks()[0].0.clone();
    let mut info = subscribe(None).framework_info;
    info.id = Some(mesos_v1::proto::FrameworkId { value: id });
    let mut update = call::UpdateFramework {
        framework_info: info,
        offer_constraints: Some(read("none")),
        ..call::UpdateFramework::default()
    };
    assert!(cluster.update_framework(&update).is_err());
    cluster.advance(Settings::default().allocation_interval);
    assert_eq!(heard(&mut cluster), Ok(0), "they are as they were");
    // None at all takes them back.
    update.offer_constraints = None;
    cluster.update_framework(&update).expect("it is sound");
    assert_eq!(heard(&mut cluster), Ok(0), "not at once");
    cluster.advance(Settings::default().allocation_interval);
    assert_eq!(heard(&mut cluster), Ok(1));
    cluster.stream_closed(&stream);
}
