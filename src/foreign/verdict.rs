//! Verdicts with their evidence, and the budget of those that must be searched for.

/// What shows that a history does not meet a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The pattern found, where the condition is defined by patterns; several are joined by commas.
    pub pattern: Option<String>,
    /// One sentence: what these operations contradict.
    pub message: String,
    /// Operations that contradict the condition by themselves, in the order of their invocations;
    /// indices into [`History::operations`](super::History::operations).
    pub operations: Vec<u32>,
}

/// What shows that a history meets a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness {
    /// One order of the operations that took effect, which explains every answer; indices into
    /// [`History::operations`](super::History::operations).
    Order(Vec<u32>),
    /// Orders of versions in which every session agrees: keys, and the values of each from the oldest
    /// on, as numbers of the history.
    Versions(Vec<(u32, Vec<u32>)>),
    /// None of these bad patterns is in it.
    NoPattern {
        /// Their names.
        patterns: &'static [&'static str],
        /// How many reads, writes and processes were looked at.
        looked_at: [u64; 3],
        /// An order of all operations in which there can be none, if one was found on the way and
        /// asked for.
        order: Vec<u32>,
    },
    /// The least k for which it is k-atomic.
    LeastVersions(u32),
    /// The least number of ticks for which it is delta-atomic.
    LeastTicks(u64),
    /// No read is staler than this one.
    Stalest {
        /// The read, as an index into the operations.
        read: u32,
        /// The first of the writes it missed to complete.
        missed: u32,
        /// How many writes it missed.
        versions: u64,
        /// Ticks since that first one had completed.
        ticks: u64,
    },
    /// What was established, in words.
    Reason(String),
}

/// How a history compares with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It meets it.
    Holds(Witness),
    /// It does not.
    Violated(Counterexample),
    /// It was not decided: the budget ended, or the condition cannot be judged from this history.
    Unknown(String),
}

impl Verdict {
    /// Whether the condition is met.
    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self, Self::Holds(_))
    }

    /// Whether it is not.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        matches!(self, Self::Violated(_))
    }

    /// `Some(true)` if it holds, `Some(false)` if it is violated.
    #[must_use]
    pub fn decided(&self) -> Option<bool> {
        match self {
            Self::Holds(_) => Some(true),
            Self::Violated(_) => Some(false),
            Self::Unknown(_) => None,
        }
    }

    pub(super) fn because(reason: impl Into<String>) -> Self {
        Self::Holds(Witness::Reason(reason.into()))
    }
}

/// Steps for shrinking a counterexample, all in all.
const SHRINK_STEPS: u64 = 5_000_000;

/// What a judgement may cost: one condition on one history, all keys and all searches for its verdict
/// together. Shrinking a counterexample and counting how often a condition is broken come after the
/// verdict, and each may cost as much again at most.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Operations tried in searches.
    pub steps: u64,
    /// Bytes for the states a search remembers.
    pub bytes: u64,
    /// Whether verdicts that hold carry an order where there is one.
    pub witness: bool,
    /// Asked now and then; once it says yes, what is undecided stays so. Verdicts depend on the
    /// clock if this does.
    pub stop: Option<&'a dyn Fn() -> bool>,
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Self { steps: 50_000_000, bytes: 1 << 30, witness: false, stop: None }
    }
}

impl<'a> Limits<'a> {
    pub(super) fn meter(&self) -> Meter<'a> {
        Meter { limits: *self, steps: self.steps, bytes: 0, stopped: false }
    }

    /// The same limits with at most this many steps.
    pub(super) fn at_most(&self, steps: u64) -> Self {
        Self { steps: self.steps.min(steps), ..*self }
    }

    /// What a counterexample says if looking for a smaller one was cut short.
    const NOT_LEAST: &'static str =
        " (the budget ended while operations were left out; fewer may do)";

    /// What shrinking a counterexample may cost: never more than the verdict itself.
    pub(super) fn shrinking(&self) -> Self {
        Self { witness: false, ..self.at_most(SHRINK_STEPS) }
    }

    /// The same for conditions that are judged as a whole each time: some forty looks at all operations.
    pub(super) fn shrinking_of(&self, operations: usize) -> Self {
        let steps = SHRINK_STEPS.max(40 * operations as u64);
        Self { witness: false, ..self.at_most(steps) }
    }

    /// A message about a counterexample, and whether smaller ones may be in it.
    pub(super) fn told(&self, mut message: String, least: bool) -> String {
        if !least {
            message.push_str(Self::NOT_LEAST);
        }
        message
    }

    /// Whether it is asked to stop.
    pub(super) fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop())
    }
}

/// What is left of a budget.
pub(super) struct Meter<'a> {
    pub(super) limits: Limits<'a>,
    steps: u64,
    bytes: u64,
    stopped: bool,
}

impl Meter<'_> {
    /// What one search may take of it.
    pub(super) fn part(&self, steps: u64) -> Self {
        self.limits.at_most(steps.min(self.steps)).meter()
    }

    /// Which of its limits ended it, and how to raise that.
    pub(super) fn exhausted(&self) -> String {
        let Limits { steps, bytes, .. } = self.limits;
        if self.stopped {
            return "the time allowed ended before the search did; --seconds allows more"
                .to_owned();
        }
        if self.bytes > bytes {
            let size = bytes >> 20;
            return format!(
                "the budget of {size} MiB for states ended before the search did; --memory allows more"
            );
        }
        format!("the budget of {steps} steps ended before the search did; --budget allows more")
    }

    pub(super) fn step(&mut self) {
        self.steps = self.steps.saturating_sub(1);
        if self.steps & 0xffff == 0 {
            self.stopped |= self.limits.stop.is_some_and(|stop| stop());
        }
    }

    /// Counts as many steps at once.
    pub(super) fn spend_steps(&mut self, steps: u64) {
        self.steps = self.steps.saturating_sub(steps);
        self.stopped |= self.limits.stop.is_some_and(|stop| stop());
    }

    /// The search holds this many bytes now.
    pub(super) fn hold(&mut self, bytes: u64) {
        self.bytes = bytes;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps == 0 || self.stopped || self.bytes > self.limits.bytes
    }

    /// Whether it was not the number of steps that ended it.
    pub(super) fn is_full(&self) -> bool {
        self.stopped || self.bytes > self.limits.bytes
    }

    /// Takes off what a part of it used of the steps it was given.
    pub(super) fn spend(&mut self, part: &Self, given: u64) {
        let given = given.min(self.steps);
        self.steps -= given - part.steps.min(given);
        self.stopped |= part.stopped;
    }

    pub(super) fn left(&self) -> u64 {
        self.steps
    }
}
