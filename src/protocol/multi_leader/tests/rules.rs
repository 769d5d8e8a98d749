//! Sessions and replicas under rules that merge, message by message.

use super::*;
use crate::op::State;

/// A session of its own client.
fn client(me: u32, settings: &str) -> Person {
    let machine = Session::start(Env { me: NodeId(me), ..env(0, 2, config(settings)) });
    Person { machine, ..Person::new(settings) }
}

/// What the session is told of its operation at this replica, and how often it had to ask.
fn done(person: &mut Person, me: u32, node: &mut Node, id: u32, op: Op) -> (Ret, usize) {
    let request = Request { id: OpId(id), key: Key(0), op, level: Level::EventualNearest };
    let (mut sent, mut outcome) = person.act(|session, cx| session.on_request(request, cx));
    let mut asked = 0;
    while let Some((_, msg)) = sent.pop() {
        asked += usize::from(matches!(msg, Msg::Ask(_)));
        let mut answers = node.hears(NodeId(me), msg);
        answers.extend(node.synced());
        for answer in to(me, &answers) {
            (sent, outcome) = person.hears(node.machine.env.me.0, answer);
        }
    }
    match outcome {
        Some(Outcome::Done(ret)) => (ret, asked),
        other => panic!("{other:?}"),
    }
}

fn put(value: u32) -> Op {
    Op::Write(Value(value), Update::Put)
}

/// All logs go to everybody.
fn exchange(nodes: &mut [Node]) {
    for from in 0..nodes.len() {
        let lack = |node: &Node| Msg::Lack(node.machine.store.received());
        for at in 0..nodes.len() {
            let wish = lack(&nodes[at]);
            nodes[from].now.0 += 10_000_000_000;
            for msg in to(at as u32, &nodes[from].hears(NodeId(at as u32), wish)) {
                nodes[at].hears(NodeId(from as u32), msg);
            }
            nodes[at].synced();
        }
    }
}

#[test]
fn a_blind_write_stands_beside_what_is_there_and_an_informed_one_replaces_it() {
    let settings = "conflicts = 'siblings'";
    let mut nodes = group(2, settings);
    let (mut ann, mut bob) = (client(8, settings), client(9, settings));
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 1, put(1)).0, Ret::Written);
    assert_eq!(done(&mut bob, 9, &mut nodes[1], 2, put(2)).0, Ret::Written);
    exchange(&mut nodes);
    for node in &mut nodes {
        let (ret, _) = done(&mut bob, 9, node, 3, Op::Read);
        assert_eq!(ret, Ret::Values([Value(2), Value(1)].into()), "the higher stamp first");
    }
    done(&mut bob, 9, &mut nodes[1], 4, put(3));
    exchange(&mut nodes);
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 5, Op::Read).0, Ret::Value(Value(3)));
    // What it read serves for one write.
    done(&mut ann, 8, &mut nodes[0], 6, put(4));
    done(&mut ann, 8, &mut nodes[0], 7, put(5));
    let (ret, _) = done(&mut ann, 8, &mut nodes[0], 8, Op::Read);
    assert_eq!(ret, Ret::Values([Value(5), Value(4)].into()));
    // Siblings survive a crash, and arrive as a whole state as well.
    let again = Node::start(0, 2, &config(settings), nodes[0].disk.clone());
    let whole = |node: &Node| node.machine.inspect_siblings(Key(0));
    assert_eq!((again.reads(0), whole(&again)), (5, vec![Value(4)]));
    let state = again.machine.store.state();
    nodes[1].hears(NodeId(0), Msg::Install(Box::new(state)));
    assert_eq!((nodes[1].reads(0), whole(&nodes[1])), (5, vec![Value(4)]));
}

/// Its reader had turned away, as at the end of a cut, and then writes without having seen what is there.
#[test]
fn an_answer_that_nobody_was_shown_is_replaced_by_no_write() {
    let settings = "conflicts = 'siblings'";
    let mut nodes = group(2, settings);
    let (mut ann, mut bob) = (client(8, settings), client(9, settings));
    done(&mut ann, 8, &mut nodes[0], 1, put(1));
    let (_, look) = bob.asks(2, Op::Read, Level::EventualNearest);
    let answer = to(9, &nodes[0].hears(CLIENT, look)).remove(0);
    bob.act(|session, _| session.on_given_up());
    bob.hears(0, answer);
    done(&mut bob, 9, &mut nodes[0], 3, put(2));
    let (ret, _) = done(&mut ann, 8, &mut nodes[0], 4, Op::Read);
    assert_eq!(ret, Ret::Values([Value(2), Value(1)].into()), "nobody has replaced the first");
    // What it reads next, and is told, it may replace.
    done(&mut bob, 9, &mut nodes[0], 5, Op::Read);
    done(&mut bob, 9, &mut nodes[0], 6, put(3));
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 7, Op::Read).0, Ret::Value(Value(3)));
}

