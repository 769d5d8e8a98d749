//! Bad input gets one sentence with file, line and the nearest valid choice, exit status 2, and
//! leaves nothing behind.

use crate::common::program::Desk;
use std::fs;

/// A small scenario; the tests spoil one line of it each.
pub(crate) const HOME: &str = r#"question = "What does it cost?"
analysis = "Little."
regions = "aws"
replicas = ["here", "there"]
operations = 200
levels = ["linearizable"]
[[clients]]
region = "here"
sessions = 2
[[modes]]
protocol = "raft"
config = {}
[workload]
ycsb = "A"
records = 10
"#;

/// Two places, 40 and 41 ms apart.
pub(crate) const MATRIX: &str = "from\\to,here,there\nhere,-,40\nthere,41,-\n";

/// A desk with a valid scenario on it, over a valid matrix.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("mine.csv", MATRIX);
    desk.write("home.toml", &HOME.replace("\"aws\"", "\"mine.csv\""));
    desk
}

const RUN: [&str; 4] = ["run", "home.toml", "-o", "out"];

#[test]
fn the_desk_is_valid_before_it_is_spoiled() {
    desk().ok(&["run", "home.toml", "--smoke", "-o", "out"]);
}

#[test]
fn a_matrix_that_is_none() {
    let desk = desk();
    for (bad, expected) in [
        (
            "here,-,40\n",
            "mine.csv:1: region there has a column but no row, so the round-trip time from there to \
             here is missing",
        ),
        ("here,-,40\nthere,-,-\n", "mine.csv:3: the round-trip time from there to here is missing"),
        ("here,-,-40\nthere,41,-\n", "mine.csv:2: the round-trip time from here to there is -40"),
        ("here,-,nan\nthere,41,-\n", "mine.csv:2: the round-trip time from here to there is NaN"),
        (
            "here,-,40\nthere,near,-\n",
            "mine.csv:3: the round-trip time from there to here is `near`",
        ),
        ("here,-,inf\nthere,41,-\n", "mine.csv:2: the round-trip time from here to there is inf"),
        ("here,-\n", "mine.csv:2: this row has 2 cells; the header has 3"),
        ("hre,-,40\nthere,41,-\n", "mine.csv:2: unknown region `hre`; did you mean `here`?"),
    ] {
        desk.write("mine.csv", &format!("from\\to,here,there\n{bad}"));
        for arguments in [&RUN[..], &["list", "home.toml"], &["list", "--regions", "mine.csv"]] {
            let sentence = desk.refused(arguments);
            assert!(sentence.contains(expected), "{bad:?}: {sentence}");
        }
    }
    fs::write(desk.path("mine.csv"), b"from\\to,here,there\nhere,-,\xff\xfe\n").expect("written");
    let sentence = desk.refused(&RUN);
    assert!(sentence.contains("mine.csv:2: ") && sentence.contains("UTF-8"), "{sentence}");
}

#[test]
fn a_scenario_that_asks_for_what_is_not_there() {
    let desk = desk();
    let good = desk.read("home.toml");
    for (old, new, expected) in [
        ("\"there\"]", "\"ther\"]", "home.toml:4: unknown region `ther`; did you mean `there`?"),
        ("analysis", "analisis", "home.toml:2: unknown key `analisis`; did you mean `analysis`?"),
        ("sessions", "sesions", "home.toml:9: unknown key `sesions`; did you mean `sessions`?"),
        ("\"linearizable\"", "\"linearisable\"", "home.toml:6: unknown level `linearisable`; did"),
        ("\"raft\"", "\"rafd\"", "home.toml:11: unknown protocol `rafd`; did you mean `raft`?"),
        ("[\"here\", \"there\"]", "[]", "home.toml:4: replicas is empty"),
        ("sessions = 2", "sessions = 0", "home.toml:9: sessions is 0"),
        ("config = {}", "config = { leader = 2 }", "home.toml:12: `leader = 2` is no replica"),
        (
            "config = {}",
            "config = { leder = 0 }",
            "home.toml:12: unknown key `leder`; did you mean",
        ),
        (
            "\"mine.csv\"",
            "\"mime.csv\"",
            "home.toml:3: unknown matrix file `mime.csv`; did you mean `mine.csv`?",
        ),
        ("\"mine.csv\"", "\"asw\"", "home.toml:3: unknown region set `asw`; did you mean `aws`?"),
        ("levels = [", "levels = ", "home.toml:6: "),
    ] {
        let bad = good.replace(old, new);
        assert_ne!(bad, good, "{old} is not in the text");
        desk.write("home.toml", &bad);
        let sentence = desk.refused(&RUN);
        assert!(sentence.starts_with(expected), "{new}\n{sentence}\ninstead of\n{expected}");
    }
}

