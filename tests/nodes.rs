//! Replicas as processes of their own: started, driven, killed in the middle of a run, started again; and left
//! alone by strangers. Timings are not asserted.
#![cfg(unix)]

mod common;

use common::program::Desk;
use pacelc::results::{Results, VerdictWord};
use pacelc::scenario::Source;
use pacelc::scenario::cluster::ClusterFile;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const NAMES: [&str; 3] = ["n0", "n1", "n2"];

/// Three addresses that were free a moment ago, below the ports that systems give to whoever connects: one of
/// those could be taken before its node listens.
fn addresses() -> [String; 3] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next =
        || 20_000 + (std::process::id() * 97 + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
    NAMES.map(|_| {
        loop {
            let address = format!("127.0.0.1:{}", next());
            if TcpListener::bind(&address).is_ok() {
                return address;
            }
        }
    })
}

fn config(addresses: &[String; 3], mode: &str, seconds: u32) -> String {
    let mut text = format!(
        r#"cluster = "test"
duration = "{seconds}s"
warm_up = "500ms"
timeout = "3s"
attempt_timeout = "500ms"
"#
    );
    for (name, address) in NAMES.iter().zip(addresses) {
        text.push_str(&format!(
            "[[nodes]]\nid = \"{name}\"\nregion = \"here\"\naddress = \"{address}\"\ndata_dir = \"data\"\n"
        ));
    }
    text.push_str(
        r#"[[clients]]
region = "here"
sessions = 6
[workload]
read = 0.5
update = 0.5
records = 20
arrivals = { poisson = { rate = 150 } }
[[modes]]
"#,
    );
    text + mode
}

/// The processes of a cluster; they end with the test.
struct Nodes<'a> {
    desk: &'a Desk,
    children: Vec<Child>,
}

impl<'a> Nodes<'a> {
    fn start(desk: &'a Desk) -> Self {
        let mut nodes = Self { desk, children: Vec::new() };
        for name in NAMES {
            let child = nodes.spawn(name);
            nodes.children.push(child);
        }
        nodes
    }

    /// Its lines go to a file, for a pipe that nobody reads would stop it.
    fn spawn(&self, name: &str) -> Child {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.desk.path(&format!("{name}.log")))
            .expect("a file");
        let mut command = self.desk.command(&["node", "--config", "cluster.toml", "--id", name]);
        command.stderr(log).spawn().expect("the program starts")
    }

    fn kill(&mut self, index: usize) {
        self.children[index].kill().expect("SIGKILL");
        self.children[index].wait().expect("it is ours");
    }

    fn restart(&mut self, index: usize) {
        self.children[index] = self.spawn(NAMES[index]);
    }

    /// Waits until a node has said this.
    fn until(&self, index: usize, line: &str) {
        until(self.desk, NAMES[index], line);
    }
}

/// Waits until the lines that a process has written to its file hold this: a minute at most, for the machine
/// may have other things to do.
fn until(desk: &Desk, name: &str, line: &str) {
    let said = || desk.read(&format!("{name}.log"));
    for _ in 0..1_200 {
        if said().contains(line) {
            return;
        }
        pause(50);
    }
    panic!("{name} never said `{line}`: {}", said());
}

impl Drop for Nodes<'_> {
    fn drop(&mut self) {
        for child in &mut self.children {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "other processes need real time")]
fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Starts a driver whose lines go to `driver.log`.
fn start_driver(desk: &Desk) -> Child {
    let log = std::fs::File::create(desk.path("driver.log")).expect("a file");
    let mut drive = desk.command(&["drive", "--config", "cluster.toml", "-o", "out"]);
    drive.stderr(log).spawn().expect("the program starts")
}

