//! What the commands of simulated jobs do: last a while, fail now and then, hang.

use chronos_model::JobSpec;

use crate::dice::Dice;

/// What a command does; it stands in the command itself, as `work 3000 10 1`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Work {
    /// How long it lasts on average, in milliseconds.
    pub millis: u64,
    /// How many of a hundred fail.
    pub fails: u64,
    /// How many of a hundred never end by themselves.
    pub hangs: u64,
}

impl Work {
    /// Reads the command of a job; anything else is over at once.
    pub fn of(spec: &JobSpec) -> Self {
        let mut words = spec.command.split(' ').skip(1);
        let mut next = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        Self {
            millis: next(),
            fails: next(),
            hangs: next(),
        }
    }

    /// Writes it as a command.
    pub fn command(self) -> String {
        format!("work {} {} {}", self.millis, self.fails, self.hangs)
    }

    /// Returns how long a task lasts, `None` for one that hangs, and whether it succeeds.
    pub fn fate(self, dice: &mut Dice) -> (Option<u64>, bool) {
        let millis = dice.between(self.millis / 2, self.millis + self.millis / 2);
        let succeeds = !dice.chance(self.fails);
        let hangs = dice.chance(self.hangs);
        (Some(millis).filter(|_| !hangs), succeeds)
    }
}