#[test]
fn a_tree_shows_the_longest_branch_and_its_writer_goes_on_from_its_own_revision() {
    let settings = "conflicts = 'revision-tree'";
    let mut nodes = group(2, settings);
    let (mut ann, mut bob) = (client(8, settings), client(9, settings));
    done(&mut ann, 8, &mut nodes[0], 1, put(1));
    done(&mut ann, 8, &mut nodes[0], 2, put(2));
    done(&mut bob, 9, &mut nodes[1], 3, put(3));
    exchange(&mut nodes);
    for node in &mut nodes {
        assert_eq!(done(&mut bob, 9, node, 4, Op::Read).0, Ret::Value(Value(2)));
        assert_eq!(node.machine.inspect_siblings(Key(0)), [Value(3)], "the loser is kept");
    }
}

#[test]
fn a_cart_is_read_before_it_is_changed_and_a_late_answer_is_not_taken_for_the_writes() {
    let settings = "conflicts = 'cart-union'";
    let mut nodes = group(2, settings);
    let (mut ann, mut bob) = (client(8, settings), client(9, settings));
    let insert = |id, element| Op::Write(Value(id), Update::Insert(element));
    let cart = |version, word| Ret::State(State { version: Value(version), word });
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 1, insert(1, 3)), (cart(1, 8), 2));
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 2, Op::Read), (cart(1, 8), 1));
    let remove = Op::Write(Value(2), Update::Remove(3));
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 3, remove), (cart(2, 0), 1), "it has just looked");
    // On the other side, before any of this is known there.
    assert_eq!(done(&mut bob, 9, &mut nodes[1], 4, insert(3, 0)), (cart(3, 1), 2));
    exchange(&mut nodes);
    assert_eq!([0, 1].map(|at| nodes[at].machine.inspect_word(Key(0))), [1, 1]);

    let (_, look) = bob.asks(5, insert(4, 5), Level::EventualNearest);
    let answer = to(9, &nodes[0].hears(CLIENT, look)).remove(0);
    let (_, write) = bob.hears(0, answer.clone()).0.remove(0);
    assert!(format!("{write:?}").contains("word: 33"), "{write:?}");
    let (sent, outcome) = bob.hears(0, answer);
    assert!(sent.is_empty() && outcome.is_none(), "it was told that already");
    let (at, again) = bob.waits();
    assert_eq!(at, NodeId(1));
    let (Msg::Ask(first), Msg::Ask(second)) = (&write, &again) else { panic!("{again:?}") };
    let what = |ask: &Ask| match ask.wish {
        Wish::Write { version, delta, .. } => (version, delta),
        other => panic!("{other:?}"),
    };
    assert_eq!(what(first), what(second), "the copy is the same update");
}

#[test]
fn an_increment_in_two_logs_counts_once_and_a_new_session_adds_its_own() {
    let settings = "conflicts = 'pn-counter'";
    let mut nodes = group(2, settings);
    let add = |id, n| Op::Write(Value(id), Update::Add(n));
    let mut ann = client(8, settings);
    done(&mut ann, 8, &mut nodes[0], 1, add(1, 5));
    // The answer is lost, and the other replica is asked.
    let (_, first) = ann.asks(2, add(2, -2), Level::EventualNearest);
    nodes[0].hears(NodeId(8), first);
    nodes[0].synced();
    let (_, second) = ann.waits();
    nodes[1].hears(NodeId(8), second);
    nodes[1].synced();
    exchange(&mut nodes);
    assert_eq!([0, 1].map(|at| nodes[at].machine.inspect_word(Key(0))), [3, 3]);
    // Its outcome stayed unknown, so the session was over.
    let mut next = client(8, settings);
    let sum = Ret::State(State { version: Value(3), word: 4 });
    assert_eq!(done(&mut next, 8, &mut nodes[1], 3, add(3, 1)).0, sum);
}

