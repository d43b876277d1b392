//! The zone ids of Java and Joda-Time.

use super::{Place, Zone};

/// Java's ids of old, sorted, as Joda-Time converts them.
const OLD_IDS: [(&str, &str); 32] = [
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CET", "CET"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("EET", "EET"),
    ("EST", "America/New_York"),
    ("GMT", "UTC"),
    ("HST", "Pacific/Honolulu"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MET", "CET"),
    ("MIT", "Pacific/Apia"),
    ("MST", "America/Denver"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// Looks an id up as Java and Joda-Time would.
pub(super) fn zone(id: &str) -> Option<Zone> {
    if let Ok(found) = OLD_IDS.binary_search_by_key(&id, |(old, _)| old) {
        return OLD_IDS.get(found)?.1.parse().ok();
    }
    match id {
        "Z" => Some(Zone::UTC),
        _ => id.parse().ok().or_else(|| custom(id)),
    }
}

/// `GMT+h`, `GMT+hh`, `GMT+hmm`, `GMT+hhmm`, `GMT+h:mm`, `GMT+hh:mm`, and the same with a minus.
fn custom(id: &str) -> Option<Zone> {
    let rest = id.strip_prefix("GMT")?;
    let (sign, digits) = match rest.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, rest.strip_prefix('-')?),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if digits.len() > 2 => digits.split_at_checked(digits.len().checked_sub(2)?)?,
        None => (digits, "0"),
    };
    let number = |text: &str| {
        let plain = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (
        number(hours).filter(|hours| *hours < 24)?,
        number(minutes).filter(|minutes| *minutes < 60)?,
    );
    let seconds = hours
        .checked_mul(3_600)?
        .checked_add(minutes.checked_mul(60)?)?;
    Some(Zone(Place::Fixed(seconds.checked_mul(sign)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_old_id_is_found() {
        for (id, name) in OLD_IDS {
            assert_eq!(zone(id), name.parse().ok(), "{id}");
        }
    }

    #[test]
    fn custom_ids_are_read() {
        let offset = |id| match zone(id)?.0 {
            Place::Fixed(offset) => Some(offset),
            Place::Named(_) => None,
        };
        assert_eq!(offset("GMT+3"), Some(10_800));
        assert_eq!(offset("GMT-03:30"), Some(-12_600));
        assert_eq!(offset("GMT+0530"), Some(19_800));
        assert_eq!(offset("GMT+530"), Some(19_800));
        for wrong in [
            "GMT+",
            "GMT+24",
            "GMT+3:60",
            "GMT+3:5",
            "GMT+12345",
            "GMT++3",
            "gmt+3",
            "GMT 3",
            "UTC+3",
            "GMT+:30",
        ] {
            assert_eq!(zone(wrong), None, "{wrong}");
        }
    }
}
