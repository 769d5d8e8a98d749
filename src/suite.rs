//! Runs a set of cells under a set of seeds on all cores and gathers the results.
//!
//! The unit of work is one run: a cell under a seed. Threads take the next unit from a shared counter;
//! nothing they do depends on which thread did it or when, so the results are the same bytes for any
//! number of threads. This is also the library's face for benchmarking a protocol of one's own:
//!
//! ```no_run
//! use pacelc::catalog::Catalog;
//! use pacelc::scenario::{Overrides, Source, load};
//! use pacelc::suite::{Options, Suite};
//!
//! let catalog = Catalog::builtin(); // .with::<MyProtocol>()
//! let source = Source::open("mine.toml")?;
//! let scenario = load(&source, &catalog, &Overrides::default())?;
//! let suite = Suite::new(catalog, vec![scenario], Options::default());
//! let results = suite.run(&mut |_| {})?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod canaries;
mod planned;
mod shrink;
mod swarm;

pub use canaries::{Sighting, canaries, canary_runs};
pub use shrink::{Shrunk, shrink};
pub use swarm::{Swarm, Swarmed};

use crate::analysis::{Context, Summary, summarize};
use crate::catalog::{Catalog, ProtocolEntry};
use crate::history;
use crate::report::answer_all;
use crate::results::{
    BesideLine, CellAccumulator, CellMeta, CellResult, LinkLine, Results, RunNote, SCHEMA, replace,
};
use crate::scenario::Scenario;
use crate::scenario::plan::{CellName, Load, Plan};
use crate::world::live;
use planned::{faults, link_lines, note_of, offered, predict, regions, theory};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// Where runs take place.
#[derive(Clone, Debug, Default)]
pub enum World {
    /// In virtual time.
    #[default]
    Sim,
    /// In real time, one run after the other.
    Live(live::Options),
    /// On nodes that are running, perhaps elsewhere, one run after the other.
    Nodes(Box<live::Cluster>),
}

impl World {
    /// Its name in results.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Live(_) => "live",
            Self::Nodes(_) => "nodes",
        }
    }
}

/// How a suite is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seeds per cell.
    pub seeds: u32,
    /// The first of them.
    pub first_seed: u64,
    /// How many threads; never decides a result.
    pub threads: usize,
    /// The command to print in the report.
    pub command: String,
    /// What a cell's replay command carries beside its name: ` --regions azure`.
    pub replay_options: String,
    /// By scenario, the file it was read from; none for the built-in ones.
    pub files: BTreeMap<String, String>,
    /// Where runs take place.
    pub world: World,
    /// Whether each run is also made in virtual time, to be shown beside the real one.
    pub beside_sim: bool,
    /// Where the history of every run goes, one over the other; nowhere if unset.
    pub history: Option<PathBuf>,
}

impl Default for Options {
    /// Twenty seeds on all cores.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (command, replay_options) = (String::new(), String::new());
        let files = BTreeMap::new();
        Self {
            seeds: 20,
            first_seed: 1,
            threads: cores,
            command,
            replay_options,
            files,
            world: World::Sim,
            beside_sim: false,
            history: None,
        }
    }
}

/// Cells, and all that is needed to run them.
#[derive(Debug)]
pub struct Suite {
    catalog: Catalog,
    scenarios: Vec<Scenario>,
    options: Options,
    finished: BTreeMap<String, CellResult>,
    interrupted: AtomicBool,
    /// Bytes of the largest history so far.
    largest: AtomicU64,
}

/// What a suite reports while it runs, in the thread that called it.
#[derive(Debug)]
pub enum Progress<'a> {
    /// One more run is done, of this cell.
    Run(&'a Plan),
    /// All runs of a cell are done.
    Cell(&'a CellResult),
}

/// Why a suite has no results.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A run could not be finished: the scenario outruns what a world can hold, or a protocol broke a
    /// law of its contract.
    #[error("{file}{cell}, seed {seed}: {message}")]
    Run {
        /// The user's scenario file and a colon, or nothing.
        file: String,
        /// The cell's full name.
        cell: String,
        /// The seed.
        seed: u64,
        /// What happened.
        message: String,
    },
    /// [`Suite::interrupt`] was called.
    #[error("interrupted with {finished} of {cells} cells finished")]
    Interrupted {
        /// Cells that were finished and reported.
        finished: usize,
        /// All cells.
        cells: usize,
    },
}