#[test]
fn a_remove_takes_away_what_its_session_has_read_and_no_more() {
    let settings = "conflicts = 'add-wins'";
    let mut nodes = group(2, settings);
    let (mut ann, mut bob) = (client(8, settings), client(9, settings));
    let insert = |id| Op::Write(Value(id), Update::Insert(3));
    let remove = |id| Op::Write(Value(id), Update::Remove(3));
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 1, insert(1)).1, 1);
    exchange(&mut nodes);
    assert_eq!(done(&mut bob, 9, &mut nodes[1], 2, remove(2)).1, 2, "it looks first");
    done(&mut ann, 8, &mut nodes[0], 3, insert(3));
    exchange(&mut nodes);
    let word = |nodes: &[Node]| [0, 1].map(|at| nodes[at].machine.inspect_word(Key(0)));
    assert_eq!(word(&nodes), [8, 8], "the second insert was not known to who took it out");
    done(&mut bob, 9, &mut nodes[1], 4, remove(4));
    exchange(&mut nodes);
    assert_eq!(word(&nodes), [0, 0]);
}

#[test]
fn a_write_follows_the_revision_that_its_session_has_seen_or_is_refused() {
    let settings = "conflicts = 'revision-tree'\nchecks_revisions = true";
    let refused = |value| Ret::Refused(State { version: Value(value), word: 0 });
    let mut nodes = group(2, settings);
    let (mut ann, mut bob) = (client(8, settings), client(9, settings));
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 1, put(1)).0, Ret::Written);
    assert_eq!(done(&mut bob, 9, &mut nodes[0], 2, put(2)).0, refused(1), "bob has not read");
    done(&mut bob, 9, &mut nodes[0], 3, Op::Read);
    assert_eq!(done(&mut bob, 9, &mut nodes[0], 4, put(4)).0, Ret::Written);
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 5, put(5)).0, refused(4), "and ann not since");
    // What was refused is nowhere, and what a session has seen it still knows after others' keys.
    exchange(&mut nodes);
    assert!(nodes.iter().all(|n| n.reads(0) == 4 && n.machine.inspect_siblings(Key(0)).is_empty()));
    let (id, key, level) = (OpId(6), Key(1), Level::EventualNearest);
    bob.act(|session, cx| session.on_request(Request { id, key, op: Op::Read, level }, cx));
    bob.act(|session, _| session.on_given_up());
    assert_eq!(done(&mut bob, 9, &mut nodes[1], 7, put(7)).0, Ret::Written);
    // Who has not heard of that takes another, and both stand.
    done(&mut ann, 8, &mut nodes[0], 8, Op::Read);
    assert_eq!(done(&mut ann, 8, &mut nodes[0], 9, put(9)).0, Ret::Written);
    exchange(&mut nodes);
    for node in &nodes {
        let both = BTreeSet::from([
            node.machine.inspect(Key(0)),
            node.machine.inspect_siblings(Key(0))[0],
        ]);
        assert_eq!(both, BTreeSet::from([Value(7), Value(9)]));
    }
}

/// The first replica may have taken it, so that the second's refusal proves nothing.
#[test]
fn a_write_that_was_sent_twice_is_not_taken_for_refused_and_counts_once() {
    let settings = "conflicts = 'revision-tree'\nchecks_revisions = true";
    let mut nodes = group(2, settings);
    let (mut ann, mut bob) = (client(8, settings), client(9, settings));
    done(&mut ann, 8, &mut nodes[1], 1, put(1));
    let (_, hello) = bob.asks(2, put(2), Level::EventualNearest);
    let clock = to(9, &nodes[0].hears(CLIENT, hello)).remove(0);
    let (_, wish) = bob.hears(0, clock).0.remove(0);
    let (_, again) = bob.waits();
    let no = to(9, &nodes[1].hears(CLIENT, again)).remove(0);
    assert!(matches!(no, Msg::Conflict { value: Value(1), .. }), "{no:?}");
    assert_eq!(bob.hears(1, no).1, None, "it may have been taken elsewhere");
    // The first takes it, and once more while it is on its way to the disk.
    for _ in 0..2 {
        assert!(to(9, &nodes[0].hears(CLIENT, wish.clone())).is_empty());
    }
    // Another one that follows nothing comes too late, though the first is not shown yet.
    let mut carl = client(7, settings);
    let (_, hello) = carl.asks(3, put(3), Level::EventualNearest);
    let clock = to(7, &nodes[0].hears(NodeId(7), hello)).remove(0);
    let (_, late) = carl.hears(0, clock).0.remove(0);
    let no = to(7, &nodes[0].hears(NodeId(7), late)).remove(0);
    let held = State { version: Value::INITIAL, word: 0 };
    assert_eq!(carl.hears(0, no).1, Some(Outcome::Done(Ret::Refused(held))));
    let yes = to(9, &nodes[0].synced()).remove(0);
    assert_eq!(bob.hears(0, yes).1, Some(Outcome::Done(Ret::Written)));
    assert!(nodes[0].machine.inspect_siblings(Key(0)).is_empty(), "it is one write");
}
