//! The directed links between sites: as long as the matrix says, as noisy as the scenario says.
//!
//! The delay of one direction between regions is half the round trip the matrix gives for it;
//! within a zone and between the zones of a region, half the matrix's values for those. `[link]`
//! says what all links are like otherwise, and each `[[links]]` entry, in order, changes some of
//! them.

use super::document::{Document, LegsEntry, LinkEntry, LinkOverride};
use super::plan::{Link, Order};
use super::regions::{Matrix, RTT_MAX_MS};
use super::source::Refusal;
use super::topology::Sites;
use crate::distribution::Distribution;
use crate::time::Duration;
use toml::Spanned;

/// Linux's smallest retransmission timeout for TCP, the default after a loss.
const RETRANSMIT: Duration = Duration::millis(200);

impl Sites {
    /// The directed links between all sites, row-major.
    pub(super) fn links(&self, document: &Document, matrix: &Matrix) -> Result<Vec<Link>, Refusal> {
        let addresses: Vec<(usize, &str)> = self.addresses().collect();
        let index: Vec<usize> =
            self.regions.iter().filter_map(|region| matrix.index(region).ok()).collect();
        let base = |from: (usize, &str), to: (usize, &str)| {
            if from.0 != to.0 {
                matrix.one_way(index[from.0], index[to.0])
            } else if from.1 != to.1 {
                Duration::from_ms(matrix.cross_az_rtt_ms / 2.0)
            } else {
                Duration::from_ms(matrix.intra_az_rtt_ms / 2.0)
            }
        };
        let mut links = Vec::with_capacity(addresses.len() * addresses.len());
        for from in &addresses {
            links.extend(addresses.iter().map(|to| still(base(*from, *to))));
        }
        for link in &mut links {
            change(link, &document.link)?;
        }
        for entry in &document.links {
            self.apply(entry, &mut links)?;
        }
        // A site's link to itself carries nothing; it stays plain so that nobody reads meaning into
        // it.
        for site in 0..addresses.len() {
            links[site * addresses.len() + site] = still(Duration::ZERO);
        }
        Ok(links)
    }

    fn apply(&self, entry: &Spanned<LinkOverride>, links: &mut [Link]) -> Result<(), Refusal> {
        let written = entry.get_ref();
        let side = |name: &Spanned<String>| {
            self.select(name.get_ref()).map_err(|message| Refusal::at(name.span(), message))
        };
        let (from, to) = (side(&written.from)?, side(&written.to)?);
        let base = match (&written.rtt_ms, &written.delay_ms) {
            (Some(rtt), None) if written.both || from == to => Some(length(rtt, "rtt_ms", 0.5)?),
            (Some(rtt), None) => {
                let message = "rtt_ms is there and back: add both = true, or give delay_ms for one \
                               direction";
                return Err(Refusal::at(rtt.span(), message));
            }
            (None, Some(delay)) => Some(length(delay, "delay_ms", 1.0)?),
            (None, None) => None,
            (Some(_), Some(delay)) => {
                let message = "rtt_ms and delay_ms contradict each other; give one of them";
                return Err(Refusal::at(delay.span(), message));
            }
        };
        let changes = written.entry();
        let names = (written.from.get_ref().as_str(), written.to.get_ref().as_str());
        self.matters(names, (&from, &to), base.is_some() || changes != LinkEntry::default())
            .map_err(|message| Refusal::at(entry.span(), message))?;
        for &a in &from {
            for &b in &to {
                let back = if written.both { vec![(a, b), (b, a)] } else { vec![(a, b)] };
                for (x, y) in back {
                    let link = &mut links[x * self.count() + y];
                    link.base = base.unwrap_or(link.base);
                    change(link, &changes)?;
                }
            }
        }
        Ok(())
    }

    /// Whether an entry changes something of a link that messages take.
    fn matters(
        &self,
        (from, to): (&str, &str),
        (these, those): (&[usize], &[usize]),
        changes: bool,
    ) -> Result<(), String> {
        let replicas = self.replicas.len();
        let used = |a: usize, b: usize| a != b && (a < replicas || b < replicas);
        if !these.iter().any(|&a| those.iter().any(|&b| used(a, b))) {
            return Err(format!(
                "no message goes from `{from}` to `{to}`, so this entry has no effect; name two places \
                 that differ, of which one has a replica"
            ));
        }
        if !changes {
            return Err(
                "this entry changes nothing; give it rtt_ms, delay_ms or a key of [link], or take \
                        it out"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

fn still(base: Duration) -> Link {
    Link {
        base,
        jitter_ms: Distribution::ZERO,
        legs: [None, None, None, None],
        jitter_factor: Distribution::Constant(1.0),
        loss: 0.0,
        retransmit: Some(RETRANSMIT),
        bandwidth: None,
        order: Order::Fifo,
    }
}

fn length(ms: &Spanned<f64>, name: &str, share: f64) -> Result<Duration, Refusal> {
    let value = *ms.get_ref();
    if (0.0..=RTT_MAX_MS).contains(&value) {
        return Ok(Duration::from_ms(value * share));
    }
    let message = format!("{name} is {value}; it must be from 0 to {RTT_MAX_MS} ms");
    Err(Refusal::at(ms.span(), message))
}

fn change(link: &mut Link, entry: &LinkEntry) -> Result<(), Refusal> {
    if let Some(jitter) = &entry.jitter_ms {
        link.jitter_ms = jitter.clone();
    }
    if let Some(LegsEntry { write, write_ack, read, read_ack }) = &entry.legs {
        for (leg, jitter) in link.legs.iter_mut().zip([write, write_ack, read, read_ack]) {
            *leg = jitter.clone().or(leg.take());
        }
    }
    if let Some(factor) = &entry.jitter_factor {
        link.jitter_factor = factor.clone();
    }
    if let Some(loss) = &entry.loss {
        link.loss = *loss.get_ref();
        if !(0.0..1.0).contains(&link.loss) {
            let message = format!("loss is {}; it must be from 0 to below 1", link.loss);
            return Err(Refusal::at(loss.span(), message));
        }
    }
    if let Some(retransmit) = entry.retransmit {
        link.retransmit = retransmit.0;
    }
    if let Some(bandwidth) = &entry.bandwidth {
        let value = *bandwidth.get_ref();
        if !(value.is_finite() && value > 0.0) {
            let message = format!("bandwidth is {value}; it must be above 0 bytes per second");
            return Err(Refusal::at(bandwidth.span(), message));
        }
        link.bandwidth = Some(value);
    }
    link.order = entry.order.unwrap_or(link.order);
    Ok(())
}
