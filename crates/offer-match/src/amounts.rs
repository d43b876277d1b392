//! The amounts that every decision compares, as plain integers.

use resources::{Resource, Scalar};

/// Cpus, mem, disk, gpus (in thousandths) and the number of ports.
pub(crate) type Amounts = [i64; 5];

/// The position of each amount.
pub(crate) const CPUS: usize = 0;
pub(crate) const MEM: usize = 1;
pub(crate) const DISK: usize = 2;
pub(crate) const GPUS: usize = 3;
pub(crate) const PORTS: usize = 4;

/// The names of the amounts, as Mesos has them.
pub(crate) const NAMES: [&str; 5] = [
    Resource::Cpus.name(),
    Resource::Mem.name(),
    Resource::Disk.name(),
    "gpus",
    "ports",
];

/// A coarser copy for searching: never below what is there, never above what is wanted.
///
/// Four bytes each, so that a block of rows is compared in few instructions. Behind the amounts follow
/// the smaller of cpus and memory with several ratios between them, and the same with disk: a block may
/// have an agent with enough cpus and another with enough memory, and none with both; these see most
/// such blocks.
pub(crate) type Filter = [i32; 16];

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without jumps it is vector code"
)]
pub(crate) fn fits(need: &Amounts, have: &Amounts) -> bool {
    need.iter()
        .zip(have)
        .fold(true, |fits, (need, have)| fits & (need <= have))
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without jumps it is vector code"
)]
pub(crate) fn fits_filter(need: &Filter, have: &Filter) -> bool {
    need.iter()
        .zip(have)
        .fold(true, |fits, (need, have)| fits & (need <= have))
}

pub(crate) fn subtract(have: &mut Amounts, need: &Amounts) {
    for (have, need) in have.iter_mut().zip(need) {
        *have = have.saturating_sub(*need);
    }
}

/// Returns what there is, rounded up.
pub(crate) fn have_filter(have: &Amounts) -> Filter {
    let [cpus, mem, disk, gpus, ports] = *have;
    filter([cpus, mega_up(mem), mega_up(disk), gpus, ports])
}

/// Returns what is wanted, rounded down.
pub(crate) fn need_filter(need: &Amounts) -> Filter {
    let [cpus, mem, disk, gpus, ports] = *need;
    filter([cpus, mem / 1000, disk / 1000, gpus, ports])
}

fn filter(amounts: Amounts) -> Filter {
    let [cpus, mem, disk, gpus, ports] =
        amounts.map(|amount| i32::try_from(amount).unwrap_or(i32::MAX));
    let mut filter = [0; 16];
    filter[..5].copy_from_slice(&[cpus, mem, disk, gpus, ports]);
    for (place, (of_disk, ratio)) in filter[5..].iter_mut().zip(JOINTS) {
        *place = joint(cpus, if of_disk { disk } else { mem }, ratio);
    }
    filter
}

/// What is compared with cpus, memory or disk, and by which powers of two its MB are divided for a
/// thousandth of a cpu, less one.
pub(crate) const JOINTS: [(bool, u32); 11] = [
    (false, 0),
    (false, 1),
    (false, 2),
    (false, 3),
    (false, 4),
    (false, 5),
    (false, 7),
    (true, 2),
    (true, 5),
    (true, 7),
    (true, 9),
];

/// Returns the smaller of two, with a ratio between them.
pub(crate) fn joint(cpus: i32, other: i32, ratio: u32) -> i32 {
    cpus.min(other.saturating_mul(2) >> ratio)
}

const fn mega_up(thousandths: i64) -> i64 {
    thousandths.saturating_add(999) / 1000
}

/// Returns one number for how much it is: the larger of cpus and memory, 4 GB counting as a cpu.
///
/// The ratio is that of common machines. It only orders rows and demands, so being off costs quality
/// on odd machines and nothing else.
pub(crate) fn dominant(amounts: &Amounts) -> u32 {
    let cpus = amounts[CPUS].saturating_mul(4);
    let mem = amounts[MEM] / 1000;
    u32::try_from(cpus.max(mem).max(0)).unwrap_or(u32::MAX)
}

/// Returns an amount as it is shown: ports are counted, the others are thousandths.
pub(crate) const fn shown(column: usize, amount: i64) -> Scalar {
    if column == PORTS {
        Scalar::from_units(amount)
    } else {
        Scalar::from_thousandths(amount)
    }
}
