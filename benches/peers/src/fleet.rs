//! The one workload: who is where, how far apart, and what a run of it gives back.
//!
//! Five nodes in three regions (two in a, two in b, one in c), node 0 leads, 64 closed-loop clients
//! spread round robin over the regions. It is the workload of pacelc's own engine benchmark.

use pacelc::analysis::Times;
use pacelc::distribution::{Distribution, Sampler};

/// How many regions there are.
pub const REGIONS: usize = 3;
/// How many clients there are.
pub const CLIENTS: usize = 64;
/// One way within a region, in nanoseconds.
pub const LOCAL: u64 = 250_000;
/// One way between regions, in nanoseconds.
pub const BETWEEN: [[u64; REGIONS]; REGIONS] = [
    [LOCAL, 15_000_000, 40_000_000],
    [15_000_000, LOCAL, 45_000_000],
    [40_000_000, 45_000_000, LOCAL],
];
/// One way of the echo, in nanoseconds.
pub const ECHO: u64 = 300_000;
/// The region of each of five nodes.
pub const FIVE: &[usize] = &[0, 0, 1, 1, 2];
/// The region of each of three nodes.
pub const THREE: &[usize] = &[0, 1, 2];
/// Standard deviation of the logarithm of the jitter's factor.
pub const SIGMA: f64 = 0.1;

/// Nodes and clients by distance.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// One way between nodes, in nanoseconds.
    pub nodes: Vec<Vec<u64>>,
    /// Each client's region, and one way between it and node 0 in nanoseconds.
    pub clients: Vec<(usize, u64)>,
    /// Each message's delay is multiplied by a draw of this.
    pub jitter: Sampler,
}

impl Fleet {
    /// Nodes in these regions, 64 clients, lognormal jitter or none.
    pub fn spread(places: &[usize], jitter: bool) -> Self {
        let row = |a: &usize| places.iter().map(|b| BETWEEN[*a][*b]).collect();
        let client = |i: usize| (i % REGIONS, BETWEEN[i % REGIONS][places[0]]);
        let factor = match jitter {
            true => Distribution::Lognormal { median: 1.0, sigma: SIGMA },
            false => Distribution::Constant(1.0),
        };
        Self {
            nodes: places.iter().map(row).collect(),
            clients: (0..CLIENTS).map(client).collect(),
            jitter: Sampler::new(&factor),
        }
    }

    /// One client, [`ECHO`] away from nodes that are no distance from each other.
    pub fn echo(nodes: usize) -> Self {
        Self {
            nodes: vec![vec![0; nodes]; nodes],
            clients: vec![(0, ECHO)],
            jitter: Sampler::new(&Distribution::Constant(1.0)),
        }
    }
}

/// What a run gives back.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Operations completed.
    pub operations: u64,
    /// Messages sent, the clients' included.
    pub messages: u64,
    /// The latencies a client measures in the engine's own time, by the client's region.
    pub latency: [Times; REGIONS],
}

impl Outcome {
    /// The median latency of clients in a region, in milliseconds.
    pub fn median_ms(&self, region: usize) -> f64 {
        self.latency[region].quantile(500).as_ms()
    }
}
