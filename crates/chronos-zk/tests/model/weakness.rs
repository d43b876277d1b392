//! What can be left out of the protocol, to see that it is needed.

/// One thing that is left out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Weakness {
    /// Writes do not check that the node of the election is there.
    NoGuard,
    /// Writes do not check the record of the term.
    NoTermCheck,
    /// Whoever leads takes the term that it finds, and does not begin one.
    NoTermAdvance,
    /// Writes do not check the version of the record that they replace.
    NoVersions,
    /// The master takes calls of any stream, also of one that is over.
    NoStreamFence,
    /// Nobody asks for the servers' word before subscribing.
    SubscribesUnchecked,
    /// A run is launched before its intent is written, as in Chronos.
    LaunchesFirst,
    /// A new leader launches what is starting again, and asks nobody.
    NeverAsks,
    /// A new leader takes what is starting for done.
    TakesStartedForDone,
    /// A write with an unknown outcome counts as one that was not made.
    TakesUnknownForNo,
    /// A write with an unknown outcome counts as one that was made.
    TakesUnknownForYes,
    /// A leader acts while its connection is in doubt, whatever the age of its proof.
    ActsInDoubt,
    /// The end of a session is not told to the candidate, and its next one counts as the same.
    IgnoresSessionEnd,
    /// Every candidate watches the first one.
    WatchesFirst,
}

/// The weaknesses of one protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weak(pub(crate) &'static [Weakness]);

impl Weak {
    pub(crate) fn has(self, weakness: Weakness) -> bool {
        self.0.contains(&weakness)
    }
}
