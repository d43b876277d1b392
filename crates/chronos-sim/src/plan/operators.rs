//! What operators do over the days.

use chronos_core::Cascade;

use super::{DAY, jobs::Maker};
use crate::{
    clock::Moment,
    dice::Dice,
    script::{Act, Order, Script},
};

/// Adds the acts of operators to a script: a few each day, and now and then several at once.
pub(super) fn add(script: &mut Script, maker: &mut Maker, mut dice: Dice) {
    let days = script.length.0 / DAY;
    let count = dice.between(0, days * 4);
    let mut moments: Vec<Moment> = (0..count)
        .map(|_| Moment(dice.between(10_000, script.length.0)))
        .collect();
    moments.sort();
    for at in moments {
        for _ in 0..*dice.pick(&[1, 1, 1, 2, 4]) {
            let at = at.plus(dice.between(0, 2_000));
            if let Some(order) = order(maker, &mut dice, at) {
                script.acts.push((at, Act::Operator(order)));
            }
        }
    }
}

fn order(maker: &mut Maker, dice: &mut Dice, at: Moment) -> Option<Order> {
    let names: Vec<String> = maker.documents.keys().cloned().collect();
    if names.is_empty() {
        return Some(Order::Put(maker.make_at(at)));
    }
    let job = dice.pick(&names).clone();
    Some(match dice.between(0, 99) {
        0..8 => Order::Put(maker.make_at(at)),
        8..14 => Order::Put(maker.make_named(&job, at)),
        14..34 => Order::Put(edit(maker, dice, &job, at)?),
        34..50 => {
            let document = maker.documents.get_mut(&job)?;
            let disabled = document["disabled"].as_bool().unwrap_or(false);
            document["disabled"] = (!disabled).into();
            Order::Put(document.clone())
        }
        50..58 => {
            maker.documents.remove(&job);
            let cascade = *dice.pick(&[Cascade::Refuse, Cascade::Reparent, Cascade::Delete]);
            Order::Delete { job, cascade }
        }
        58..75 => Order::Run {
            job,
            arguments: dice.chance(30).then(|| "--by-hand".to_owned()),
        },
        75..83 => Order::Mark(job),
        83..88 => Order::Kill(job),
        88 => Order::PutCalendar(maker.make_calendar()),
        89 => Order::DeleteCalendar("nights".to_owned()),
        90..92 => Order::Backfill {
            job,
            back: dice.spread(60_000, 20 * DAY),
            length: dice.spread(60_000, 10 * DAY),
            with_children: dice.chance(50),
        },
        92..96 => Order::KillOne(job),
        _ => Order::KillOldest,
    })
}

fn has_schedule(document: &serde_json::Value) -> bool {
    ["schedule", "cron", "schedules"]
        .iter()
        .any(|field| document.get(field).is_some())
}

// One field is another one now.
fn edit(maker: &mut Maker, dice: &mut Dice, job: &str, at: Moment) -> Option<serde_json::Value> {
    let mut document = maker.documents.get(job)?.clone();
    match dice.between(0, 3) {
        0 if has_schedule(&document) => {
            maker.give_schedule(&mut document, at);
        }
        1 => maker.give_work(&mut document, 3_600),
        _ => {
            let fields = document.as_object_mut()?;
            for field in ["overlapLimit", "catchUpLimit", "retryDelayMax"] {
                fields.remove(field);
            }
            for (field, plain) in [
                ("overlap", "queueOne"),
                ("catchUp", "latest"),
                ("retryBackoff", "fixed"),
            ] {
                fields.insert(field.to_owned(), plain.into());
            }
            maker.give_policies(&mut document, 3_600);
        }
    }
    maker.documents.insert(job.to_owned(), document.clone());
    Some(document)
}
