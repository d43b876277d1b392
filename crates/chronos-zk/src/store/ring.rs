//! The ended runs of a job: one node with the newest few, and a cache of such nodes.
//!
//! Writing a run means writing the whole node, so what is in it must be known. The first run of a job
//! that ends under a leader costs one read for that; afterwards its ring is here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chronos_model::{JobName, Run, RunKey, Timestamp};
use chronos_store::json;
use serde_json::Value;

/// The most bytes of one ring; beyond it the oldest runs go, but never the newest.
///
/// Ten runs of the usual 200 bytes take 2 KiB. This bound is for reasons and arguments of many
/// kilobytes: what each end of a run has to write must stay well under a packet.
const RING_BYTES_MAX: usize = 128 * 1024;

/// The most bytes of cached rings; when there are more, all are forgotten and read again when needed.
///
/// At 2 KiB a ring that is 65,536 jobs.
const CACHE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// A place in a ring: due time and attempt.
type Place = (Timestamp, u32);

/// The newest ended runs of one job, each as its JSON.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ring {
    runs: BTreeMap<Place, Arc<str>>,
    bytes: usize,
}

impl Ring {
    /// Reads the value of a node. What has no place goes first when there is no room.
    pub(super) fn decode(data: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(data).map_err(|error| error.to_string())?;
        let runs = json.get("runs").and_then(Value::as_array);
        let mut ring = Self::default();
        for (at, run) in (0_u32..).zip(runs.ok_or("runs is no list")?) {
            let due = run.get("due").and_then(Value::as_i64);
            let attempt = run.get("attempt").and_then(Value::as_u64);
            let attempt = attempt.and_then(|attempt| u32::try_from(attempt).ok());
            let place = match (due, attempt) {
                (Some(due), Some(attempt)) => (Timestamp::from_millis(due), attempt),
                _ => (Timestamp::from_millis(i64::MIN), at),
            };
            ring.insert(place, run.to_string().into());
        }
        Ok(ring)
    }

    /// Returns the value of the node, newest first.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.bytes + self.runs.len() + 20);
        data.extend_from_slice(br#"{"v":1,"runs":["#);
        for (number, run) in self.runs.values().rev().enumerate() {
            if number > 0 {
                data.push(b',');
            }
            data.extend_from_slice(run.as_bytes());
        }
        data.extend_from_slice(b"]}");
        data
    }

    /// Returns how many bytes its runs take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the runs of a job, newest first, with those that cannot be read.
    pub(super) fn runs(&self, job: &JobName) -> impl Iterator<Item = (Place, Result<Run, String>)> {
        let decode =
            move |(place, text): (&Place, &Arc<str>)| (*place, json::decode_run(job, text));
        self.runs.iter().rev().map(decode)
    }

    /// Puts a run in and the oldest out, so that at most `keep` are left.
    pub(super) fn put(&mut self, key: &RunKey, json: Arc<str>, keep: usize) {
        self.insert((key.due, key.attempt), json);
        while self.runs.len() > keep || (self.bytes > RING_BYTES_MAX && self.runs.len() > 1) {
            self.remove_oldest();
        }
    }

    /// Takes out all but the given runs; returns what is left.
    pub(super) fn only(&self, places: &[Place]) -> Self {
        let mut ring = Self::default();
        for (place, run) in &self.runs {
            if places.contains(place) {
                ring.insert(*place, run.clone());
            }
        }
        ring
    }

    fn insert(&mut self, place: Place, json: Arc<str>) {
        self.bytes += json.len();
        if let Some(before) = self.runs.insert(place, json) {
            self.bytes -= before.len();
        }
    }

    fn remove_oldest(&mut self) {
        if let Some((_, run)) = self.runs.pop_first() {
            self.bytes -= run.len();
        }
    }
}

/// The rings that are known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Rings {
    known: HashMap<JobName, Ring>,
    bytes: usize,
}

impl Rings {
    pub(super) fn get(&self, job: &JobName) -> Option<&Ring> {
        self.known.get(job)
    }

