//! The `pacelc` command as its users meet it: run as a program, judged by what it prints, writes and
//! returns.

#[path = "../common/mod.rs"]
mod common;

mod ad_hoc;
mod bad_input;
mod check;
mod edn;
mod interrupted;
mod no_history;
mod orders;
mod parsers;

use common::program::Desk;
use pacelc::results::{Row, SCHEMA, read_rows};

#[test]
fn help_names_every_verb_and_what_the_exit_status_means() {
    let desk = Desk::new();
    let help = desk.ok(&["--help"]);
    for word in [
        "list",
        "run",
        "swarm",
        "report",
        "cmp",
        "explain",
        "check",
        "calibrate",
        "node",
        "drive",
        "completions",
        "man",
        "Exit status",
    ] {
        assert!(help.contains(word), "{word} is missing in {help}");
    }
    for verb in ["list", "run", "swarm", "report", "cmp", "explain", "check", "node", "drive"] {
        assert!(desk.ok(&[verb, "--help"]).contains(&format!("Usage: pacelc {verb}")));
    }
    assert_eq!(desk.ok(&["--version"]), format!("pacelc {}\n", env!("CARGO_PKG_VERSION")));
    let nothing = desk.run(&[]);
    assert_eq!(nothing.status, 2, "no verb is no request");
    assert!(nothing.stderr.contains("Usage: pacelc"), "{}", nothing.stderr);
}

#[test]
fn list_shows_what_exists_and_runs_nothing() {
    let desk = Desk::new();
    let plain = desk.ok(&["list"]);
    assert!(plain.contains("aws-three-regions") && !plain.contains("smoke-cut"), "{plain}");
    let total = plain.lines().last().expect("a total");
    let cells = desk.ok(&["list", "--cells"]);
    assert!(total.ends_with(&format!(" {} cells", cells.lines().count())), "{total}");
    assert!(cells.lines().count() >= 200, "the curated suite has at least 200 cells");

    let smoke = desk.ok(&["list", "smoke", "--cells"]);
    let line = |name: &str| smoke.lines().find(|line| line.starts_with(name)).expect("a cell");
    let lease = line("smoke-levels/raft/lease ");
    assert!(lease.contains("linearizable") && lease.contains("lease at the leader"), "{lease}");
    assert!(line("smoke-cut/async/eventual-nearest ").contains("nearest replica"));

    let asked = desk.run(&["list", "--cells", "-f", "smoke-random"]);
    assert_eq!(asked.stdout, desk.ok(&["list", "smoke-random", "--cells"]), "whatever its group");
    assert!(
        asked.stderr.contains("of the group curated matches -f; these are of smoke"),
        "{asked:?}"
    );
    let protocols = desk.ok(&["list", "--protocols"]);
    for word in ["raft\n", "primary-backup\n", "with acknowledge", "promises linearizable"] {
        assert!(protocols.contains(word), "{word} is missing in {protocols}");
    }
    let leases = |text: &str| text.lines().filter(|line| line.starts_with("  lease ")).count();
    let raft = protocols.split("\n\n").find(|part| part.starts_with("raft\n"));
    let of_raft = leases(raft.expect("it is listed"));
    assert_eq!((leases(&protocols), of_raft), (2, 2), "what is not offered is not listed");
    let rules = desk.ok(&["list", "--rules"]);
    assert!(
        rules.contains("Thomas 1979")
            && rules.contains("keys hold: set; in leaderless, multi-leader")
    );
    let guarantees = desk.ok(&["list", "--guarantees"]);
    for word in ["Herlihy and Wing 1990", "for session, read-your-writes", "conservation"] {
        assert!(guarantees.contains(word), "{word} is missing in {guarantees}");
    }
    let matrices = desk.ok(&["list", "--matrices"]);
    let regions = |set: &str| -> usize {
        let line = matrices.lines().find(|line| line.starts_with(set)).expect("a set");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a count")
    };
    assert!(regions("aws:") >= 20 && regions("azure:") >= 22 && regions("gcp:") >= 15);
    assert!(matrices.contains("cloudping.co"), "every matrix says where it comes from");
    assert_eq!(desk.names("."), Vec::<String>::new());
}

#[test]
fn of_the_filters_that_match_the_last_one_typed_decides() {
    let desk = Desk::new();
    let cells = |filters: &[&str]| -> Vec<String> {
        let text = desk.ok(&[&["list", "smoke", "--cells"], filters].concat());
        text.lines().map(|l| l.split_whitespace().next().unwrap_or_default().to_owned()).collect()
    };
    let all = cells(&[]);
    assert!(all.iter().any(|cell| cell.contains("/raft/")));
    assert!(cells(&["-p", "^semi-sync$"]).iter().all(|cell| cell.contains("/semi-sync/")));
    assert!(cells(&["-l", "^lease$"]).iter().all(|cell| cell.ends_with("/lease")));
    let cut = |cell: &String| cell.starts_with("smoke-cut/");
    assert!(cells(&["-f", "cut"]).iter().all(cut) && !cells(&["-F", "cut"]).iter().any(cut));
    // A protocol is matched by its own name as well as by the mode's.
    let backups = cells(&["-p", "primary-backup"]);
    assert!(backups.iter().any(|cell| cell.contains("/semi-sync/")), "{backups:?}");
    assert!(!backups.iter().any(|cell| cell.contains("/raft/")), "{backups:?}");
    // Order: keep all modes, then drop raft; and the other way round.
    assert!(!cells(&["-p", ".", "-P", "raft"]).iter().any(|cell| cell.contains("/raft/")));
    assert!(cells(&["-P", "raft", "-p", "."]).iter().any(|cell| cell.contains("/raft/")));
    // Several kinds narrow down together.
    assert_eq!(
        cells(&["-f", "cut", "-p", "chain", "-l", "linear"]),
        ["smoke-cut/chain/linearizable", "smoke-cut/craq/linearizable"]
    );
}