#[test]
fn a_protocol_that_cannot_do_what_is_asked() {
    let desk = desk();
    let good = desk.read("home.toml").replace("\"raft\"", "\"primary-backup\"");
    for (config, levels, expected) in [
        (
            "{ acknowledge = 'any 2' }",
            "['session']",
            "home.toml:12: acknowledge = `any 2`, but there is only 1 backup; write `any 1`",
        ),
        (
            "{ acknowledge = 'first 2 (1)' }",
            "['session']",
            "home.toml:12: acknowledge = `first 2 (1)` wants 2 of a list of 1; ask for 1",
        ),
        (
            "{ acknowledge = 'first 1 (1, 2)' }",
            "['session']",
            "home.toml:12: acknowledge = `first 1 (1, 2)` names replica 2; backups are",
        ),
        (
            "{ acknowledge = 'sometimes' }",
            "['session']",
            "home.toml:12: acknowledge: `sometimes` is no way to acknowledge; write `async`, `any 1`",
        ),
        (
            "{ acknowledge = 5 }",
            "['session']",
            "home.toml:12: acknowledge: integer `5` will not do here; it must be `async`, `any 1`, `first",
        ),
        (
            "{ acknowledge = 'all', reached = true }",
            "['session']",
            "home.toml:12: reached: boolean `true` will not do here; it must be `memory`, `disk` or",
        ),
        ("{ acknowledge = 'all', primary = 9 }", "['session']", "home.toml:12: primary is 9"),
        ("{}", "['session']", "home.toml:12: missing key `acknowledge`"),
        (
            "{ acknowledge = 'all' }",
            "['lease']",
            "home.toml:6: primary-backup does not offer lease; it offers linearizable",
        ),
    ] {
        let bad = good.replace("{}", config).replace("[\"linearizable\"]", levels);
        desk.write("home.toml", &bad);
        let sentence = desk.refused(&RUN);
        assert!(sentence.starts_with(expected), "{config}\n{sentence}\ninstead of\n{expected}");
    }
}

#[test]
fn arguments_that_mean_nothing() {
    let desk = desk();
    for (arguments, expected) in [
        (&["run", "smoke-ctu", "-o", "out"][..], "did you mean `smoke-cut`?"),
        (&["run", "missing.toml", "-o", "out"], "missing.toml: cannot be read"),
        (&["run", "-f", "(", "-o", "out"], "-f `(` is not a regular expression"),
        (&["run", "smoke", "-l", "[z-a]", "-o", "out"], "-l `[z-a]` is not a regular expression"),
        (&["run", "-f", "no such", "-o", "out"], "no cell matches; `pacelc list --cells` shows"),
        (
            &["run", "smoke-cut", "-l", "linearisable", "-o", "out"],
            "unknown level `linearisable`; did you mean `linearizable`?",
        ),
        (
            &["list", "--cells", "smoke-cut", "-p", "rafft"],
            "unknown mode or protocol `rafft`; did you mean `raft`?",
        ),
        (&["run", "smoke", "--regions", "asw", "-o", "out"], "did you mean `aws`?"),
        (&["run", "smoke", "--regions", "eu-wets-1", "-o", "out"], "did you mean `eu-west-1`?"),
        (&["run", "smoke", "--regions", "azure:eastus", "-o", "out"], "takes place in 3 regions"),
        (&["run", "smoke", "--resume", "-o", "out"], "was finished or never begun"),
        (
            &["explain", "smoke-cut/raft/linearisable"],
            "did you mean `smoke-cut/raft/linearizable`?",
        ),
        (&["explain", "smoke-ctu/raft/linearizable"], "did you mean `smoke-cut`?"),
        (&["explain", "smoke-cut/raft/linearizable", "--op", "99999"], "operation 99999 does not"),
        (&["list", "-p", "("], "-p `(` is not a regular expression"),
        (&["cmp", "nowhere"], "cannot read nowhere"),
        (&["report", "nowhere"], "cannot read nowhere"),
    ] {
        let sentence = desk.refused(arguments);
        assert!(sentence.contains(expected), "{arguments:?}: {sentence}");
        let reason = sentence.rsplit(": ").next().unwrap_or_default();
        assert_eq!(sentence.matches(reason).count(), 1, "said twice: {sentence}");
        let two = sentence.contains("did you mean") && sentence.contains("no cell matches");
        assert!(!two, "two sentences: {sentence}");
    }
}

