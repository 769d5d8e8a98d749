//! Faults and workloads by name, for scenarios that are made from a few words ([`super::ad_hoc`]).
//!
//! Each is a piece of a scenario file, so what a name means can be read, saved and changed.

/// A fault by name.
#[derive(Debug)]
pub struct FaultPreset {
    /// As `--fault` takes it.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Fewer regions do not make sense.
    pub(super) regions: usize,
    /// Whether `name:REGION` chooses the region.
    pub takes_region: bool,
    /// Keys of its table; `{region}` and `{last}` stand for names of regions.
    pub(super) keys: &'static str,
    /// The table.
    pub(super) table: &'static str,
}

/// A workload by name.
#[derive(Debug)]
pub struct WorkloadPreset {
    /// As `--workload` takes it.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Keys of `[workload]` beside records and arrivals.
    pub(super) keys: &'static str,
}

const fn of_region(name: &'static str, about: &'static str, keys: &'static str) -> FaultPreset {
    FaultPreset { name, about, regions: 2, takes_region: true, keys, table: "[[faults]]" }
}

const fn of_leader(name: &'static str, about: &'static str, keys: &'static str) -> FaultPreset {
    FaultPreset { name, about, regions: 1, takes_region: false, keys, table: "[[faults]]" }
}

/// Every named fault.
pub const FAULTS: &[FaultPreset] = &[
    of_leader("none", "Nothing breaks.", ""),
    of_region(
        "isolate-region",
        "A region, its clients included, is cut off from all others.",
        "cut = [{region}]",
    ),
    FaultPreset {
        name: "isolate-leader",
        about: "Whichever replica leads is cut off from everybody, its neighbours included.",
        regions: 2,
        takes_region: false,
        keys: "cut = [\"leader\"]",
        table: "[[faults]]",
    },
    FaultPreset {
        name: "isolate-majority",
        about: "More than half of the replicas are cut off from the others and from all clients.",
        regions: 2,
        takes_region: false,
        keys: "cut = [\"majority\"]",
        table: "[[faults]]",
    },
    of_region(
        "one-way",
        "A region hears nothing from the others, which still hear it.",
        "cut = [{region}]\ndirection = \"in\"",
    ),
    FaultPreset {
        name: "partial",
        about: "A region and the last one cannot reach each other, and all others reach both.",
        regions: 3,
        takes_region: true,
        keys: "cut = [{region}]\nfrom = [{last}]",
        table: "[[faults]]",
    },
    FaultPreset {
        name: "bridge",
        about: "Another name of partial: whoever still reaches both is a bridge.",
        regions: 3,
        takes_region: true,
        keys: "cut = [{region}]\nfrom = [{last}]",
        table: "[[faults]]",
    },
    of_region(
        "flapping",
        "A region is cut off for one second of every two.",
        "cut = [{region}]\nevery = \"2s\"\nlasts = \"1s\"",
    ),
    of_leader(
        "crash-leader",
        "Whichever replica leads stops, loses what is not on disk, and restarts at the end.",
        "crash = \"leader\"",
    ),
    of_leader("pause-leader", "Whichever replica leads stands still.", "pause = \"leader\""),
    of_leader(
        "slow-leader",
        "Messages cost whichever replica leads 50 times the processor time.",
        "slow = \"leader\"\nfactor = 50",
    ),
    of_leader(
        "disk-full",
        "No sync ends on the disk of whichever replica leads.",
        "disk_full = \"leader\"",
    ),
    of_leader(
        "slow-disk",
        "Syncs of whichever replica leads take 100 times as long.",
        "slow_disk = \"leader\"\nfactor = 100",
    ),
    of_region(
        "rtt-spike",
        "Every message from or to a region takes 200 ms longer.",
        "delay = [{region}]\nadd_ms = 200",
    ),
    of_region(
        "loss",
        "Of what is sent from or to a region a fifth is lost and sent again.",
        "loss = [{region}]\nshare = 0.2",
    ),
    of_leader(
        "clock-jump",
        "The clock of whichever replica leads is half a second ahead; promises that trust clocks may break.",
        "clock = \"leader\"\njump_ms = 500",
    ),
    of_leader(
        "leap-second",
        "The clock of whichever replica leads takes a leap second at once, and is a second behind from then on.",
        "clock = \"leader\"\nleap = \"jump\"",
    ),
    of_leader(
        "leap-smear",
        "The clock of whichever replica leads takes a leap second little by little, smeared over the fault.",
        "clock = \"leader\"\nleap = \"smear\"",
    ),
    FaultPreset {
        name: "random",
        about: "Every seed draws one to six faults of all kinds, from 5 s to 30 s; `pacelc swarm` is about them.",
        regions: 1,
        takes_region: false,
        keys: "most = 6\nstart = \"5s\"\nend = \"30s\"\nlongest = \"10s\"",
        table: "[faults_random]",
    },
    of_leader(
        "drift",
        "The clock of whichever replica leads gains 1 ms a second; promises that trust clocks may break.",
        "clock = \"leader\"\ndrift_ppm = 1000",
    ),
];

/// Every named workload.
pub const WORKLOADS: &[WorkloadPreset] = &[
    workload("ycsb-a", "Half reads, half updates.", "ycsb = \"A\""),
    workload("ycsb-b", "95 % reads, 5 % updates.", "ycsb = \"B\""),
    workload("ycsb-c", "Reads only.", "ycsb = \"C\""),
    workload("ycsb-d", "95 % reads of the latest keys, 5 % inserts.", "ycsb = \"D\""),
    workload("ycsb-e", "95 % short scans, 5 % inserts.", "ycsb = \"E\""),
    workload("ycsb-f", "Half reads, half read-modify-writes.", "ycsb = \"F\""),
    workload(
        "counter",
        "Keys are counters: half reads, half additions of 1.",
        "object = \"counter\"\nread = 0.5\nupdate = 0.5",
    ),
    workload(
        "set",
        "Keys are sets: half reads, half inserts and removes.",
        "object = \"set\"\nread = 0.5\nupdate = 0.5",
    ),
    workload(
        "compare-and-set",
        "Half reads, half compare-and-set after a read.",
        "object = \"cas-register\"\nread = 0.5\nrmw = 0.5",
    ),
    workload(
        "stock",
        "Keys have 20 units each, which must not be oversold: half reads, half takes of one.",
        "object = \"stock\"\nunits = 20\nread = 0.5\nupdate = 0.5",
    ),
    workload(
        "lock",
        "Keys are locks, held for 30 ms: half reads, half acquisitions.",
        "object = \"lock\"\nhold_ms = 30\nread = 0.5\nupdate = 0.5",
    ),
];

const fn workload(name: &'static str, about: &'static str, keys: &'static str) -> WorkloadPreset {
    WorkloadPreset { name, about, keys }
}