/// Drives the cluster while a node is killed and started again; what the driver left.
fn drive_and_kill(mode: &str, victim: usize) -> Results {
    let desk = Desk::new();
    desk.write("cluster.toml", &config(&addresses(), mode, 5));
    let mut nodes = Nodes::start(&desk);
    let driver = start_driver(&desk);
    // From then on the clock of the run's five seconds ticks.
    until(&desk, "driver", &format!("connected to {}", NAMES[victim]));
    pause(2_000);
    nodes.kill(victim);
    // As if it had been killed in the middle of a write.
    let log = desk.path(&format!("data/{}.log", NAMES[victim]));
    let mut torn = std::fs::File::options().append(true).open(log).expect("its log");
    torn.write_all(b"half a batch").expect("written");
    pause(500);
    nodes.restart(victim);
    nodes.until(victim, "bytes behind byte");
    let status = driver.wait_with_output().expect("it is ours").status;
    let said = desk.read("driver.log");
    assert_eq!(status.code(), Some(0), "{said}");
    nodes.until(victim, "goes on with run");
    assert!(said.contains("no connection to"), "the driver noticed: {said}");
    assert_eq!(desk.names("out").len(), 6, "rows, page and the others");
    Results::read(&desk.path("out")).expect("results")
}

fn all_is_kept(results: &Results) {
    assert_eq!(results.note.world, "nodes");
    for row in &results.rows {
        assert_eq!(row.verdict, VerdictWord::Holds, "{} {}", row.cell, row.evidence);
        assert_eq!(row.promise, "linearizable");
    }
    let writes = results.rows.iter().filter(|row| row.op == "write" && row.client_region == "all");
    assert!(writes.map(|row| row.ok).sum::<u64>() > 0, "writes were acknowledged");
}

#[test]
fn raft_loses_no_acknowledged_write_when_its_first_leader_is_killed() {
    all_is_kept(&drive_and_kill("protocol = \"raft\"\nlevels = [\"linearizable\"]\n", 0));
}

#[test]
fn a_synchronous_primary_loses_none_when_a_backup_or_itself_is_killed() {
    let mode = "protocol = \"primary-backup\"\nconfig = { acknowledge = \"all\" }\n\
                levels = [\"linearizable\"]\n";
    all_is_kept(&drive_and_kill(mode, 1));
    all_is_kept(&drive_and_kill(mode, 0));
}

#[test]
fn strangers_are_turned_away_with_a_reason_and_disturb_nobody() {
    let desk = Desk::new();
    let addresses = addresses();
    let mode = "protocol = \"raft\"\nlevels = [\"linearizable\"]\n";
    // Long enough for the other driver to meet this one.
    desk.write("cluster.toml", &config(&addresses, mode, 8));
    let nodes = Nodes::start(&desk);
    nodes.until(0, "listens on");
    let driver = start_driver(&desk);
    until(&desk, "driver", "connected to n0");
    let other = desk.run(&["drive", "--config", "cluster.toml", "-o", "other"]);
    assert!(other.status == 2 && other.stderr.contains("another driver is at work"), "{other:?}");

    let frame = |length: u32, version: u8, body: &[u8]| {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&[version, 0]);
        sum.update(body);
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(sum.finalize().to_le_bytes());
        bytes.extend([version, 0]);
        bytes.extend(body);
        bytes
    };
    // Another cluster, other settings than anybody's, and so on, as the first field of a greeting.
    let greeting = [&[5][..], b"other", &[1, 0, 0, 0], &[0; 16]].concat();
    for (bytes, why) in [
        (b"GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n".to_vec(), "a frame of version"),
        (frame(u32::MAX, 2, &[]), "but at most 1024 are allowed"),
        (frame(4, 9, b"good"), "a frame of version 9"),
        (frame(5, 2, b"short"), "a frame that is no message"),
        (frame(greeting.len() as u32, 2, &greeting), "this is another cluster"),
        (frame(4, 2, b"good")[..12].to_vec(), "it ended before anything was agreed on"),
    ] {
        let mut stranger = TcpStream::connect(&addresses[0]).expect("connected");
        stranger.write_all(&bytes).expect("written");
        // It may have been closed from there already.
        _ = stranger.shutdown(std::net::Shutdown::Write);
        stranger.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        _ = stranger.read_to_end(&mut Vec::new());
        nodes.until(0, why);
    }
    let status = driver.wait_with_output().expect("it is ours").status;
    let said = desk.read("driver.log");
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("no connection to"), "nobody else noticed: {said}");
    let results = Results::read(&desk.path("out")).expect("results");
    assert!(results.rows.iter().all(|row| row.verdict == VerdictWord::Holds));
}