/// What a worker sends home.
enum Message {
    Run(usize),
    Cell(usize, Box<CellResult>),
    Failed(usize, SuiteError),
}

/// A cell under way.
struct Pending {
    accumulators: Mutex<Option<Accumulators>>,
}

/// What its seeds have shown so far.
struct Accumulators {
    here: CellAccumulator,
    /// The same in virtual time, where that is asked for.
    beside: Option<CellAccumulator>,
}

/// What one run has shown.
struct Shown {
    summary: Summary,
    links: Vec<LinkLine>,
    /// The same in virtual time.
    beside: Option<Summary>,
}

impl Suite {
    /// A suite over these scenarios' plans.
    #[must_use]
    pub fn new(catalog: Catalog, scenarios: Vec<Scenario>, options: Options) -> Self {
        let (finished, interrupted) = (BTreeMap::new(), AtomicBool::new(false));
        let largest = AtomicU64::new(0);
        Self { catalog, scenarios, options, finished, interrupted, largest }
    }

    /// Takes cells that an earlier, interrupted run has finished; they are not run again.
    pub fn resume(&mut self, finished: Vec<CellResult>) {
        self.finished = finished.into_iter().map(|cell| (cell.cell.clone(), cell)).collect();
    }

    /// How many runs are still to be done.
    #[must_use]
    pub fn runs(&self) -> u64 {
        let open = self.plans().filter(|plan| !self.finished.contains_key(&plan.name.to_string()));
        open.count() as u64 * u64::from(self.options.seeds)
    }

