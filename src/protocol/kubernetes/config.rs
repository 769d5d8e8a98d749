//! The settings: Kubernetes' own flags under their meaning, with their defaults.
//!
//! From the reference of kube-controller-manager (`--node-monitor-period` 5 s, `--node-monitor-grace-period`
//! 40 s, 50 s from 1.32 on; `--leader-elect-lease-duration` 15 s, `-renew-deadline` 10 s, `-retry-period` 2 s),
//! "Nodes" (leases are renewed every 10 s), "Taints and Tolerations" (`tolerationSeconds` 300), "Customizing
//! DNS Service" (`cache 30`), and etcd's tuning guide (100 ms, 1000 ms).

use crate::protocol::parts::limits;
use crate::protocol::raft;
use crate::time::Duration;
use serde::Deserialize;

/// Placements are the bits of a word, one of which says that there is one.
const WORKERS_MAX: u32 = 31;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many machines, from the first on, make the control plane. By default three if there are more
    /// than three machines, else one.
    pub control_plane: Option<u32>,
    /// How many pods each service has, on as many workers.
    pub pods: u32,
    /// The control-plane machine whose etcd member leads at first.
    pub leader: u32,
    /// etcd's heartbeat.
    pub heartbeat: Duration,
    /// etcd's election timeout.
    pub election_timeout: Duration,
    /// How often a kubelet renews its node's lease, and finds out whether its API server still can.
    pub lease_renew: Duration,
    /// How often the active controllers look at leases.
    pub node_monitor: Duration,
    /// How long a lease may go without renewal before its node is not ready and its pods are no endpoints.
    pub node_grace: Duration,
    /// How long after that pods are created elsewhere.
    pub eviction: Duration,
    /// How long the active controllers may go without renewing before others take over.
    pub controllers_lease: Duration,
    /// How long they go on themselves without having renewed.
    pub renew_deadline: Duration,
    /// How often they renew, and others look.
    pub retry: Duration,
    /// How long a resolver answers from what it looked up.
    pub dns_ttl: Duration,
    /// How long a pod takes from being ordered to serving; its predecessor serves until then.
    pub pod_start: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            control_plane: None,
            pods: 2,
            leader: 0,
            heartbeat: Duration::millis(100),
            election_timeout: Duration::secs(1),
            lease_renew: Duration::secs(10),
            node_monitor: Duration::secs(5),
            node_grace: Duration::secs(40),
            eviction: Duration::secs(300),
            controllers_lease: Duration::secs(15),
            renew_deadline: Duration::secs(10),
            retry: Duration::secs(2),
            dns_ttl: Duration::secs(30),
            pod_start: Duration::secs(1),
        }
    }
}

impl Config {
    /// How many of so many machines are the control plane's.
    pub(super) fn control_plane(&self, machines: u32) -> u32 {
        self.control_plane.unwrap_or(if machines > 3 { 3 } else { 1 })
    }

    /// The settings of the etcd members.
    pub(super) fn etcd(&self) -> raft::Config {
        raft::Config {
            leader: self.leader,
            heartbeat: self.heartbeat,
            election_timeout: self.election_timeout,
            ..raft::Config::default()
        }
    }

    /// Refuses settings that make no sense for this many machines.
    pub(super) fn validate(&self, machines: u32) -> Result<(), String> {
        let control = self.control_plane(machines);
        if control == 0 || control >= machines {
            return Err(format!(
                "`control_plane` is {control} of {machines} machines; write at least 1, and leave at \
                 least one worker"
            ));
        }
        let workers = machines - control;
        if workers > WORKERS_MAX {
            return Err(format!("{workers} workers; write at most {WORKERS_MAX}"));
        }
        if self.pods == 0 {
            return Err("`pods` is 0; a service has at least 1".into());
        }
        self.etcd().validate(control)?;
        for (name, value) in [
            ("lease_renew", self.lease_renew),
            ("node_monitor", self.node_monitor),
            ("retry", self.retry),
        ] {
            limits::interval(name, value)?;
        }
        for (short, name, long, other) in [
            (self.lease_renew, "lease_renew", self.node_grace, "node_grace"),
            (self.retry, "retry", self.renew_deadline, "renew_deadline"),
            (self.renew_deadline, "renew_deadline", self.controllers_lease, "controllers_lease"),
        ] {
            if short >= long {
                return Err(format!("`{name}` ({short}) must be shorter than `{other}` ({long})"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_more_than_three_machines_are_the_control_plane() {
        let config = Config::default();
        assert_eq!([2, 3, 4, 9].map(|n| config.control_plane(n)), [1, 1, 3, 3]);
        assert_eq!(Config { control_plane: Some(5), ..config }.control_plane(9), 5);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let base = Config::default;
        let second = Duration::secs(1);
        for (config, machines, says) in [
            (base(), 1, "leave at least one worker"),
            (Config { control_plane: Some(4), ..base() }, 4, "`control_plane` is 4 of 4"),
            (base(), 40, "write at most 31"),
            (Config { pods: 0, ..base() }, 4, "`pods` is 0"),
            (Config { leader: 3, ..base() }, 5, "write 0 to 2"),
            (Config { node_grace: second, ..base() }, 5, "shorter than `node_grace` (1s)"),
            (Config { controllers_lease: second, ..base() }, 5, "than `controllers_lease`"),
            (Config { lease_renew: Duration(0), ..base() }, 5, "write at least 1us"),
        ] {
            let refused = config.validate(machines).expect_err(says);
            assert!(refused.contains(says), "{refused}");
        }
        assert_eq!(base().validate(6), Ok(()));
    }
}
