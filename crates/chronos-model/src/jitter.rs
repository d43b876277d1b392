//! How late a target with jitter starts: always as late, without any memory.

use crate::{JobName, Timestamp};

/// Returns by how many milliseconds a target starts late: from 0 up to and including `max_millis`.
///
/// It depends on the job's name and the target alone, so that every leader says the same, and jobs
/// that share a target start apart. The function is part of the promise: another one would start
/// waiting targets at other times after an update.
///
/// # Examples
///
/// ```
/// use chronos_model::{Timestamp, jitter_millis};
///
/// let (name, target) = ("report".parse()?, Timestamp::from_millis(1_767_225_600_000));
/// let late = jitter_millis(&name, target, 60_000);
/// assert!(late <= 60_000);
/// assert_eq!(late, jitter_millis(&name, target, 60_000));
/// assert_eq!(jitter_millis(&name, target, 0), 0);
/// # Ok::<(), chronos_model::JobNameError>(())
/// ```
pub fn jitter_millis(job: &JobName, target: Timestamp, max_millis: u64) -> u64 {
    let bytes = job.as_str().bytes().chain(target.millis().to_le_bytes());
    // FNV-1a takes in the bytes; the finalizer of SplitMix64 spreads them over all 64 bits.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let spread = u128::from(hash ^ (hash >> 31));
    // The upper half of the product is uniform over 0..=max.
    let scaled = spread.wrapping_mul(u128::from(max_millis).wrapping_add(1)) >> 64;
    u64::try_from(scaled).unwrap_or(max_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_same_for_ever() {
        let target = Timestamp::from_millis(1_767_225_600_000);
        let late = |name: &str| jitter_millis(&name.parse().unwrap(), target, 60_000);
        // These numbers are what running schedulers have promised.
        assert_eq!(
            [late("a"), late("b"), late("report")],
            [30_433, 52_121, 1999]
        );
    }

    #[test]
    fn spreads_over_the_whole_width() {
        let job: JobName = "spread".parse().unwrap();
        let mut tenths = [0_u32; 10];
        for second in 0..10_000 {
            let late = jitter_millis(&job, Timestamp::from_millis(second * 1000), 9);
            *tenths.get_mut(usize::try_from(late).unwrap()).unwrap() += 1;
        }
        assert!(
            tenths.iter().all(|&hits| (800..1200).contains(&hits)),
            "{tenths:?}"
        );
    }
}
