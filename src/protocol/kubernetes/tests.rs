//! What a cluster does in an outage, as stories. Machines 0 to 2 are the control plane, 3 and up are workers;
//! the client sits beside worker 3, and service 0 has its pods on workers 3 and 4.

mod net;

use super::Config;
use crate::op::{Key, Level};
use net::Net;

/// Where the pods of a service are that kube-proxy on a worker knows of.
fn endpoints(net: &Net, worker: u32, service: u32) -> Vec<u32> {
    let known = net.machine(worker).worker().endpoints(Key(service));
    known.into_iter().map(|node| node.0).collect()
}

/// The version of the pod that runs on a worker.
fn running(net: &Net, worker: u32, service: u32) -> Option<u32> {
    net.machine(worker).worker().running(Key(service)).map(|version| version.0)
}

fn cluster(workers: u32) -> Net {
    let mut net = Net::new(workers, Config::default());
    net.pass(15);
    net
}

#[test]
fn what_is_applied_is_rolled_out_within_the_time_a_pod_takes_to_start() {
    let mut net = cluster(3);
    assert!(net.apply(0, 7));
    assert_eq!(net.read(0, Level::Linearizable), Some(7));
    assert_eq!(net.read(0, Level::Routed), Some(0), "the predecessor serves until then");
    net.pass(2);
    assert_eq!([3, 4, 5].map(|worker| running(&net, worker, 0)), [Some(7), Some(7), None]);
    assert_eq!(net.read(0, Level::Routed), Some(7));
}

#[test]
fn a_pod_keeps_running_when_its_node_is_cut_off_and_learns_of_nothing_new() {
    let mut net = cluster(3);
    net.cut(&[4]);
    assert!(net.apply(0, 7));
    net.pass(600);
    assert_eq!([3, 4].map(|worker| running(&net, worker, 0)), [Some(7), Some(0)]);
    net.cut(&[]);
    net.pass(30);
    assert_eq!(running(&net, 4, 0), None, "its place was taken meanwhile");
}

#[test]
fn pods_and_names_go_on_without_a_control_plane() {
    let mut net = cluster(3);
    net.cut(&[0, 1, 2]);
    net.pass(600);
    for service in 0..6 {
        assert_eq!(net.read(service, Level::Routed), Some(0));
        assert_eq!(net.read(service, Level::Resolved), Some(0));
    }
    assert_eq!(net.read(0, Level::Linearizable), None);
    assert!(!net.apply(0, 7));
}

#[test]
fn a_node_is_not_ready_after_the_grace_period_and_its_endpoints_are_removed() {
    let mut net = cluster(3);
    net.cut(&[4]);
    // Its lease was renewed at most 10 s before, and is looked at every 5 s.
    net.pass(30);
    assert_eq!(endpoints(&net, 3, 0), [3, 4]);
    net.pass(16);
    assert_eq!(endpoints(&net, 3, 0), [3]);
    assert_eq!(endpoints(&net, 4, 0), [3, 4], "nobody told the node itself");
    net.cut(&[]);
    net.pass(25);
    assert_eq!(endpoints(&net, 3, 0), [3, 4], "it is back");
}

#[test]
fn pods_are_created_elsewhere_five_minutes_later_and_not_before() {
    let mut net = cluster(3);
    net.cut(&[4]);
    net.pass(329);
    assert_eq!(running(&net, 5, 0), None);
    net.pass(23);
    assert_eq!(running(&net, 5, 0), Some(0));
    assert_eq!(endpoints(&net, 3, 0), [3, 5]);
    assert_eq!(running(&net, 4, 0), Some(0), "two copies for as long as it is cut off");
}

#[test]
fn when_most_nodes_are_lost_nobody_is_evicted() {
    let mut net = cluster(3);
    net.cut(&[4, 5]);
    net.pass(600);
    assert_eq!(endpoints(&net, 3, 0), [3]);
    assert_eq!(endpoints(&net, 3, 1), [0_u32; 0], "both of its pods are on lost nodes");
    net.cut(&[]);
    net.pass(30);
    assert_eq!(endpoints(&net, 3, 1), [4, 5], "they were left where they are");
}

#[test]
fn a_service_whose_endpoints_are_gone_refuses_connections() {
    let mut net = cluster(3);
    net.cut(&[4, 5]);
    net.pass(60);
    let before = net.now;
    assert_eq!(net.read(1, Level::Routed), None);
    assert!(net.now - before < 10_000_000, "refused at once");
}

#[test]
fn a_resolver_answers_from_its_cache_for_a_time_to_live_and_not_longer() {
    let mut net = cluster(3);
    assert_eq!(net.read(0, Level::Resolved), Some(0));
    assert!(net.apply(0, 7));
    net.pass(28);
    assert_eq!(net.read(0, Level::Resolved), Some(0));
    net.pass(2);
    assert_eq!(net.read(0, Level::Resolved), Some(7));
}

#[test]
fn writes_are_refused_without_a_quorum_and_the_watch_cache_is_stale() {
    let mut net = cluster(3);
    // The client prefers API server 0, which keeps its machine; the others are out of reach.
    net.cut(&[1, 2]);
    net.pass(5);
    assert!(!net.apply(0, 7));
    assert_eq!(net.read(0, Level::Linearizable), None);
    assert_eq!(net.read(0, Level::EventualNearest), Some(0));
    net.cut(&[]);
    net.pass(5);
    assert!(net.apply(0, 8));
    assert_eq!(net.read(0, Level::Linearizable), Some(8));
}

#[test]
fn others_controllers_take_over_and_give_nodes_their_whole_grace() {
    let mut net = cluster(3);
    net.cut(&[0, 4]);
    // A leader of etcd after a second or two, active controllers after 15 to 19 s, and then 40 to 45 s.
    net.pass(10);
    assert!(net.apply(0, 7), "etcd has another leader");
    net.pass(1);
    assert_eq!(running(&net, 3, 0), Some(0), "nobody rolls it out");
    net.pass(10);
    assert_eq!(running(&net, 3, 0), Some(7));
    net.pass(30);
    assert_eq!(endpoints(&net, 3, 0), [3, 4]);
    net.pass(20);
    assert_eq!(endpoints(&net, 3, 0), [3]);
}

#[test]
fn a_cut_off_machine_comes_back_and_everybody_agrees() {
    use crate::protocol::Replica as _;
    let mut net = cluster(3);
    net.cut(&[0, 3]);
    net.pass(400);
    net.cut(&[]);
    net.pass(30);
    assert!(net.apply(2, 9));
    net.pass(20);
    let all: Vec<u32> = (0..6).map(|node| net.machine(node).inspect(Key(2)).0).collect();
    assert_eq!(all, [9; 6]);
    assert_eq!(net.machine(1).control().spec(Key(2)).0, 9);
}
