//! `pacelc` measures what consistency costs in latency.
//!
//! It starts replicated clusters with a configurable round-trip time on every link, drives read and
//! write workloads under each replication mode and consistency level, breaks the network on purpose,
//! checks every history, and draws the result as PACELC charts: latency against stale reads, region by
//! region, mode by mode.
//!
//! # The pipeline
//!
//! Data flows one way, and the modules stand in that order; a module imports only those before it.
//!
//! | module | what it is |
//! |---|---|
//! | [`time`], [`rng`], [`distribution`], [`op`], [`guarantee`] | the words everything is said in |
//! | [`protocol`] | replication protocols as state machines without clock, socket or thread |
//! | [`scenario`] | what shall happen: TOML and matrices of round-trip times, resolved to plans |
//! | [`history`] | what happened: every operation of one run |
//! | [`foreign`] | anybody's history, and which consistency conditions it meets |
//! | [`world`] | makes a plan happen and records it |
//! | [`analysis`] | what a history means: verdicts, staleness, latency |
//! | [`results`] | what is kept: one flat row per cell, phase, region and operation |
//! | [`report`] | what is shown: the HTML page, tables |
//! | [`catalog`] | the protocols there are |
//! | [`suite`] | runs cells under seeds on all cores |
//! | [`cli`] | the `pacelc` command |
//!
//! # Three words
//!
//! A consistency level is asked for. The **path** is how the protocol then serves a read, the
//! **promise** is what it claims for it, and the **verdict** is what the recorded history shows. They
//! are three columns of every table; no latency is printed without its verdict.
//!
//! # A tour
//!
//! A scenario becomes plans, one per cell; a suite runs them under several seeds, judges what happened
//! and returns rows:
//!
//! ```
//! use pacelc::catalog::Catalog;
//! use pacelc::results::VerdictWord;
//! use pacelc::scenario::{Overrides, find, load};
//! use pacelc::suite::{Options, Suite};
//!
//! let catalog = Catalog::builtin();
//! let scenario = load(&find("smoke-levels")?, &catalog, &Overrides::default())?;
//! let options = Options { seeds: 1, ..Options::default() };
//! let results = Suite::new(catalog, vec![scenario], options).run(&mut |_| {})?;
//!
//! for row in results.rows.iter().filter(|row| row.client_region == "all" && row.op == "read") {
//!     println!("{}: {} ms by way of {}", row.cell, row.p50_ms, row.path);
//!     println!("  promises {}, and that {:?}", row.promise, row.verdict);
//!     assert_eq!(row.verdict, VerdictWord::Holds);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to go on
//!
//! - To write scenarios: [`scenario`] has every key of the file.
//! - To read results: [`results::Row`] has every column.
//! - To add a protocol: implement [`protocol::Protocol`] and hand it to [`catalog::Catalog::with`];
//!   `examples/own_protocol.rs` does so in under 150 lines and measures it beside a built-in one.
//! - To judge a history of ours: read it with [`history::read`] and call [`analysis::judge`].
//! - To judge a history of your own or of another tool: [`foreign::read`] and [`foreign::judge`].

#![forbid(unsafe_code)]

pub mod time;

pub mod rng;

pub mod distribution;

pub mod op;

pub mod guarantee;

pub mod protocol;

pub mod scenario;

pub mod foreign;

pub mod history;

pub mod world;

pub mod analysis;

pub mod results;

pub mod report;

pub mod catalog;

pub mod suite;

pub mod cli;