#[test]
fn a_smoke_run_leaves_rows_curves_a_note_and_a_page() {
    let desk = Desk::new();
    let table = desk.ok(&["run", "smoke", "--smoke", "-o", "out"]);
    assert!(table.contains("smoke-levels") && table.contains("✓ holds"), "{table}");
    assert!(table.contains(" promises hold, 0 broken, 0 undecided"), "{table}");
    assert_eq!(
        desk.names("out"),
        ["curves.jsonl", "faults.jsonl", "index.html", "rows.jsonl", "run.json", "timelines.jsonl"]
    );

    let rows = read_rows(&desk.path("out/rows.jsonl")).expect("rows of this schema");
    let listed = desk.ok(&["list", "smoke", "--cells"]);
    for line in listed.lines() {
        let cell = line.split("  ").next().unwrap_or_default();
        assert!(rows.iter().any(|row| row.cell == cell), "{cell} has no row");
    }
    assert!(rows.iter().any(|row| row.phase == "partitioned" && row.op == "write"));
    assert!(
        rows.iter().all(|row| row.schema == SCHEMA && row.n == row.ok + row.failed + row.unknown)
    );

    let page = desk.read("out/index.html");
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("<svg") && page.contains("pacelc run smoke --smoke"));
    let outside = ["src=\"http", "href=\"http", "url(http", "@import", "<script src"];
    assert!(outside.iter().all(|mark| !page.contains(mark)), "the page needs the network");
}

#[test]
fn json_prints_the_rows_that_are_written() {
    let desk = Desk::new();
    let printed = desk.ok(&["run", "smoke-probe", "--smoke", "--json", "-o", "out"]);
    let rows: Vec<Row> =
        printed.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert!(!rows.is_empty());
    assert_eq!(rows, read_rows(&desk.path("out/rows.jsonl")).expect("rows"));
    assert_eq!(printed, desk.read("out/rows.jsonl"), "byte for byte");
}

#[test]
fn a_report_made_again_from_rows_is_the_same_page() {
    let desk = Desk::new();
    desk.ok(&["run", "smoke", "--smoke", "-o", "out"]);
    let page = desk.read("out/index.html");
    std::fs::remove_file(desk.path("out/index.html")).expect("the page was written");
    desk.ok(&["report", "out"]);
    assert!(page == desk.read("out/index.html"), "from the folder");
    let markdown = desk.ok(&["report", "out/rows.jsonl", "-o", "made/anew", "--markdown"]);
    assert!(page == desk.read("made/anew/index.html"), "from the rows, into another folder");
    assert!(markdown.contains("| raft |") && markdown.contains("|---"), "{markdown}");
    desk.ok(&["run", "smoke-levels", "--smoke", "-o", "levels"]);
    desk.ok(&["report", "levels", "--plane", "plane.svg"]);
    assert!(desk.read("plane.svg").trim_start().starts_with("<svg"));
}

#[test]
fn cmp_sets_modes_of_one_result_or_cells_of_two_side_by_side() {
    let desk = Desk::new();
    desk.ok(&["run", "smoke-levels", "--smoke", "-o", "old"]);
    let modes = desk.ok(&["cmp", "old"]);
    let header = modes.lines().nth(1).expect("a header");
    for mode in ["async", "semi-sync", "sync", "raft"] {
        assert!(header.split_whitespace().any(|word| word == mode), "{mode}: {header}");
    }
    assert_eq!(desk.ok(&["cmp", "old", "old/rows.jsonl"]), "no differences\n");

    // The same cells between other regions cost something else.
    let azure = [
        "run",
        "smoke-levels",
        "--smoke",
        "--regions",
        "azure:eastus,westeurope,southeastasia",
        "-o",
        "new",
    ];
    desk.ok(&azure);
    let text = desk.ok(&["cmp", "old", "new", "-p", "raft", "-l", "^linear"]);
    assert!(text.contains("smoke-levels/raft/linearizable"), "{text}");
    assert!(!text.contains("async") && !text.contains("lease"), "{text}");
}