    /// Everything that decides the results, as a number: an interrupted run may be resumed only by an
    /// equal one.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let Options { seeds, first_seed, command, .. } = &self.options;
        let head = format!("{} {SCHEMA} {seeds} {first_seed} {command}", env!("CARGO_PKG_VERSION"));
        let nodes = match &self.options.world {
            World::Nodes(cluster) => Some(format!("{} {:?}", cluster.name, cluster.addresses)),
            World::Sim | World::Live(_) => None,
        };
        let plans = self.plans().map(|plan| format!("{plan:?}"));
        for byte in std::iter::once(head).chain(nodes).chain(plans).flat_map(String::into_bytes) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{hash:016x}")
    }

    /// What the largest history of a run took in memory, in bytes.
    #[must_use]
    pub fn largest_history(&self) -> u64 {
        self.largest.load(Ordering::Relaxed)
    }

    /// Makes a running suite stop soon; from any thread.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.scenarios.iter().flat_map(|scenario| &scenario.plans)
    }

    /// Runs every cell under every seed.
    ///
    /// # Errors
    /// When a run cannot be finished, or the suite is interrupted; cells reported before stand.
    pub fn run(&self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Results, SuiteError> {
        let plans: Vec<&Plan> = self.plans().collect();
        let mut done: Vec<Option<CellResult>> =
            plans.iter().map(|plan| self.finished.get(&plan.name.to_string()).cloned()).collect();
        let open: Vec<usize> = (0..plans.len()).filter(|i| done[*i].is_none()).collect();
        let pending: Vec<Pending> = open.iter().map(|i| self.pending(plans[*i])).collect();
        let next = AtomicUsize::new(0);
        let (sender, inbox) = mpsc::channel();
        let mut failure: Option<(usize, SuiteError)> = None;
        std::thread::scope(|scope| {
            for _ in 0..self.options.threads.max(1) {
                let (sender, plans, open, pending, next) =
                    (sender.clone(), &plans, &open, &pending, &next);
                scope.spawn(move || self.work(plans, open, pending, next, &sender));
            }
            drop(sender);
            for message in inbox {
                match message {
                    Message::Run(index) => progress(Progress::Run(plans[index])),
                    Message::Cell(index, cell) => {
                        progress(Progress::Cell(&cell));
                        done[index] = Some(*cell);
                    }
                    Message::Failed(unit, error) => {
                        self.interrupt();
                        // Whatever was taken before it ends too, so the first is always the same.
                        if failure.as_ref().is_none_or(|(known, _)| unit < *known) {
                            failure = Some((unit, error));
                        }
                    }
                }
            }
        });
        if let Some((_, error)) = failure {
            return Err(error);
        }
        let cells = plans.len();
        let done: Vec<CellResult> = done.into_iter().flatten().collect();
        if done.len() < cells {
            return Err(SuiteError::Interrupted { finished: done.len(), cells });
        }
        Ok(self.results(done))
    }

    /// One thread's work: runs, until there are none left.
    fn work(
        &self,
        plans: &[&Plan],
        open: &[usize],
        pending: &[Pending],
        next: &AtomicUsize,
        home: &mpsc::Sender<Message>,
    ) {
        let seeds = self.options.seeds as usize;
        while !self.interrupted.load(Ordering::Relaxed) {
            let unit = next.fetch_add(1, Ordering::Relaxed);
            let Some(&index) = open.get(unit / seeds) else { return };
            let message =
                match self.one(plans[index], (unit % seeds) as u32, &pending[unit / seeds]) {
                    Ok(None) => Message::Run(index),
                    Ok(Some(cell)) => {
                        // Nobody listens any more only if the suite has failed.
                        drop(home.send(Message::Run(index)));
                        Message::Cell(index, Box::new(cell))
                    }
                    Err(error) => Message::Failed(unit, error),
                };
            if home.send(message).is_err() {
                return;
            }
        }
    }

    /// One run; the cell's result if it was the cell's last.
    fn one(
        &self,
        plan: &Plan,
        index: u32,
        pending: &Pending,
    ) -> Result<Option<CellResult>, SuiteError> {
        let seed = self.options.first_seed + u64::from(index);
        let file = self.options.files.get(&plan.name.scenario);
        let file = file.map(|file| format!("{file}: ")).unwrap_or_default();
        let failed = |message| SuiteError::Run {
            file: file.clone(),
            cell: plan.name.to_string(),
            seed,
            message,
        };
        let entry = self.catalog.find(&plan.protocol);
        let entry = entry.ok_or_else(|| failed(format!("no protocol `{}`", plan.protocol)))?;
        // A protocol under test may break an assertion; that must end its cell with a message.
        let shown = match catch_unwind(AssertUnwindSafe(|| self.show(plan, entry, seed))) {
            Ok(Ok(shown)) => shown,
            Ok(Err(message)) => return Err(failed(message)),
            Err(panic) => return Err(failed(words_of(&*panic))),
        };
        let mut slot = pending.accumulators.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut both) = slot.take() else { return Ok(None) };
        both.here.add(index, shown.summary);
        both.here.add_links(index, shown.links);
        if let (Some(beside), Some(summary)) = (&mut both.beside, shown.beside) {
            beside.add(index, summary);
        }
        if both.here.seeds() == self.options.seeds as usize {
            let mut cell = both.here.finish();
            if cell.rows.is_empty() {
                let warm_up = plan.warm_up;
                return Err(failed(format!(
                    "nothing was measured: no operation began after the warm-up of {warm_up}; \
                     shorten the warm-up or lengthen the run"
                )));
            }
            if plan.load == Load::Mix {
                // Only probes read at chosen times; of other loads the curve over all regions is kept.
                cell.curves.retain(|point| point.client_region == "all");
            }
            predict(&mut cell.curves, plan, entry);
            if let Some(virtually) = both.beside {
                cell.beside = BesideLine::of(&virtually.finish().rows, &cell.rows);
            }
            return Ok(Some(cell));
        }
        *slot = Some(both);
        Ok(None)
    }

    /// Makes one run happen, and judges it.
    fn show(&self, plan: &Plan, entry: &ProtocolEntry, seed: u64) -> Result<Shown, String> {
        let run = match &self.options.world {
            World::Sim => entry.simulate(plan, seed, None)?,
            World::Live(options) => entry.live(plan, seed, options)?,
            World::Nodes(cluster) => entry.drive(plan, seed, cluster)?,
        };
        self.largest.fetch_max(run.history.bytes(), Ordering::Relaxed);
        if let Some(path) = &self.options.history {
            let mut bytes = Vec::new();
            history::write(&run.history, &mut bytes).map_err(|error| error.to_string())?;
            replace(path, &bytes).map_err(|error| error.to_string())?;
        }
        let offer = entry.offer(&plan.config, plan.name.level);
        let promise = offer.ok_or("the level is not offered")?.promise;
        let context = Context { promise, timeout: plan.timeout, regions: regions(plan) };
        let beside = match self.options.beside_sim {
            true => Some(summarize(&entry.simulate(plan, seed, None)?.history, &context)),
            false => None,
        };
        let links = link_lines(plan, seed, &run.links);
        Ok(Shown { summary: summarize(&run.history, &context), links, beside })
    }

    fn pending(&self, plan: &Plan) -> Pending {
        let meta = self.meta(plan);
        let virtually = CellMeta { world: World::Sim.name().to_owned(), ..meta.clone() };
        let beside = self.options.beside_sim.then(|| CellAccumulator::new(virtually));
        let here = CellAccumulator::new(meta);
        Pending { accumulators: Mutex::new(Some(Accumulators { here, beside })) }
    }

    fn meta(&self, plan: &Plan) -> CellMeta {
        let entry = self.catalog.find(&plan.protocol);
        let offer = entry.and_then(|entry| entry.offer(&plan.config, plan.name.level));
        let config: Vec<String> =
            plan.config.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        CellMeta {
            name: plan.name.clone(),
            axis: plan.axis.clone(),
            regions: regions(plan),
            protocol: plan.protocol.clone(),
            config: config.join(", "),
            read_path: offer.map_or("", |offer| offer.read_path).to_owned(),
            write_path: offer.map_or("", |offer| offer.write_path).to_owned(),
            promise: offer.map_or(crate::guarantee::Guarantee::Eventual, |offer| offer.promise),
            world: self.options.world.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            first_seed: self.options.first_seed,
            replay: self.replay(&plan.name),
            // Nobody knows how far apart nodes elsewhere are.
            theory: match &self.options.world {
                World::Nodes(cluster) if !cluster.inject_delays => Vec::new(),
                _ => theory(plan, entry),
            },
            offered: offered(plan),
            faults: faults(plan),
        }
    }

    /// The command that explains a cell, or runs it again where no run is like another.
    fn replay(&self, cell: &CellName) -> String {
        if let World::Nodes(cluster) = &self.options.world {
            return format!("pacelc drive --config {}", quoted(&cluster.file));
        }
        if let World::Live(_) = self.options.world {
            let name = self.options.files.get(&cell.scenario).unwrap_or(&cell.scenario);
            let only = |what: &str| quoted(&format!("^{}$", regex::escape(what)));
            let (mode, level) = (only(&cell.mode), only(&cell.level.to_string()));
            let options = &self.options.replay_options;
            return format!("pacelc run {} -p {mode} -l {level}{options}", quoted(name));
        }
        let mut command = format!("pacelc explain {}", quoted(&cell.to_string()));
        if let Some(file) = self.options.files.get(&cell.scenario) {
            command.push_str(&format!(" --file {}", quoted(file)));
        }
        command + &self.options.replay_options
    }

    fn results(&self, cells: Vec<CellResult>) -> Results {
        let note = RunNote {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: self.options.command.clone(),
            world: self.options.world.name().to_owned(),
            first_seed: self.options.first_seed,
            seeds: self.options.seeds,
            cells: cells.len() as u32,
            operations: cells.iter().map(|cell| cell.operations).sum(),
            virtual_seconds: cells.iter().map(|cell| cell.virtual_seconds).sum(),
            scenarios: self.scenarios.iter().map(note_of).collect(),
            links: cells.iter().flat_map(|cell| cell.links.clone()).collect(),
            beside: cells.iter().flat_map(|cell| cell.beside.clone()).collect(),
        };
        let mut note = note;
        if matches!(&self.options.world, World::Nodes(cluster) if !cluster.inject_delays) {
            // Nobody knows how fast news is between real places.
            note.scenarios.iter_mut().for_each(|scenario| scenario.news.clear());
        }
        let (rows, curves, faults, timelines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut results = Results { note, rows, curves, faults, timelines };
        for cell in cells {
            let scenario = cell.rows.first().map(|row| row.scenario.clone());
            let note =
                results.note.scenarios.iter_mut().find(|n| Some(&n.name) == scenario.as_ref());
            note.into_iter().for_each(|note| note.evidence.extend(cell.evidence.clone()));
            results.rows.extend(cell.rows);
            results.curves.extend(cell.curves);
            results.faults.extend(cell.faults);
            results.timelines.extend(cell.timelines);
        }
        answer_all(&mut results);
        results
    }
}

/// A word for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("the run panicked").to_owned()
}
