//! `pacelc node` and `pacelc drive`: the live world's replicas and clients as processes, on as many hosts as
//! there are.

use super::args::{ClusterArgs, DriveArgs, NodeArgs};
use super::{exit_status, run, unless_closed};
use crate::catalog::Catalog;
use crate::op::unknown;
use crate::results::VerdictWord;
use crate::scenario::Source;
use crate::scenario::cluster::ClusterFile;
use crate::suite::{Options, Suite, World, quoted};
use crate::world::live::{Cluster, Secret, Serving};
use anyhow::{Context as _, anyhow, bail};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;

/// Where the secret is if no file is named.
const VARIABLE: &str = "PACELC_SECRET";

pub(super) fn node(args: &NodeArgs) -> anyhow::Result<ExitCode> {
    let (file, cluster) = read(&args.cluster)?;
    let ids = || file.nodes.iter().map(|node| node.id.as_str());
    let Some(replica) = ids().position(|id| id == args.id) else {
        bail!("{}: {}", args.cluster.config, unknown("node", &args.id, ids()));
    };
    let node = &file.nodes[replica];
    let listen = args.listen.clone().unwrap_or_else(|| node.address.clone());
    let places = resolve(&listen)?;
    let first = places.first().with_context(|| format!("`{listen}` is nowhere"))?;
    // Whoever is not only here can be reached from elsewhere.
    if !places.iter().all(|place| place.ip().is_loopback()) {
        if !args.allow_remote {
            bail!(
                "other hosts can connect to {listen}; if they shall, add --allow-remote and a secret \
                 (--secret-file or {VARIABLE})"
            );
        }
        if cluster.secret.is_none() {
            bail!(
                "--allow-remote needs a secret that all processes of the cluster know: --secret-file or \
                 {VARIABLE}"
            );
        }
    }
    let plan = file.scenario.plans.first().context("the file has no cell")?;
    let catalog = Catalog::builtin();
    let entry = catalog.find(&plan.protocol).context("the protocol is gone")?;
    let serving = Serving { replica, listen: first.to_string(), data_dir: node.data_dir.clone() };
    // What breaks an assertion ends the process with a message of its own.
    std::panic::set_hook(Box::new(|_| {}));
    match entry.serve(plan, &cluster, &serving) {
        Err(error) => Err(anyhow!("{}: {error}", args.id)),
        Ok(never) => match never {},
    }
}

pub(super) fn drive(args: &DriveArgs) -> anyhow::Result<ExitCode> {
    if args.first_seed.checked_add(u64::from(args.seeds)).is_none() {
        bail!("--first-seed {} leaves no room for {} seeds", args.first_seed, args.seeds);
    }
    if let Some(refusal) = args.not_driven.refusal() {
        bail!(refusal);
    }
    let (mut file, cluster) = read(&args.cluster)?;
    fit(args, &mut file)?;
    let mut command = format!("pacelc drive --config {}", quoted(&args.cluster.config));
    if args.seeds != 1 {
        command.push_str(&format!(" --seeds {}", args.seeds));
    }
    if args.first_seed != 1 {
        command.push_str(&format!(" --first-seed {}", args.first_seed));
    }
    if let Some(length) = args.duration {
        command.push_str(&format!(" --duration {length}"));
    }
    if args.beside_sim {
        command.push_str(" --beside-sim");
    }
    let options = Options {
        seeds: args.seeds,
        first_seed: args.first_seed,
        threads: 1,
        command,
        beside_sim: args.beside_sim,
        history: args.history.clone(),
        world: World::Nodes(Box::new(cluster)),
        ..Options::default()
    };
    let mut suite = Suite::new(Catalog::builtin(), vec![file.scenario], options);
    let mut journal = run::open_journal(&args.output, args.resume, &mut suite)?;
    let results = match run::execute(suite, &mut journal) {
        Ok(Some(results)) => results,
        Ok(None) => return Ok(run::interrupted(&args.output)),
        Err(error) => {
            journal.abandon()?;
            return Err(error);
        }
    };
    run::keep(&results, &args.output)?;
    journal.remove()?;
    let shown = unless_closed(run::show(args.json, &results));
    run::tell(&args.output, &results);
    if results.rows.iter().any(|row| row.verdict == VerdictWord::Unknown) {
        anstream::eprintln!(
            "nobody here sees what nodes decide; --history FILE keeps what clients saw, which `pacelc check -g \
             GUARANTEE FILE` judges by itself"
        );
    }
    shown?;
    Ok(exit_status(&results.rows))
}

/// Makes the file's plans what the arguments ask for, if a driver can do that.
fn fit(args: &DriveArgs, file: &mut ClusterFile) -> anyhow::Result<()> {
    let levels = file.scenario.plans.len();
    if args.history.is_some() && (levels > 1 || args.seeds > 1) {
        bail!(
            "--history takes the history of one run, and this is {levels} levels by {} seeds; name one level \
             in {} and one seed",
            args.seeds,
            args.cluster.config
        );
    }
    if args.beside_sim && !file.inject_delays {
        bail!(
            "--beside-sim needs inject_delays = true in {}: nobody knows how far from each other nodes are \
             otherwise, so virtual time has nothing to go by",
            args.cluster.config
        );
    }
    if let Some(length) = args.duration {
        for plan in &mut file.scenario.plans {
            plan.last(length).map_err(anyhow::Error::msg)?;
        }
    }
    Ok(())
}

/// The cluster's file, and what a process must know beside the plans in it.
fn read(args: &ClusterArgs) -> anyhow::Result<(ClusterFile, Cluster)> {
    let source = Source::open(&args.config)?;
    let mut file = ClusterFile::load(&source, &Catalog::builtin())?;
    if !file.inject_delays {
        file.scenario.provenance =
            "None: nodes were processes of their own, as far from each other as they were."
                .to_owned();
    }
    let cluster = Cluster {
        name: file.cluster.clone(),
        addresses: file.nodes.iter().map(|node| node.address.clone()).collect(),
        inject_delays: file.inject_delays,
        secret: secret(args)?,
        file: args.config.clone(),
        log: |line| anstream::eprintln!("{line}"),
    };
    Ok((file, cluster))
}

/// The secret, from a file or from the environment.
fn secret(args: &ClusterArgs) -> anyhow::Result<Option<Secret>> {
    let (place, bytes) = match &args.secret_file {
        Some(file) => {
            let bytes = std::fs::read(file);
            let place = file.display().to_string();
            (place.clone(), bytes.with_context(|| format!("cannot read {place}"))?)
        }
        None => match std::env::var(VARIABLE) {
            Ok(text) => (VARIABLE.to_owned(), text.into_bytes()),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(error) => bail!("{VARIABLE}: {error}"),
        },
    };
    Secret::new(&bytes).map(Some).map_err(|why| anyhow!("{place}: {why}"))
}

/// What an address means, all of it.
fn resolve(address: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let found = address.to_socket_addrs();
    let found = found.with_context(|| format!("`{address}` is no address; write HOST:PORT"))?;
    Ok(found.collect())
}
