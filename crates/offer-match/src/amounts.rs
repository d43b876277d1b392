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

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without jumps it is vector code"
)]
pub(crate) fn fits(need: &Amounts, have: &Amounts) -> bool {
    need.iter()
        .zip(have)
        .fold(true, |fits, (need, have)| fits & (need <= have))
}

/// Takes off what fits.
pub(crate) fn subtract(have: &mut Amounts, need: &Amounts) {
    for (have, need) in have.iter_mut().zip(need) {
        *have = have.wrapping_sub(*need);
    }
}

/// Gives back what was taken.
pub(crate) fn add(have: &mut Amounts, need: &Amounts) {
    for (have, need) in have.iter_mut().zip(need) {
        *have = have.wrapping_add(*need);
    }
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

/// How many amounts have steps: cpus, memory and disk.
pub(crate) const STEPPED: usize = 3;

/// How many steps there are; more than the last one is the last one.
pub(crate) const STEPS: usize = 96;

/// The step of each amount that has steps.
pub(crate) type Steps = [u8; STEPPED];

/// Returns the steps at or below amounts.
pub(crate) fn steps(amounts: &Amounts) -> Steps {
    // Memory and disk in about MB, which is what tasks differ in.
    let [cpus, mem, disk] = [CPUS, MEM, DISK].map(|column| amounts[column].max(0).cast_unsigned());
    [step(cpus), step(mem >> 10), step(disk >> 10)]
}

/// Returns how much is missing, as one number like [`dominant`]; of disk, GPUs and ports nothing counts.
pub(crate) fn lack(need: &Amounts, have: &Amounts) -> u32 {
    let mut missing = *need;
    subtract(&mut missing, have);
    dominant(&missing)
}

// Quarters of octaves, from four on.
fn step(amount: u64) -> u8 {
    const FIRST: u64 = 4;
    let shifted = amount.saturating_add(FIRST);
    let octave = 61_u32.wrapping_sub(shifted.leading_zeros());
    let quarter = u64::from(octave) << 2 | shifted.wrapping_shr(octave) & 3;
    let [step, ..] = quarter.min((STEPS as u64).wrapping_sub(1)).to_le_bytes();
    step
}

/// Returns how much more a task takes of cpus or memory than of the other, by the larger of both, in 64ths.
pub(crate) fn lean(need: &Amounts) -> u8 {
    let size = u64::from(dominant(need));
    let lean = tilt(need)
        .unsigned_abs()
        .saturating_mul(64)
        .checked_div(size);
    u8::try_from(lean.unwrap_or(0)).unwrap_or(u8::MAX)
}

// How much more cpus than memory there are, in the unit of both.
fn tilt(amounts: &Amounts) -> i64 {
    amounts[CPUS]
        .wrapping_mul(4)
        .wrapping_sub(amounts[MEM] / 1000)
}

/// Returns how well a task fits that leaves something of what is there: less is better, in 64ths of powers
/// of two.
///
/// What is left counts, and of cpus without memory, or the other way round, half as much again, because
/// little fits there. A task that makes the two less even than they were counts up to twice as much as one that
/// evens them out.
pub(crate) fn misfit(have: &Amounts, need: &Amounts, lean: u8) -> u64 {
    let left = |column: usize| have[column].wrapping_sub(need[column]);
    // Not in the unit of `dominant`, which would be to divide: only what is less than what counts.
    let (cpus, mem) = (left(CPUS).wrapping_mul(4_000), left(MEM));
    let (most, least) = (cpus.max(mem), cpus.min(mem));
    let uneven = most.wrapping_sub(least);
    let remainder = most.wrapping_add(uneven / 2).cast_unsigned();
    let tilt = need[CPUS].wrapping_mul(4_000).wrapping_sub(need[MEM]);
    // Before it was taken there was this much more of the one; it evens them out if that is on its side.
    let middle = cpus.wrapping_sub(mem).wrapping_mul(2).wrapping_add(tilt);
    let evens = (middle > 0) == (tilt > 0);
    log(remainder).saturating_add(if evens { 0 } else { lean.into() })
}

/// Returns the logarithm of a number to the base two in 64ths, straight between powers of two.
pub(crate) fn log(number: u64) -> u64 {
    let number = number.saturating_add(1);
    let zeros = number.leading_zeros();
    let part = number.wrapping_shl(zeros) >> 57 & 63;
    u64::from(63_u32.wrapping_sub(zeros)) << 6 | part
}

/// Returns an amount as it is shown: ports are counted, the others are thousandths.
pub(crate) const fn shown(column: usize, amount: i64) -> Scalar {
    if column == PORTS {
        Scalar::from_units(amount)
    } else {
        Scalar::from_thousandths(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_never_a_lower_step_and_a_step_is_narrow() {
        let mut last = 0;
        for amount in 0..1_000_000 {
            let step = step(amount);
            assert!(step == last || step == last + 1, "{amount}");
            last = step;
        }
        assert_eq!(usize::from(step(u64::MAX)), STEPS - 1);
        assert_eq!(steps(&[-1; 5]), [0; 3]);
        let [low, high] = [40_960, 40_960 * 6 / 5].map(step);
        assert!(high - low <= 1);
    }
}