#[test]
fn arguments_that_the_grammar_refuses() {
    let desk = desk();
    for (arguments, expected) in [
        (&["rum"][..], "a similar subcommand exists: 'run'"),
        (&["run", "--seed", "3"], "a similar argument exists: '--seeds'"),
        (&["run", "--seeds", "0", "-o", "out"], "0 is not in 1..=100000"),
        (&["run", "--seeds", "-1", "-o", "out"], "-1 is not in 1..=100000"),
        (&["run", "--smoke", "--seeds", "5", "-o", "out"], "cannot be used with"),
        (&["run", "--threads", "many", "-o", "out"], "invalid value 'many'"),
        (&["completions", "fishy"], "a similar value exists: 'fish'"),
        (&["list", "--cells", "--protocols"], "cannot be used with"),
    ] {
        let answer = desk.run(arguments);
        assert_eq!((answer.status, &*answer.stdout), (2, ""), "{arguments:?}");
        assert!(answer.stderr.contains(expected), "{arguments:?}: {}", answer.stderr);
        let errors = answer.stderr.lines().filter(|line| line.starts_with("error:"));
        assert_eq!(errors.count(), 1, "{arguments:?}: {}", answer.stderr);
    }
    assert_eq!(desk.names("out"), Vec::<String>::new());
}

#[test]
fn rows_that_are_none_or_stand_twice_are_not_compared() {
    let desk = desk();
    desk.ok(&["run", "home.toml", "--smoke", "-o", "rows"]);
    let rows = desk.read("rows/rows.jsonl");
    let first = rows.lines().next().expect("a row");
    desk.write("rows/rows.jsonl", &format!("{first}\n{first}\n"));
    let sentence = desk.refused(&["cmp", "rows"]);
    assert!(
        sentence.starts_with("rows/rows.jsonl:2: ") && sentence.ends_with("this row stands twice")
    );
    desk.write("rows/rows.jsonl", "");
    assert_eq!(desk.refused(&["cmp", "rows"]), "rows/rows.jsonl holds no row");
}

#[test]
fn a_scenario_that_reads_like_a_flag_is_refused() {
    let desk = desk();
    desk.write("-x.toml", &desk.read("home.toml"));
    let sentence = desk.refused(&["run", "./-x.toml", "-o", "out"]);
    assert!(sentence.starts_with("./-x.toml: a scenario is called what its file is"), "{sentence}");
}

#[test]
fn a_level_that_wants_more_replicas_than_there_are() {
    let desk = desk();
    let good = desk.read("home.toml").replace("\"raft\"", "\"leaderless\"");
    for (level, says) in [
        ("three", "home.toml:6: `three` asks for 3 replicas; there are 2, and `all` waits"),
        ("R=9,W=1", "home.toml:6: `R=9,W=1` asks for 9 replicas; there are 2"),
    ] {
        desk.write("home.toml", &good.replace("linearizable", level));
        let sentence = desk.refused(&RUN);
        assert!(sentence.starts_with(says), "{sentence}");
    }
    let twice = "['R=2,W=1', 'R=two,W=one']";
    desk.write("home.toml", &good.replace("[\"linearizable\"]", twice));
    assert!(desk.refused(&RUN).starts_with("home.toml:6: R=two,W=one is listed twice"));
    desk.write("home.toml", &good.replace("[\"linearizable\"]", "\"all\""));
    let listed = desk.ok(&["list", "--cells", "home.toml"]);
    assert!(listed.contains("leaderless/two") && !listed.contains("leaderless/three"), "{listed}");
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let desk = desk();
    desk.write("file", "in the way");
    for (folder, expected) in [
        ("file", "cannot create the folder file: "),
        ("file/below", "cannot create the folder file/below: "),
    ] {
        let sentence = desk.refused(&["run", "home.toml", "--smoke", "-o", folder]);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
    assert_eq!(desk.read("file"), "in the way");
    if cfg!(target_os = "linux") {
        let sentence = desk.refused(&["run", "home.toml", "--smoke", "-o", "/proc/nope"]);
        assert!(sentence.starts_with("cannot create the folder /proc/nope: "), "{sentence}");
    }
}

/// `/dev/full` takes no byte. A journal that leads there is a disk that is full from the start; a
/// folder in the place of a result is a write that could only fail after all the work.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_and_a_result_that_has_no_place() {
    let desk = desk();
    fs::create_dir(desk.path("full")).expect("a folder");
    let journal = desk.path("full/journal.jsonl");
    std::os::unix::fs::symlink("/dev/full", journal).expect("a link");
    let sentence = desk.refused(&["run", "home.toml", "--smoke", "-o", "full"]);
    assert!(sentence.starts_with("cannot write full/journal.jsonl: No space left"), "{sentence}");
    assert_eq!(desk.names("full"), ["journal.jsonl"], "nothing half-written");

    fs::create_dir_all(desk.path("taken/rows.jsonl/x")).expect("a folder");
    let sentence = desk.refused(&["run", "home.toml", "--smoke", "-o", "taken"]);
    assert!(sentence.starts_with("cannot write taken/rows.jsonl: "), "{sentence}");
    assert_eq!(desk.names("taken"), ["rows.jsonl"], "it is found out before anything is run");
}

