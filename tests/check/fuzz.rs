//! The fuzz targets of `fuzz/` without a fuzzer: every seed and some thousand random mutations.
//!
//! A fuzzer finds more, but needs a nightly compiler. So that the targets keep compiling and what
//! they demand keeps holding, their bodies are run here as well, with the same numbers every time.

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a crate of its own as well")]
mod bodies;

use bodies::{TARGETS, run};
use std::fs;
use std::path::{Path, PathBuf};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n.max(1) as u64) as usize
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The names in a folder of `fuzz/`, sorted.
fn names(name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let inside = format!("seeds/{target}");
    let read = |name: &String| fs::read(folder(&inside).join(name)).expect("a seed");
    names(&inside).iter().map(read).collect()
}

/// A few changes: bytes replaced, taken out, put in or doubled, and parts of another seed.
fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(bytes.len());
        let end = (at + dice.below(16)).min(bytes.len());
        match dice.below(5) {
            0 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len());
                let to = (from + dice.below(24)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn every_target_has_a_file_a_package_entry_and_seeds_that_it_accepts() {
    let mut known: Vec<&str> = TARGETS.map(|(name, _)| name).to_vec();
    known.sort_unstable();
    assert_eq!(names("seeds"), known);
    let mut files: Vec<String> = known.iter().map(|name| format!("{name}.rs")).collect();
    files.sort_unstable();
    assert_eq!(names("fuzz_targets"), files);
    let package = fs::read_to_string(folder("Cargo.toml")).expect("the package");
    assert_eq!(package.matches("[[bin]]").count(), known.len());
    for (name, _) in TARGETS {
        assert!(package.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let file = folder("fuzz_targets").join(format!("{name}.rs"));
        let text = fs::read_to_string(file).expect("the target");
        assert!(text.contains(&format!("run(\"{name}\", bytes)")), "{name} runs another body");
        for (n, seed) in seeds(name).iter().enumerate() {
            assert!(run(name, seed), "{name}: its seed {n} comes to nothing");
        }
    }
}

#[test]
fn random_mutations_of_the_seeds_break_nothing() {
    for (n, (name, _)) in TARGETS.into_iter().enumerate() {
        let (seeds, mut dice) = (seeds(name), Dice(n as u64));
        // A scenario is resolved in a millisecond or two.
        let rounds = if name == "scenario" { 300 } else { 2_000 };
        let accepted = (0..rounds).filter(|_| run(name, &mutated(&seeds, &mut dice))).count();
        // Neither all of them nor none: otherwise half of each body would never be run.
        assert!((1..rounds).contains(&accepted), "{name}: {accepted} of {rounds} were accepted");
    }
}
