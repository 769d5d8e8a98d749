//! The arguments of `check`, and what its help says of histories.

use crate::foreign::Condition;
use crate::time::Duration;
use clap::Args;
use std::path::PathBuf;

/// What a history may hold, what it may be asked, and what that takes.
const CHECK_HELP: &str = "\
Formats: JSON Lines with one operation a line, Jepsen and Knossos EDN, Porcupine's key-value and \
etcd logs, and what `pacelc explain --history` writes.
JSON Lines: {\"process\":1,\"key\":\"x\",\"op\":\"write\",\"value\":7,\"invoke\":0,\"complete\":5,\"ok\":true}; \
`ok` is true, false (no effect) or null (unknown; then `complete` is null). A key is, by its \
operations,
  a register: read (`result`), write (`value`), cas (`expected`, `value`, `result` true or false), \
append (a text or an array as `value`), delete;
  a counter or stock: read, add (a whole number), take (`result` false: fewer were left);
  a set: read (an array), insert, remove (an element);
  a lock: acquire (`result`: a fencing token, true, or false), release; `value` is the owner if it \
is not the process.
A key that is only read is a register, unless other keys of the history are counters and all it was \
read as are whole numbers, or sets and arrays: then it is one of those, and begins as they do.
Files are judged one by one; one that is no history is refused, and the others are judged.
Guarantees: linearizable, sequential, causal-memory, causal-convergence, causal, \
consistent-prefix, session, read-your-writes, monotonic-reads, monotonic-writes, \
writes-follow-reads, monotonic-writes-across-keys, writes-follow-reads-across-keys, k-atomic=K, \
delta-atomic=TICKS, bounded-staleness=TICKS, bounded-versions=VERSIONS.
Memory: a file is read line by line, and its history is held: about 60 bytes an operation with a \
value of its own, and up to 40 more while registers with unique writes are judged, so 10 million \
operations take 1 GB. Searches add up to --memory. A file larger than that must be cut: \
linearizable, k-atomic, delta-atomic and the bounds are judged key by key, so files that \
hold all operations of some keys each may be checked one by one; the other guarantees need the \
whole.
Size: linearizable with unique writes and the session guarantees take near-linear time. sequential \
and consistent-prefix are hard problems: with unique writes, long histories are decided if an \
order of versions can be guessed from causality and time, as where writes of a key hardly overlap, \
or if causal consistency is broken too; all others are searched, which decides some thousands.
Exit status, the first that is so: 2 a file was refused, 1 a guarantee is violated, 3 one is \
unknown, 0 all hold.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub(in crate::cli) struct CheckArgs {
    /// Files that hold histories; `-` or none is standard input
    #[arg(value_name = "FILE")]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// What to compare them with; may be repeated [default: linearizable]
    #[arg(short, long = "guarantee", value_name = "NAME")]
    pub(in crate::cli) guarantees: Vec<Condition>,
    /// The value of every key before the first operation, as JSON. Whole numbers are compared by
    /// value: 1 and 1.0 are one, and what no 64 bits hold is refused
    #[arg(
        long,
        value_name = "JSON",
        default_value = "null",
        allow_negative_numbers = true,
        value_parser = json
    )]
    pub(in crate::cli) initial: serde_json::Value,
    /// The order of each key's versions, oldest first, as a JSON file {"key": [values]}; session
    /// guarantees and bounds of staleness are then judged by it instead of by any order or by real
    /// time alone, and unknown where a value has no place in it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) versions: Option<PathBuf>,
    /// How the files are written [default: by their content]
    #[arg(long, value_name = "FORMAT", value_parser = ["jsonl", "edn", "etcd", "pacelc"])]
    pub(in crate::cli) format: Option<String>,
    /// Steps that judging one guarantee of one file may take, all its keys and searches together
    /// [default: 50000000]; verdicts do not depend on the machine
    #[arg(long, value_name = "STEPS")]
    pub(in crate::cli) budget: Option<u64>,
    /// MiB of states that a search may remember
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub(in crate::cli) memory: u32,
    /// Give up on a verdict after so many seconds; then it depends on the machine
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::cli) seconds: Option<u32>,
    /// Print a JSON object per file and guarantee instead of paragraphs
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Draw the first counterexample as a space-time diagram
    #[arg(long, value_name = "FILE.svg")]
    pub(in crate::cli) diagram: Option<PathBuf>,
    /// How long a tick of the files' clock is, as in 1us; diagrams then show milliseconds. Known of
    /// histories of our own
    #[arg(long, value_name = "DURATION", value_parser = tick)]
    pub(in crate::cli) tick: Option<Duration>,
}

/// A value as JSON; without this, clap would take the text for a string.
fn json(text: &str) -> Result<serde_json::Value, String> {
    let why = |e| format!("{}; a text needs quotes, as in '\"\"'", crate::foreign::no_json(&e));
    serde_json::from_str(text).map_err(why)
}

/// The length of a tick.
fn tick(text: &str) -> Result<Duration, String> {
    match text.parse::<Duration>() {
        Ok(Duration(0)) => Err("a tick is longer than nothing, as in 1us".to_owned()),
        Ok(tick) => Ok(tick),
        Err(why) => Err(why.to_string()),
    }
}