#[test]
fn delays_that_are_injected_are_there_and_others_are_not() {
    let mode = "protocol = \"raft\"\nlevels = [\"linearizable\"]\n";
    let plain = config(&addresses(), mode, 2);
    let far = "inject_delays = true\nregions = { symmetric = true, rtt_ms = { here = { there = 60 } } }\n";
    // Two nodes of three are elsewhere, so no majority is near.
    let far = far.to_owned() + &plain.replacen("region = \"here\"", "region = \"there\"", 2);
    for (text, theory) in [(plain, false), (far, true)] {
        let desk = Desk::new();
        desk.write("cluster.toml", &text);
        let _nodes = Nodes::start(&desk);
        let drive = ["drive", "--config", "cluster.toml", "-o", "out", "--beside-sim"];
        // Where distances are known, virtual time has something to say too.
        desk.ok(&drive[..drive.len() - usize::from(!theory)]);
        let results = Results::read(&desk.path("out")).expect("results");
        assert_eq!(!results.note.beside.is_empty(), theory);
        assert!(results.note.beside.iter().all(|line| line.agrees()));
        // Each of the three nodes sends to both others and to the clients, and these to each of them.
        let links = &results.note.links;
        assert_eq!(links.len(), if theory { 12 } else { 0 }, "{links:?}");
        for link in links {
            let crosses = link.from.ends_with("there") != link.to.ends_with("there");
            assert_eq!(link.asked_ms > 29.0, crosses, "{link:?}");
            assert!(
                link.before_p50_ms > 0.0 && link.before_p99_ms >= link.before_p50_ms,
                "{link:?}"
            );
            assert!(link.n == 0 || link.late_p99_ms >= link.late_p50_ms, "{link:?}");
        }
        let sent = |from: &str| links.iter().any(|link| link.from.starts_with(from) && link.n > 50);
        assert!(!theory || ["n0", "n1", "n2", "clients"].into_iter().all(sent), "{links:?}");
        let mut writes = results.rows.iter().filter(|row| row.op == "write");
        let write = writes.next().expect("a row of writes");
        // A deadline is never early; how late it is says the machine.
        assert!(!theory || write.p10_ms >= 59.9, "{} ms", write.p10_ms);
        assert_eq!(
            write.theory_ms.is_some(),
            theory,
            "nobody knows the theory of unknown distances"
        );
        // Driver and nodes count over the same time, so there is a request, an answer and some replication
        // for each answered operation; how many share a round says the machine.
        let messages = write.messages_per_op.expect("counted");
        assert!(messages > 2.0, "nodes count what they send: {messages}");
    }
}

