//! The median delays of a plan, jitter included, as protocols' closed forms and nearest-replica choices see them.

use crate::op::NodeId;
use crate::protocol::Geometry;
use crate::scenario::plan::{Link, Plan};
use crate::time::Duration;

/// All replicas and one client per group, with every delay and sync at its median.
#[must_use]
pub fn geometry(plan: &Plan) -> Geometry {
    let median = |link: &Link| {
        link.base.scale(link.jitter_factor.typical()) + Duration::from_ms(link.jitter_ms.typical())
    };
    let disk = plan.replicas.iter().map(|host| Duration::from_ms(host.disk_ms.typical())).max();
    Geometry {
        replicas: plan.replicas.len() as u32,
        disk: disk.unwrap_or(Duration::ZERO),
        processes: plan.sites(),
        one_way: plan.links.iter().map(median).collect(),
        regions: plan.site_regions().map(|region| region as u16).collect(),
    }
}

/// The address that stands for a client group in [`geometry`].
#[must_use]
pub fn client_address(plan: &Plan, group: usize) -> NodeId {
    NodeId((plan.replicas.len() + group) as u32)
}