/// A link that leads nowhere is neither followed nor replaced, be it the folder or a file in it.
#[test]
#[cfg(unix)]
fn a_link_that_leads_nowhere() {
    let desk = desk();
    std::os::unix::fs::symlink("nowhere", desk.path("gone")).expect("a link");
    let expected = "gone is a link to nowhere, which does not exist; make that, remove the link";
    for folder in ["gone", "gone/", "gone/below"] {
        let sentence = desk.refused(&["run", "home.toml", "--smoke", "-o", folder]);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
    desk.ok(&["run", "home.toml", "--smoke", "-o", "kept"]);
    let sentence = desk.refused(&["report", "kept", "-o", "gone"]);
    assert!(sentence.starts_with(expected), "{sentence}");
    for name in ["rows.jsonl", "index.html", "journal.jsonl"] {
        let _ = fs::remove_file(desk.path(&format!("kept/{name}")));
        std::os::unix::fs::symlink("nowhere", desk.path(&format!("kept/{name}"))).expect("a link");
        let sentence = desk.refused(&["run", "home.toml", "--smoke", "-o", "kept"]);
        assert!(sentence.starts_with(&format!("kept/{name} is a link to nowhere")), "{sentence}");
        fs::remove_file(desk.path(&format!("kept/{name}"))).expect("the link is still there");
    }
    assert!(!desk.path("nowhere").exists(), "nothing was written through the link");
}

/// What was written before stays whole when a later run is refused.
#[test]
fn old_results_survive_a_refusal() {
    let desk = desk();
    desk.ok(&["run", "home.toml", "--smoke", "-o", "kept"]);
    let rows = desk.read("kept/rows.jsonl");
    desk.write("home.toml", "question = 1\n");
    desk.refused(&["run", "home.toml", "--smoke", "-o", "kept"]);
    assert_eq!(desk.read("kept/rows.jsonl"), rows);
    assert_eq!(
        desk.names("kept"),
        ["curves.jsonl", "faults.jsonl", "index.html", "rows.jsonl", "run.json", "timelines.jsonl"]
    );
}

#[test]
fn saved_rows_that_are_damaged_or_foreign() {
    let desk = desk();
    desk.ok(&["run", "home.toml", "--smoke", "-o", "saved"]);
    let good = desk.read("saved/rows.jsonl");
    let second = good.lines().nth(1).expect("two rows").to_owned();
    let foreign = second.replacen("\"schema\":1,", "\"schema\":7,", 1);
    let torn = second[..second.find(",").expect("a comma")].to_owned();
    let renamed = second.replacen("\"verdict\"", "\"verdikt\"", 1);
    for (bad, expected) in [
        (foreign, "saved/rows.jsonl:2: written by pacelc 0.1.0 with schema 7, but this one reads"),
        (torn, "saved/rows.jsonl:2: EOF while parsing"),
        (renamed, "saved/rows.jsonl:2: unknown column `verdikt`; did you mean `verdict`? docs"),
        ("[]".to_owned(), "saved/rows.jsonl:2: "),
    ] {
        assert_ne!(bad, second);
        desk.write("saved/rows.jsonl", &good.replacen(&second, &bad, 1));
        fs::remove_file(desk.path("saved/index.html")).ok();
        for arguments in
            [&["report", "saved"][..], &["cmp", "saved"], &["report", "saved", "-o", "out"]]
        {
            let sentence = desk.refused(arguments);
            assert!(sentence.starts_with(expected), "{sentence}\ninstead of\n{expected}");
        }
        assert!(!desk.names("saved").contains(&"index.html".to_owned()), "no page of bad rows");
    }
    desk.write("saved/rows.jsonl", &good);
    fs::remove_file(desk.path("saved/run.json")).expect("the note was written");
    assert!(desk.refused(&["report", "saved"]).starts_with("cannot read saved/run.json: "));
}

#[test]
fn what_only_real_time_has_is_refused_in_virtual_time_and_the_other_way_round() {
    let desk = Desk::new();
    for (arguments, why) in [
        (&["run", "smoke-cut", "--beside-sim", "-o", "out"][..], "are for --world live"),
        (&["run", "smoke-cut", "--duration", "9s", "-o", "out"], "are for --world live"),
        (&["run", "smoke-cut", "--world", "live", "--threads", "2", "-o", "out"], "take turns"),
        (
            &["run", "-s", "etcd", "--world", "live", "--duration", "1s", "-o", "out"],
            "a run of 1s has no end to its warm-up of 1s",
        ),
        (
            &[
                "run",
                "-s",
                "etcd",
                "--fault",
                "crash-leader",
                "--world",
                "live",
                "--duration",
                "9s",
                "-o",
                "out",
            ],
            "a fault ends at 25s, after a run of 9s",
        ),
        (
            &["run", "-s", "etcd", "--fault", "disk-full", "--world", "live", "-o", "out"],
            "the live world cannot fill a disk",
        ),
        (
            &["run", "-s", "etcd", "--fault", "leap-second", "--world", "live", "-o", "out"],
            "the live world cannot take a leap second, for its clocks run on the machine's monotonic one",
        ),
        (&["run", "--canaries", "--world", "live"], "--canaries runs in virtual time"),
        (&["run", "--canaries", "--simulated-disk"], "are for --world live"),
        (&["drive", "--config", "nowhere.toml", "-o", "out"], "nowhere.toml: cannot be read"),
    ] {
        let told = desk.refused(arguments);
        assert!(told.contains(why), "{arguments:?}: {told}");
    }
}

/// Whoever asks for a group gets what there is, and is told what is left out.
#[test]
fn what_real_time_cannot_do_is_left_out_loudly_where_there_is_more_and_refused_alone() {
    let desk = Desk::new();
    let scenario = |fault: &str| {
        format!(
            "question = \"What is left?\"\nanalysis = \"A test.\"\nregions = \"aws\"\nduration = \"1s\"\n\
             warm_up = \"0ms\"\nreplicas = [\"us-east-1\"]\n\
             clients = [{{ region = \"us-east-1\", sessions = 2 }}]\n\
             workload = {{ read = 0.5, update = 0.5, records = 5, arrivals = {{ constant = {{ rate = 20 }} }} }}\n\
             modes = [{{ protocol = \"raft\", levels = [\"linearizable\", \"lease\"] }}]\n{fault}"
        )
    };
    let fault = "[[faults]]\ndisk_full = \"leader\"\nstart = \"200ms\"\nend = \"300ms\"\n";
    desk.write("whole.toml", &scenario(""));
    desk.write("full.toml", &scenario(fault));
    let live = ["--world", "live", "--simulated-disk", "-o", "out"];
    let told = desk.refused(&[&["run", "full.toml"], &live[..]].concat());
    assert!(told.contains("full/raft/linearizable: the live world cannot fill a disk"), "{told}");
    let answer = desk.run(&[&["run", "whole.toml", "full.toml"], &live[..]].concat());
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    let told = "full: 2 cells are left out: the live world cannot fill a disk; --world sim can";
    assert!(answer.stderr.lines().any(|line| line == told), "{}", answer.stderr);
    let rows = desk.read("out/rows.jsonl");
    assert!(rows.contains("whole/raft/lease") && !rows.contains("full/raft"), "{rows}");
}