#[test]
fn a_secret_is_needed_to_be_let_in_and_to_listen_to_the_world() {
    let desk = Desk::new();
    let addresses = addresses();
    let mode = "protocol = \"raft\"\nlevels = [\"linearizable\", \"eventual-nearest\"]\n";
    desk.write("cluster.toml", &config(&addresses, mode, 1));
    desk.write("right", "correct horse battery staple\n");
    desk.write("wrong", "something else of many bytes\n");
    desk.write("short", "guess me\n");
    let node = ["node", "--config", "cluster.toml", "--id", "n0"];
    let told = desk.refused(&[&node[..], &["--listen", "0.0.0.0:7400"]].concat());
    assert!(told.contains("add --allow-remote and a secret"), "{told}");
    let told = desk.refused(&[&node[..], &["--listen", "0.0.0.0:7400", "--allow-remote"]].concat());
    assert!(told.contains("--allow-remote needs a secret"), "{told}");
    let told = desk.refused(&[&node[..], &["--secret-file", "short"]].concat());
    assert!(told.contains("short: the secret has 8 bytes; use 16 or more"), "{told}");
    let told = desk.refused(&["node", "--config", "cluster.toml", "--id", "n7"]);
    assert!(told.contains("did you mean `n"), "{told}");

    let with = |name: &str, file: &str| -> Command {
        let arguments = ["node", "--config", "cluster.toml", "--id", name, "--secret-file", file];
        let mut command = desk.command(&arguments);
        command.stderr(Stdio::null());
        command
    };
    let mut nodes = Nodes { desk: &desk, children: Vec::new() };
    nodes.children.extend(NAMES.map(|name| with(name, "right").spawn().expect("it starts")));
    let drive = ["drive", "--config", "cluster.toml", "-o", "out"];
    for (secret, why) in [(&[][..], "has a secret"), (&["--secret-file", "wrong"], "secret")] {
        let mut answer = desk.run(&[&drive[..], secret].concat());
        assert_eq!(answer.status, 2, "{}", answer.stderr);
        let last = answer.stderr.split_off(answer.stderr.find("error:").expect("an error"));
        assert!(last.contains(why), "{last}");
    }
    // Two levels, one after the other, each with empty stores.
    desk.ok(&[&drive[..], &["--secret-file", "right"]].concat());
    let results = Results::read(&desk.path("out")).expect("results");
    assert!(results.rows.iter().all(|row| row.verdict == VerdictWord::Holds));
    assert_eq!(results.note.cells, 2);
}

#[test]
fn what_a_driver_cannot_do_is_refused_with_the_reason() {
    let desk = Desk::new();
    let levels = "protocol = \"raft\"\nlevels = [\"linearizable\", \"session\"]\n";
    desk.write("cluster.toml", &config(&addresses(), levels, 2));
    for (words, told) in [
        (&["--history", "h.jsonl"][..], "the history of one run, and this is 2 levels by 1 seeds"),
        (&["--beside-sim"], "needs inject_delays = true in cluster.toml"),
        (&["--threads", "2"], "--threads is for `pacelc run`: real runs would disturb each other"),
        (&["--fault", "random"], "a driver cannot bring about faults; kill or cut off processes"),
        (&["--smoke"], "use --duration to make a run shorter"),
        (&["--simulated-disk"], "nodes have disks of their own"),
        (&["--duration", "400ms"], "a run of 400ms has no end to its warm-up of 500ms"),
        (&["--resume"], "that run was finished or never begun; leave out --resume"),
    ] {
        let said =
            desk.refused(&[&["drive", "--config", "cluster.toml", "-o", "out"], words].concat());
        assert!(said.contains(told), "{said}\nwanted: {told}");
    }
}

