//! What agents say of themselves.

use mesos_v1::proto;
use resources::{Attribute, AttributeValue, Attributes, Number, Ranges};

/// Returns what an agent says of itself, and where it is.
pub(crate) fn attributes(offer: &proto::Offer) -> Attributes {
    // Where an agent is, its domain says, also to masters.
    let own = |it: &&proto::Attribute| !matches!(&*it.name, "@region" | "@zone");
    let all = offer.attributes.iter().filter(own).filter_map(attribute);
    let attributes = Attributes::new(&offer.hostname, all);
    let domain = offer.domain.as_ref();
    match domain.and_then(|domain| domain.fault_domain.as_ref()) {
        Some(fault) => attributes.with_domain(&fault.region.name, &fault.zone.name),
        None => attributes,
    }
}

fn attribute(attribute: &proto::Attribute) -> Option<Attribute> {
    let value = if let Some(text) = &attribute.text {
        AttributeValue::Text(String::from_utf8_lossy(&text.value).into_owned())
    } else if let Some(scalar) = &attribute.scalar {
        AttributeValue::Scalar(Number::new(scalar.value))
    } else if let Some(ranges) = &attribute.ranges {
        let ranges = ranges.range.iter().map(|range| (range.begin, range.end));
        AttributeValue::Ranges(Ranges::new(ranges))
    } else {
        let items = attribute.set.as_ref()?.item.iter();
        AttributeValue::Set(items.cloned().collect())
    };
    Some(Attribute::new(attribute.name.clone(), value))
}

#[cfg(test)]
mod tests {
    use mesos_v1::proto::{
        domain_info::{
            FaultDomain,
            fault_domain::{RegionInfo, ZoneInfo},
        },
        value,
    };

    use super::*;

    #[test]
    fn attributes_are_what_an_agent_says_and_its_domain() {
        let number = |name: &str, value| proto::Attribute {
            name: name.to_owned(),
            r#type: value::Type::Scalar.into(),
            scalar: Some(value::Scalar { value }),
            ..proto::Attribute::default()
        };
        let mut claimed = number("@region", 0.0);
        claimed.scalar = None;
        claimed.text = Some(value::Text {
            value: "there".into(),
        });
        let named = |name: &str| name.to_owned();
        let domain = proto::DomainInfo {
            fault_domain: Some(FaultDomain {
                region: RegionInfo { name: named("r") },
                zone: ZoneInfo { name: named("z") },
            }),
        };
        let mut offer = proto::Offer {
            hostname: named("node-1"),
            attributes: vec![number("cold", -2.5), claimed, number("exact", 5.123_45)],
            domain: Some(domain),
            ..proto::Offer::default()
        };
        let show = |offer: &proto::Offer| {
            let all = attributes(offer);
            let all = all.as_slice().iter();
            let all: Vec<_> = all.map(|it| format!("{}:{}", it.name, it.value)).collect();
            all.join(" ")
        };
        let own = "cold:-2.5 exact:5.12345 hostname:node-1";
        assert_eq!(show(&offer), format!("{own} @region:r @zone:z"));
        offer.domain = None;
        assert_eq!(show(&offer), own);
    }
}
