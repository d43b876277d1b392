//! What goes wrong on purpose.
//!
//! A fault waits for a call of its kind and happens once; the n-th one, when others are to pass before.

use mesos_v1::proto::scheduler::call::Type;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It is answered so, and not carried out.
    Answer {
        /// The status.
        status: u16,
        /// A `Location`, for redirects.
        location: Option<String>,
        /// The body.
        body: String,
    },
    /// It is carried out, and the connection closed instead of an answer.
    CloseAfter,
    /// It is carried out and answered, and the connection closed behind the answer, as it says.
    LastAnswer,
    /// The connection is closed; nothing is carried out.
    CloseBefore,
    /// It is answered 202, and nothing is carried out.
    Swallow,
    /// It is carried out, and never answered.
    Hang,
    /// It is carried out only when [`crate::Fake::release`] says so, and then answered.
    Hold,
    /// The answer to `SUBSCRIBE` has no stream id.
    NoStreamId,
}

impl Fault {
    /// It is answered so, and not carried out.
    pub fn answer(status: u16, body: &str) -> Self {
        Self::Answer {
            status,
            location: None,
            body: body.to_owned(),
        }
    }
}

/// Faults that wait for their call.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<(Type, u32, Fault)>,
}

impl Faults {
    /// After `pass` more calls of this type, the next one meets the fault.
    pub(crate) fn add(&mut self, kind: Type, pass: u32, fault: Fault) {
        self.waiting.push((kind, pass, fault));
    }

    /// The fault for a call that came now.
    pub(crate) fn take(&mut self, kind: Type) -> Option<Fault> {
        let mut found = None;
        for (at, (waits_for, pass, _fault)) in self.waiting.iter_mut().enumerate() {
            if *waits_for != kind {
                continue;
            }
            if *pass == 0 && found.is_none() {
                found = Some(at);
            }
            *pass = pass.saturating_sub(1);
        }
        found.map(|at| self.waiting.remove(at).2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_its_call_once() {
        let mut faults = Faults::default();
        faults.add(Type::Accept, 1, Fault::Hang);
        faults.add(Type::Kill, 0, Fault::Swallow);
        assert_eq!(faults.take(Type::Accept), None);
        assert_eq!(faults.take(Type::Accept), Some(Fault::Hang));
        assert_eq!(faults.take(Type::Accept), None);
        assert_eq!(faults.take(Type::Kill), Some(Fault::Swallow));
    }
}