#[test]
fn what_clients_of_nodes_saw_is_kept_and_an_interrupted_drive_goes_on() {
    let desk = Desk::new();
    let addresses = addresses();
    let levels = ["linearizable", "lease", "eventual-nearest", "eventual-any"];
    let mode = format!("protocol = \"raft\"\nlevels = {levels:?}\n");
    desk.write("cluster.toml", &config(&addresses, &mode, 2));
    let nodes = Nodes::start(&desk);
    let drive = ["drive", "--config", "cluster.toml", "-o", "out", "--duration", "1s"];
    let mut driver = desk.command(&drive).stderr(Stdio::null()).spawn().expect("it starts");
    let journal = || std::fs::read(desk.path("out/journal.jsonl")).unwrap_or_default();
    while journal().iter().filter(|byte| **byte == b'\n').count() < 2 {
        assert_eq!(driver.try_wait().expect("it is ours"), None, "it ended by itself");
        pause(10);
    }
    driver.kill().expect("SIGKILL");
    driver.wait().expect("it is ours");
    // The nodes may not have noticed yet that the first one is gone.
    let answer = loop {
        let answer = desk.run(&[&drive[..], &["--resume"]].concat());
        if !answer.stderr.contains("another driver is at work") {
            break answer;
        }
    };
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    assert!(answer.stderr.contains("cells are finished already"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("resuming: 0"), "{}", answer.stderr);
    assert_eq!(Results::read(&desk.path("out")).expect("results").note.cells, 4);

    // Nobody sees what nodes decide, so a session's promise is left open; what clients saw can be judged alone.
    drop(nodes);
    let mode = "protocol = \"raft\"\nlevels = [\"session\"]\n";
    desk.write("cluster.toml", &config(&addresses, mode, 2).replace("\"data\"", "\"other\""));
    let _nodes = Nodes::start(&desk);
    let answer =
        desk.run(&["drive", "--config", "cluster.toml", "-o", "s", "--history", "h.jsonl"]);
    assert!(answer.status == 3 && answer.stderr.contains("--history FILE keeps"), "{answer:?}");
    desk.ok(&["check", "-g", "session", "h.jsonl"]);
}

#[test]
fn a_node_whose_disk_takes_no_more_ends_with_one_sentence_that_names_the_file() {
    let desk = Desk::new();
    let mode = "protocol = \"raft\"\nlevels = [\"linearizable\"]\n";
    desk.write("cluster.toml", &config(&addresses(), mode, 60));
    let mut nodes = Nodes { desk: &desk, children: Vec::new() };
    // A limit on the size of files, of some kilobytes, is a disk that is soon full.
    let full = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{}' node --config cluster.toml --id n0",
        env!("CARGO_BIN_EXE_pacelc")
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &full]).current_dir(desk.path(""));
    let full = shell.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("sh exists");
    nodes.children.extend([nodes.spawn("n1"), nodes.spawn("n2")]);
    nodes.children.push(start_driver(&desk));
    let output = full.wait_with_output().expect("it is ours");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error:")).collect();
    let told = "error: n0: cannot write data/n0.log: File too large";
    assert!(errors.len() == 1 && errors[0].starts_with(told), "{said}");
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_line() {
    let addresses = ["h:1".to_owned(), "h:2".to_owned(), "h:3".to_owned()];
    let mode = "protocol = \"raft\"\nlevels = [\"linearizable\"]\n";
    let good = config(&addresses, mode, 2);
    let load = |text: &str| {
        let source = Source::new("cluster.toml", text);
        ClusterFile::load(&source, &pacelc::catalog::Catalog::builtin())
    };
    let file = load(&good).expect("the file is right");
    assert_eq!((file.nodes.len(), file.scenario.plans.len()), (3, 1));
    for (from, to, told) in [
        ("cluster = \"test\"\n", "", "cluster.toml:1: missing key `cluster`"),
        (
            "cluster = \"test\"",
            "cluster = \"\"",
            "cluster.toml:1: a cluster's name has 1 to 100 bytes",
        ),
        (
            "duration",
            "durations",
            "cluster.toml:2: unknown key `durations`; did you mean `duration`?",
        ),
        ("\"h:2\"", "\"h\"", "cluster.toml:14: `h` is no address; write host:port"),
        ("\"h:2\"", "\"h:1\"", "cluster.toml:14: another node listens on h:1 already"),
        (
            "id = \"n1\"",
            "id = \"n0\"",
            "cluster.toml:12: the name `n0` means something else already",
        ),
        ("id = \"n1\"\n", "", "cluster.toml:11: missing key `id`"),
        (
            "[workload]",
            "[link]\nloss = 0.1\n[workload]",
            "link has an effect only with inject_delays",
        ),
        ("cluster =", "inject_delays = true\ncluster =", "inject_delays = true needs `regions`"),
        ("cluster =", "replicas = []\ncluster =", "cluster.toml:1: replicas has no place here"),
        ("records = 20", "object = \"counter\"", "cluster.toml:27: nobody sees what nodes decide"),
        (
            "records = 20",
            "records = 2_000_000",
            "cluster.toml:27: records is 2000000; nodes have 1000000 at most",
        ),
        ("\"linearizable\"", "\"linear\"", "did you mean `linearizable`"),
        (
            "[[modes]]",
            "[[modes]]\nprotocol = \"raft\"\nlevels = [\"lease\"]\n[[modes]]\nname = \"b\"",
            "2 modes; nodes serve exactly one",
        ),
    ] {
        let error = load(&good.replacen(from, to, 1)).expect_err(told).to_string();
        assert!(error.contains(told), "{error}\nwanted: {told}");
    }
}