    pub(super) fn is_known(&self, job: &JobName) -> bool {
        self.known.contains_key(job)
    }

    /// Makes a ring known, or with `None` unknown; returns what was known.
    pub(super) fn replace(&mut self, job: &JobName, ring: Option<Ring>) -> Option<Ring> {
        let added = ring.as_ref().map_or(0, |ring| ring.bytes);
        let before = match ring {
            Some(ring) => self.known.insert(job.clone(), ring),
            None => self.known.remove(job),
        };
        self.bytes += added;
        self.bytes -= before.as_ref().map_or(0, |ring| ring.bytes);
        before
    }

    /// Forgets all when they take too much room.
    pub(super) fn bound(&mut self) {
        if self.bytes > CACHE_BYTES_MAX {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(due: i64, attempt: u32) -> RunKey {
        RunKey {
            job: "a".parse().unwrap(),
            due: Timestamp::from_millis(due),
            attempt,
        }
    }

    fn json(due: i64, attempt: u32, reason: &str) -> Arc<str> {
        format!(r#"{{"due":{due},"attempt":{attempt},"reason":"{reason}"}}"#).into()
    }

    #[test]
    fn keeps_the_newest() {
        let mut ring = Ring::default();
        for (due, attempt) in [(2, 0), (-1, 0), (2, 1), (1, 0), (2, 0)] {
            ring.put(&key(due, attempt), json(due, attempt, ""), 3);
        }
        let text = concat!(
            r#"{"v":1,"runs":[{"due":2,"attempt":1,"reason":""},"#,
            r#"{"due":2,"attempt":0,"reason":""},{"due":1,"attempt":0,"reason":""}]}"#
        );
        assert_eq!(String::from_utf8(ring.encode()).unwrap(), text);
        assert_eq!(Ring::decode(text.as_bytes()), Ok(ring.clone()));
        let newest = ring.only(&[(Timestamp::from_millis(2), 1)]);
        assert_eq!(newest.runs.len(), 1);
    }

    #[test]
    fn gives_way_to_large_runs_but_keeps_the_newest() {
        let mut ring = Ring::default();
        for due in 0..5 {
            ring.put(
                &key(due, 0),
                json(due, 0, &"x".repeat(RING_BYTES_MAX / 3)),
                10,
            );
        }
        assert_eq!(ring.runs.len(), 2);
        ring.put(&key(9, 0), json(9, 0, &"x".repeat(RING_BYTES_MAX * 2)), 10);
        assert_eq!(ring.runs.len(), 1);
        assert!(ring.encode().len() > RING_BYTES_MAX * 2);
    }

    #[test]
    fn keeps_what_it_cannot_read_while_there_is_room() {
        let text = r#"{"v":1,"runs":[{"due":5,"attempt":0},{"what":"ever"},7]}"#;
        let mut ring = Ring::decode(text.as_bytes()).unwrap();
        assert_eq!(ring.runs(&"a".parse().unwrap()).count(), 3);
        ring.put(&key(6, 0), json(6, 0, ""), 2);
        let left = String::from_utf8(ring.encode()).unwrap();
        assert!(
            !left.contains("what") && left.contains(r#""due":5"#),
            "{left}"
        );
        assert!(Ring::decode(b"{}").is_err() && Ring::decode(b"[").is_err());
    }

    #[test]
    fn counts_what_is_known() {
        let mut rings = Rings::default();
        let job: JobName = "a".parse().unwrap();
        let mut ring = Ring::default();
        ring.put(&key(1, 0), json(1, 0, "x"), 3);
        let bytes = ring.bytes;
        assert_eq!(rings.replace(&job, Some(ring.clone())), None);
        assert_eq!((rings.bytes, rings.is_known(&job)), (bytes, true));
        assert_eq!(rings.replace(&job, Some(Ring::default())), Some(ring));
        assert_eq!(rings.replace(&job, None), Some(Ring::default()));
        assert_eq!((rings.bytes, rings.get(&job)), (0, None));
    }
}
