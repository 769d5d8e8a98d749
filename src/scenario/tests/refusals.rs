//! Everything a scenario can get wrong, each in one sentence with its line.

use super::{SMALL, read};

/// Replaces `old` in the small scenario, or appends where `old` is empty, and expects this start.
fn refused(old: &str, new: &str, expected: &str) {
    let text = if old.is_empty() { format!("{SMALL}{new}") } else { SMALL.replace(old, new) };
    assert_ne!(text, SMALL, "{old} is not in the text");
    let message = read(&text).expect_err(new).to_string();
    let expected = format!("tests/s.toml:{expected}");
    assert!(message.starts_with(&expected), "\n{new}\n{message}\ninstead of\n{expected}");
    assert!(!message.contains('\n'), "one sentence: {message}");
}

#[test]
fn unknown_names_get_their_line_and_the_nearest_choice() {
    for (old, new, expected) in [
        ("analysis", "analisis", "2: unknown key `analisis`; did you mean `analysis`?"),
        ("\"aws\"", "\"asw\"", "3: unknown region set `asw`; did you mean `aws`?"),
        ("\"eu-west-1\"", "\"eu-wets-1\"", "4: unknown region `eu-wets-1`; did you mean `eu-west"),
        ("region = \"us-east-1\"", "region = \"us-eats-1\"", "8: unknown region `us-eats-1`"),
        ("\"raft\"", "\"rafd\"", "11: unknown protocol `rafd`; did you mean `raft`?"),
        ("\"linearizable\"", "\"linearisable\"", "6: unknown level `linearisable`; did you mean"),
        ("sessions", "sesions", "9: unknown key `sesions`; did you mean `sessions`?"),
        ("", "keys = 'zipfan'\n", "14: unknown choice `zipfan`; did you mean `zipfian`?"),
        ("", "[[links]]\nfrom = 'n9'\nto = 'n1'\n", "15: unknown place or node `n9`; did you mean"),
        ("", "[[faults]]\ncrash = 'n5'\nstart = '1s'\nend = '2s'\n", "15: unknown replica `n5`"),
        (
            "",
            "[[faults]]\ncut = [\n'n1', \n'eu-wst-1']\nstart = '1s'\nend = '2s'\n",
            "17: unknown place or node `eu-wst-1`; did you mean `eu-west-1`?",
        ),
        ("", "[link]\njiter_ms = 1\n", "15: unknown key `jiter_ms`; did you mean `jitter_ms`?"),
        ("", "[link]\njitter_ms = { lognorm = { median = 1, sigma = 1 } }\n", "15: unknown choice"),
        (
            "protocol = \"raft\"",
            "protocol = \"raft\"\nconfig = { leder = 1 }",
            "12: unknown key `led",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn what_has_the_wrong_shape_is_shown_the_right_one() {
    for (old, new, expected) in [
        (
            "",
            "[link]\njitter_ms = { exponential = 10 }\n",
            "15: link.jitter_ms.exponential: integer `10` will not do here; it must be a table, as in { exponential = { mean = 1 } }",
        ),
        (
            "",
            "[link]\njitter_ms = { uniform = [3] }\n",
            "15: link.jitter_ms.uniform: a list of that length will not do here; it must be a table, as in { uniform = { low",
        ),
        (
            "",
            "[link]\njitter_ms = { exponential = { mena = 3 } }\n",
            "15: unknown key `mena`; did you mean `mean`?",
        ),
        (
            "",
            "[link]\njitter_ms = { mixture = [] }\n",
            "15: link.jitter_ms: mixture is empty; give at least one part",
        ),
        (
            "",
            "arrivals = { closed = { think_ms = 1 } }\n",
            "14: workload.arrivals: nothing belongs into this table",
        ),
        (
            "",
            "arrivals = 'poisson'\n",
            "14: workload.arrivals: a name alone will not do here; it must be a table with",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn runs_of_too_much_or_too_little_get_the_line_of_their_load() {
    for (old, new, expected) in [
        (
            "",
            "arrivals = { poisson = { rate = 0.00001 } }\n",
            "12: 100 operations take 10000000 s at the rates planned; a run lasts at most 1000000s",
        ),
        (
            "operations = 100\nlevels = [\"linearizable\"]\n[[clients]]\nregion = \"us-east-1\"",
            "duration = '60s'\nlevels = [\"linearizable\"]\n[[clients]]\nregion = \"us-east-1\"\n\
             workload = { ycsb = 'B', arrivals = { constant = { rate = 1e8 } } }",
            "13: up to 6000000000 operations fit into 60s, but a run has at most 100000000; plan fewer",
        ),
        ("operations = 100", "duration = '1ns'", "12: less than one operation begins in the 1ns"),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn impossible_values_get_their_line() {
    let raft = "protocol = \"raft\"";
    for (old, new, expected) in [
        ("[\"us-east-1\", \"eu-west-1\", \"ap-southeast-1\"]", "[]", "4: replicas is empty"),
        ("sessions = 2", "sessions = 0", "9: sessions is 0"),
        (
            "sessions = 2",
            "sessions = -1",
            "9: clients.sessions: integer `-1` will not do here; it must be a whole",
        ),
        ("sessions = 2", "sessions = 99999999", "9: sessions is 99999999"),
        ("\"B\"", "\"X\"", "13: unknown ycsb workload `X`"),
        ("ycsb = \"B\"", "read = 0.5", "12: the shares"),
        ("ycsb = \"B\"", "ycsb = \"B\"\nrecords = 0", "14: records is 0"),
        ("", "arrivals = { poisson = { rate = 0 } }\n", "14: rate is 0"),
        (
            "",
            "arrivals = { poisson = { rate = 1e308 } }\n",
            "14: rate is 1e308; it must be above 0",
        ),
        ("operations = 100", "operations = 0", "5: operations is 0"),
        ("operations = 100", "duration = \"0s\"", "5: duration is 0"),
        ("operations = 100", "duration = \"soon\"", "5: duration: `soon` is not a duration"),
        ("operations = 100", "operations = 100\nduration = \"1s\"", "5: duration and operations"),
        (
            "operations = 100",
            "duration = 60",
            "5: duration: integer `60` will not do here; it must be a text with a unit, as in \"60s\"",
        ),
        ("operations = 100", "rounds = 100", "5: rounds does not fit"),
        ("operations = 100\n", "", "9: the run has no length"),
        ("operations = 100", "duration = \"1s\"\nwarm_up = \"1s\"", "6: warm_up is 1s"),
        (
            "operations = 100",
            "operations = 1\ntimeout = \"0s\"",
            "6: timeout is 0ms; give at least 1us",
        ),
        (
            "operations = 100",
            "operations = 1\ntimeout = \"1s\"\nattempt_timeout = \"2s\"",
            "7: attempt_timeout is 2s, longer than the timeout of 1s",
        ),
        ("", "[[modes]]\nprotocol = 'raft'\n", "14: two modes are named raft"),
        (raft, "protocol = \"raft\"\nconfig = { leader = 3 }", "12: leader is no replica"),
        (
            raft,
            "protocol = \"primary-backup\"\nconfig = { acknowledge = \"any 3\" }",
            "12: any 3 needs 3 followers; there are 2",
        ),
        (
            raft,
            "protocol = \"raft\"\ncanary = { caught_by = \"casual\", within = 3 }",
            "12: unknown checker `casual`; did you mean `causal`?",
        ),
        (
            raft,
            "protocol = \"raft\"\ncanary = { caught_by = \"causal\", within = 0 }",
            "12: within is 0; write 1 to 1000 seeds",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn levels_that_cannot_be_get_their_line() {
    let raft = "protocol = \"raft\"";
    for (old, new, expected) in [
        ("[\"linearizable\"]", "[]", "6: levels is empty"),
        ("[\"linearizable\"]", "\"every\"", "6: levels is `every`; write \"all\""),
        ("[\"linearizable\"]", "[\"session\",\n\"session\"]", "7: session is listed twice"),
        ("levels = [\"linearizable\"]\n", "", "9: the mode names no levels"),
        (
            raft,
            "protocol = \"primary-backup\"\nlevels = [\"session\", \"lease\"]",
            "12: primary-backup does not offer lease; it offers linearizable, bounded(500ms)",
        ),
        (
            raft,
            "protocol = \"raft\"\nlevels = [\"R=1,W=1\"]",
            "12: raft does not offer R=1,W=1; it",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn an_answer_that_cannot_be_given_gets_its_line() {
    for (old, new, expected) in [
        (
            "",
            "[answer]\ncost = 'x'\nasked = 'y'\ncp = ['rafd']\n",
            "17: unknown cell `rafd`; did you mean `raft`?",
        ),
        (
            "",
            "[answer]\ncost = 'x'\nasked = 'y'\ncounts = 'stail'\n",
            "17: unknown choice `stail`; did you mean `stale`?",
        ),
        (
            "",
            "[answer]\ncost = 'x'\nasked = 'y'\nop = 'rite'\n",
            "17: unknown kind of operation `rite`; did you mean `write`?",
        ),
        ("", "[answer]\ncost = ' '\nasked = 'y'\n", "15: cost is empty; say what is counted"),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn impossible_published_figures_get_their_line() {
    for (old, new, expected) in [
        (
            "",
            "[published]\nsource = 'x'\n[published.figures]\n'raft/eventual' = {}\n",
            "17: no cell is called `raft/eventual`; write mode, variant and level, as in \
             `raft/linearizable`",
        ),
        (
            "",
            "[published]\nsource = 'x'\nfigures.'raft/linearizable'.read.p99_ms = -1\n",
            "16: p99_ms is -1; write a number of milliseconds above 0",
        ),
        (
            "",
            "[published]\nsource = 'x'\nfigures.'raft/linearizable'.fresh.10ms = 97\n",
            "16: fresh at 10ms is 97; write a share from 0 to 1",
        ),
        (
            "",
            "[published]\nsource = 'x'\nfigures.'raft/linearizable'.fresh.soon = 1\n",
            "16: `soon` is not a duration",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn impossible_prose_and_places_get_their_line() {
    for (old, new, expected) in [
        ("question = \"What does it cost?\"", "question = \" \"", "1: question is empty"),
        (
            "question = \"What does it cost?\"\n",
            "",
            "1: missing key `question`, what the scenario asks",
        ),
        ("\"eu-west-1\"", "{ region = \"eu-west-1\", name = \"n0\" }", "4: the name `n0` means"),
        (
            "\"eu-west-1\"",
            "{ region = \"eu-west-1\", name = \"clients\" }",
            "4: the name `clients`",
        ),
        ("\"eu-west-1\"", "\"eu-west-1/\"", "4: `eu-west-1/` is not a place"),
        ("", "[replica]\nclock = { offset_ms = nan }\n", "15: clock.offset_ms is NaN"),
        (
            "",
            "[replica]\ndisk_ms = -1\n",
            "15: replica.disk_ms: -1 will not do here; it must be a number from 0",
        ),
        (
            "",
            "[link]\njitter_ms = { uniform = { low = -1, high = 1 } }\n",
            "15: link.jitter_ms: uniform.low is -1; it must be a number from 0 to 1e12",
        ),
        ("", "[link]\nlegs = { write = nan }\n", "15: link.legs.write: NaN will not do here; it"),
        ("", "[link]\nloss = 1\n", "15: loss is 1"),
        ("", "[link]\nbandwidth = 0\n", "15: bandwidth is 0"),
        ("", "[link]\nretransmit = '0ms'\n", "15: retransmit must be above 0"),
        ("", "[[links]]\nfrom = 'n0'\nto = 'n1'\nrtt_ms = 3\n", "17: rtt_ms is there and back"),
        ("", "[[links]]\nfrom = 'n0'\nto = 'n1'\ndelay_ms = -3\n", "17: delay_ms is -3"),
        ("", "[probe]\noffsets = []\npause = '1s'\n", "14: [workload] and [probe] exclude"),
        ("", "this is not toml\n", "14: "),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn links_and_cuts_of_which_nothing_would_change_get_their_line() {
    for (old, new, expected) in [
        (
            "",
            "[[links]]\nfrom = 'n0'\nto = 'n0'\nrtt_ms = 3\n",
            "14: no message goes from `n0` to `n0`, so this entry has no effect; name two places",
        ),
        (
            "",
            "[[links]]\nfrom = 'clients'\nto = 'us-east-1/a'\n\
             [[links]]\nfrom = 'clients'\nto = 'clients'\nloss = 0.5\n",
            "14: this entry changes nothing; give it rtt_ms, delay_ms or a key of [link]",
        ),
        (
            "",
            "[[links]]\nfrom = 'clients'\nto = 'clients'\nloss = 0.5\n",
            "14: no message goes from `clients` to `clients`",
        ),
        (
            "",
            "[[clients]]\nregion = 'eu-west-2'\nsessions = 1\n[[faults]]\ncut = ['eu-west-2']\n\
             from = ['clients']\nstart = '1s'\nend = '2s'\n",
            "18: a cut must leave something on both sides, and a replica on one",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn impossible_faults_get_their_line() {
    for (old, new, expected) in [
        ("", "[[faults]]\nstart = '1s'\nend = '2s'\n", "14: a fault needs either cut"),
        ("", "[[faults]]\ncrash = 'n0'\nstart = '2s'\nend = '2s'\n", "17: the fault ends at 2s"),
        (
            "",
            "[[faults]]\ncut = ['n0']\npause = 'n1'\nstart = '1s'\nend = '2s'\n",
            "14: a fault needs either cut",
        ),
        (
            "",
            "[[faults]]\npause = 'n0'\nfactor = 2\nstart = '1s'\nend = '2s'\n",
            "16: factor does not fit pause; it goes with slow_disk slow",
        ),
        (
            "",
            "[[faults]]\nloss = ['n0']\nshare = 1.5\nstart = '1s'\nend = '2s'\n",
            "16: share is 1.5; write a number from 0 to 1",
        ),
        (
            "",
            "[[faults]]\ndelay = ['n0']\nstart = '1s'\nend = '2s'\n",
            "14: this fault needs add_ms",
        ),
        (
            "",
            "[[faults]]\nslow = 'n0'\nfactor = 2\nstart = '1s'\nend = '2s'\n",
            "15: a processor that takes no time cannot be slow",
        ),
        (
            "",
            "[[faults]]\nclock = 'n0'\nstart = '1s'\nend = '2s'\n",
            "14: a clock fault needs either jump_ms",
        ),
        (
            "",
            "[[faults]]\nclock = 'n0'\ndrift_ppm = 1\nstays = true\nstart = '1s'\nend = '2s'\n",
            "14: a clock fault needs either jump_ms",
        ),
        (
            "",
            "[[faults]]\ncut = ['n0']\nevery = '1s'\nstart = '1s'\nend = '9s'\n",
            "16: a fault that flaps needs both every and lasts",
        ),
        (
            "",
            "[[faults]]\ncut = ['n0']\nevery = '1s'\nlasts = '1s'\nstart = '1s'\nend = '9s'\n",
            "17: lasts is 1s; write more than 0 and less than every, 1s",
        ),
        (
            "",
            "[[faults]]\ncut = ['n0']\nfrom = ['n0']\nstart = '1s'\nend = '9s'\n",
            "15: a cut must leave something on both sides",
        ),
        (
            "",
            "[[faults]]\ncut = ['n0']\ndirection = 'up'\nstart = '1s'\nend = '9s'\n",
            "16: unknown choice `up`",
        ),
        ("", "[[faults]]\ncut = ['*']\nstart = '1s'\nend = '2s'\n", "15: a cut must leave"),
        (
            "",
            "[[faults]]\ncrash = 'n0'\nstart = '1s'\nend = '3s'\n\
             [[faults]]\ncrash = 'n0'\nstart = '2s'\nend = '4s'\n",
            "18: this crash starts at 2s, while the replica is down until 3s",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn a_leap_second_is_one_of_a_clock_and_a_smear_takes_its_time() {
    for (old, new, expected) in [
        (
            "",
            "[[faults]]\nclock = 'n0'\nleap = 'jump'\njump_ms = 1\nstart = '1s'\nend = '2s'\n",
            "14: a clock fault needs either jump_ms",
        ),
        (
            "",
            "[[faults]]\nclock = 'n0'\nleap = 'smear'\nstart = '1s'\nend = '2s'\n",
            "16: a second smeared over 1s is no smear; let the fault last 10s or more",
        ),
        (
            "",
            "[[faults]]\nslow = 'n0'\nleap = 'smear'\nstart = '1s'\nend = '2s'\n",
            "16: leap does not fit slow; it goes with clock",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn an_object_that_a_protocol_does_not_keep_is_refused_where_the_protocol_is_named() {
    for (old, new, expected) in [
        ("", "object = \"conter\"\n", "14: unknown object `conter`; did you mean `counter`?"),
        ("", "object = \"stock\"\n", "14: a stock needs its units"),
        (
            "ycsb = \"B\"",
            "ycsb = \"B\"\nobject = \"counter\"\n[[modes]]\nprotocol = \"primary-backup\"",
            "16: primary-backup, so configured, keeps no counter; keys may hold: register",
        ),
    ] {
        refused(old, new, expected);
    }
}

#[test]
fn a_wrong_value_of_an_axis_is_reported_where_the_axis_says_it() {
    refused(
        "",
        "[[vary]]\nname = 'sessions'\nset = 'clients.0.sessions'\nvalues = [\n1,\n0,\n]\n",
        "19: sessions is 0",
    );
    refused(
        "",
        "[[vary]]\nname = 'x'\nset = 'link.jiter_ms'\nvalues = [\n1,\n]\n",
        "18: unknown key `jiter_ms`; did you mean `jitter_ms`?",
    );
}

#[test]
fn clients_that_nothing_holds_up_are_refused() {
    refused(
        "regions = \"aws\"\nreplicas = [\"us-east-1\", \"eu-west-1\", \"ap-southeast-1\"]\noperations = 100",
        "replicas = ['us-east-1']\nduration = '1s'\nregions = { intra_az_rtt_ms = 0, rtt_ms = { us-east-1 = {} } }",
        "12: operations without end fit into 1s, but a run has at most",
    );
}

#[test]
fn a_fault_after_the_end_is_refused() {
    refused(
        "operations = 100\n",
        "duration = '1s'\nfaults = [{ crash = 'n0', start = '1s', end = '2s' }]\n",
        "6: the fault starts at 1s, but the run lasts 1s",
    );
}
