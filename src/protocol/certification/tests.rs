//! Replicas in a network of these tests' own: what a change of view keeps, and who may serve.

mod net;
mod swarm;

use super::{Certification, Config, Entry, Need, Record, Wish};
use crate::op::Value;
use crate::protocol::Protocol as _;
use crate::time::Duration;
use net::{End, Net};

/// So many replicas a millisecond apart that suspect each other after 100 ms.
fn group(n: u32) -> Net {
    let suspect_timeout = Duration::millis(100);
    let heartbeat = Duration::millis(10);
    let config = Config { suspect_timeout, heartbeat, ..Config::default() };
    let mut net = Net::new(n, 0, config, 1);
    net.run_for(50);
    net
}

fn write(value: u32) -> Wish {
    Wish::Write { value: Value(value), read: None }
}

fn end(net: &Net, op: usize) -> Option<End> {
    net.asked[op].end.map(|(_, end)| end)
}

#[test]
fn a_write_waits_for_a_silent_member_until_the_others_go_on_without_it() {
    let mut net = group(3);
    net.crash(2);
    let op = net.ask(9, 0, write(1), Need::Latest);
    net.run_for(80);
    assert_eq!(end(&net, op), None, "all must have it");
    net.run_for(300);
    assert_eq!((end(&net, op), net.view(0).1), (Some(End::Written), 0b011));
    net.start(2);
    net.run_for(100);
    assert_eq!((net.view(2).1, net.is_primary(2)), (0b111, true), "it asked to be let in");
    assert_eq!(net.server(2).state, net.server(0).state, "with all that it had missed");
}

#[test]
fn only_the_majority_is_a_primary_component() {
    let mut net = group(5);
    net.part(0b11000);
    net.run_for(500);
    let primary: Vec<bool> = (0..5).map(|node| net.is_primary(node)).collect();
    assert_eq!(primary, [true, true, true, false, false]);
    net.part(0b00111);
    net.part(0b00001);
    net.run_for(500);
    assert!((0..5).all(|node| !net.is_primary(node)), "two of five are none");
    net.heal();
    net.run_for(500);
    assert!((0..5).all(|node| net.is_primary(node) && net.view(node).1 == 0b11111));
}

#[test]
fn what_was_acknowledged_outlives_a_crash_of_all() {
    let mut net = group(3);
    let op = net.ask(9, 0, write(1), Need::Latest);
    net.run_for(20);
    assert_eq!(end(&net, op), Some(End::Written));
    (0..3).for_each(|node| net.crash(node));
    net.start(0);
    net.start(2);
    net.run_for(500);
    let read = net.ask(9, 0, Wish::Read, Need::Latest);
    net.run_for(500);
    assert!(matches!(end(&net, read), Some(End::Read { value: Value(1), version: 1 })));
}

#[test]
fn what_is_on_disk_and_not_delivered_outlives_a_crash_in_the_middle_of_an_image() {
    let mut net = group(3);
    net.ask(9, 0, write(1), Need::Latest);
    while net.server(0).order.pending().count() == 0 {
        net.run_for(1);
    }
    let (image, entry) = (net.server(0).image(), net.server(0).order.pending().next());
    net.crash(0);
    let waiting = |net: &mut Net| {
        net.start(0);
        let waiting: Vec<Entry> = net.server(0).order.pending().collect();
        net.crash(0);
        waiting
    };
    let entry = entry.expect("one waits");
    assert_eq!(waiting(&mut net), [entry]);
    net.had_written(0, Record::Image(Box::new(image)));
    assert_eq!(waiting(&mut net), [entry], "what should stand behind the image is lost");
    net.had_written(0, Record::Entry(entry));
    assert_eq!(waiting(&mut net), [entry], "it is there twice and counts once");
}

#[test]
fn a_replica_that_does_not_know_yet_that_it_is_cut_off_serves_no_latest_read() {
    let mut net = group(3);
    net.part(0b100);
    let latest = net.ask(9, 0, Wish::Read, Need::Latest);
    let near = net.ask(10, 0, Wish::Read, Need::AtLeast(0));
    net.run_for(50);
    assert_eq!(end(&net, latest), None);
    assert!(end(&net, near).is_some(), "a local read it does");
}

#[test]
fn settings_that_would_flood_or_suspect_everybody_are_refused() {
    let refused = |text: &str, replicas| {
        let config: Config = toml::from_str(text).expect("settings");
        Certification::validate(&config, replicas).err().unwrap_or_default()
    };
    assert_eq!(refused("", 3), "");
    assert_eq!(refused("heartbeat = '1us'\nsuspect_timeout = '2us'", 32), "");
    assert!(refused("heartbeat = '1ns'", 3).contains("write at least 1us"));
    assert!(refused("suspect_timeout = '100ms'", 3).contains("must be shorter"));
    assert!(refused("snapshot_every = 0", 3).contains("at least 1"));
    assert!(refused("", 0).contains("1 to 32 replicas") && !refused("", 33).is_empty());
}

#[test]
fn nothing_of_a_view_is_shown_before_all_its_members_are_in() {
    let mut net = group(3);
    net.crash(2);
    while net.view(0).0.max(net.view(1).0) == 0 {
        net.run_for(1);
    }
    // The coordinator is in; what should bring the other in is under way, and lost.
    net.part(0b001);
    let read = net.ask(9, 0, Wish::Read, Need::AtLeast(0));
    net.run_for(60);
    assert!(!net.is_primary(0) && !net.is_primary(1));
    assert_eq!(end(&net, read), None, "another ballot may begin with something else");
    net.heal();
    net.run_for(400);
    assert!(net.is_primary(0) && net.is_primary(1) && end(&net, read).is_some());
}