#[test]
fn explain_replays_a_cell_and_shows_its_messages() {
    let desk = Desk::new();
    let cell = "smoke-cut/raft/linearizable";
    let text = desk.ok(&["explain", cell, "--seed", "3"]);
    for part in [cell, "seed 3,", "promise   linearizable", "verdict   holds", "a write of median"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(text.contains("Append") && text.contains("on disk") && text.contains("arrives"));
    assert_eq!(text, desk.ok(&["explain", cell, "--seed", "3"]), "a replay is exact");
    assert_ne!(text, desk.ok(&["explain", cell, "--seed", "4"]));

    let one = desk.ok(&["explain", cell, "--op", "7", "--history", "h.jsonl"]);
    assert!(one.contains("operation 7: the operation asked for") && !one.contains("median"));
    let bytes = desk.read("h.jsonl");
    let history = pacelc::history::read(bytes.as_bytes(), "h.jsonl").expect("a history");
    assert!(one.contains(&format!("digest {:016x}", history.digest())), "{one}");
}

#[test]
fn a_broken_promise_is_exit_status_1_and_its_replay_shows_it() {
    let desk = Desk::new();
    let run = ["run", "without-majority", "--seeds", "5", "--json", "-o", "out"];
    let answer = desk.run(&run);
    assert_eq!(answer.status, 1, "{}", answer.stderr);
    let told = answer.stderr.lines().find_map(|line| line.split_once("replay with: pacelc "));
    let replay = told.expect("the replay command").1.replace('\'', "");
    let replayed = desk.run(&replay.split(' ').collect::<Vec<_>>());
    assert_eq!(replayed.status, 1, "{replay}: {}", replayed.stdout);
    assert!(replayed.stdout.contains("verdict   violated: "), "{}", replayed.stdout);
    assert!(replayed.stdout.contains("part of the violation"), "{}", replayed.stdout);
    assert_eq!(desk.run(&["report", "out"]).status, 1, "a report says so as well");
    assert_eq!(desk.run(&["cmp", "out"]).status, 1);
}

#[test]
fn canaries_are_caught_and_their_twins_are_left_in_peace() {
    let desk = Desk::new();
    let table = desk.ok(&["run", "--canaries", "-f", "unsynced", "-f", "ties"]);
    assert!(table.contains("2 of 2 canaries caught, 2 of 2 twins left in peace"), "{table}");
    let lines = desk.ok(&["run", "--canaries", "-f", "ties", "--json", "--threads", "1"]);
    let first = lines.lines().next().expect("a line");
    let twin: serde_json::Value = serde_json::from_str(first).expect("JSON");
    assert_eq!((&twin["canary"], &twin["right"]), (&false.into(), &true.into()));
    assert!(!desk.path("reports").exists(), "nothing is written");

    // A sound protocol that is sold for a canary is not caught, and that is status 1.
    desk.write("mine.csv", bad_input::MATRIX);
    let sound = bad_input::HOME.replace("\"aws\"", "\"mine.csv\"").replace(
        "protocol = \"raft\"",
        "protocol = \"raft\"\ncanary = { caught_by = \"linearizable\", within = 2 }",
    );
    desk.write("sound.toml", &sound);
    let answer = desk.run(&["run", "--canaries", "sound.toml"]);
    assert_eq!(answer.status, 1, "{}", answer.stderr);
    assert!(answer.stdout.contains("not caught by linearizable in 2 seeds"), "{}", answer.stdout);
    for (arguments, says) in [
        (&["run", "--canaries", "ycsb"][..], "no mode here is a canary"),
        (&["run", "--canaries", "--smoke"], "cannot be used with"),
    ] {
        let answer = desk.run(arguments);
        assert_eq!(answer.status, 2);
        assert!(answer.stderr.contains(says), "{}", answer.stderr);
    }
}

#[test]
fn completions_and_manual_are_generated() {
    let desk = Desk::new();
    for (shell, mark) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef pacelc"),
        ("fish", "complete -c pacelc"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = desk.ok(&["completions", shell]);
        assert!(script.contains(mark) && script.contains("explain"), "{shell}");
    }
    let page = desk.ok(&["man"]);
    assert!(page.contains(".TH pacelc 1") && page.contains("pacelc-explain"), "{page}");
}

#[test]
fn a_scenario_and_a_matrix_of_one_s_own_need_no_installation() {
    let desk = Desk::new();
    desk.write(
        "mine.csv",
        "# Measured at home.\n# symmetric\nx,here,there\nhere,-,40\nthere,-,-\n",
    );
    desk.write("home.toml", &bad_input::HOME.replace("\"aws\"", "\"mine.csv\""));
    let rows = desk.ok(&["run", "home.toml", "--smoke", "--json", "-o", "out"]);
    let row = rows.lines().map(|l| serde_json::from_str::<Row>(l).expect("a row"));
    let write = row.into_iter().find(|row| row.op == "write" && row.client_region == "all");
    let write = write.expect("a write");
    // A round trip to the only follower, and one within the zone to the leader.
    assert!((40.0..41.0).contains(&write.p50_ms), "{write:?}");
    assert!(desk.read("out/index.html").contains("Measured at home."), "provenance is printed");
    let told = write.replay.replace('\'', "");
    let words: Vec<&str> = told.split(' ').skip(1).collect();
    assert!(words.contains(&"home.toml"), "{words:?}");
    assert!(desk.ok(&words).contains("verdict   holds"));
}
