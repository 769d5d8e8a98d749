//! Places: from region names to machines, and from any name to the sites it means.
//!
//! A *site* is a replica or a client group. Links, faults and probes name sites in the same words,
//! which are looked up here: nodes, client groups, regions, zones, and `clients`, `replicas`, `*`.

use super::document::{Document, HostEntry, ReplicaEntry};
use super::plan::{ClientGroup, ClockError, Host, Mix};
use super::regions::Matrix;
use super::source::Refusal;
use super::vary::label_is_fit;
use crate::distribution::Distribution;
use crate::op::unknown;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;

/// The link table is the square of this.
const SITES_MAX: usize = 256;
/// Sessions of one scenario, all groups together.
const SESSIONS_MAX: u32 = 1_000_000;
/// Words that select links and so cannot be names.
const RESERVED: [&str; 3] = ["*", "clients", "replicas"];

/// Region names as written, and what they stand for.
pub(super) type Rename = BTreeMap<String, String>;

/// All sites of a scenario, with every name that can mean one.
pub(super) struct Sites {
    /// Regions in use, in order of appearance, under their final names.
    pub(super) regions: Vec<String>,
    pub(super) replicas: Vec<Host>,
    pub(super) clients: Vec<ClientGroup>,
    client_names: Vec<Option<String>>,
    rename: Rename,
}

/// A place as written: region and, perhaps, zone.
pub(super) fn split_place(place: &str) -> (&str, Option<&str>) {
    match place.split_once('/') {
        Some((region, zone)) => (region, Some(zone)),
        None => (place, None),
    }
}

/// The region names of a document, in order of appearance, without repeats.
pub(super) fn regions_named(document: &Document, into: &mut Vec<String>) {
    let replicas = document.replicas.get_ref().iter().map(|entry| match entry.get_ref() {
        ReplicaEntry::Place(place) => place.as_str(),
        ReplicaEntry::Table(table) => table.region.get_ref(),
    });
    let clients = document.clients.get_ref().iter().map(|c| c.get_ref().region.get_ref().as_str());
    for place in replicas.chain(clients) {
        let region = split_place(place).0;
        if !into.iter().any(|known| known == region) {
            into.push(region.to_owned());
        }
    }
}

impl Sites {
    /// Places every replica and client group; `mixes` are the groups' loads.
    pub(super) fn place(
        document: &Document,
        matrix: &Matrix,
        rename: &Rename,
        mixes: Vec<Mix>,
    ) -> Result<Self, Refusal> {
        let mut sites = Self {
            regions: Vec::new(),
            replicas: Vec::new(),
            clients: Vec::new(),
            client_names: Vec::new(),
            rename: rename.clone(),
        };
        if document.replicas.get_ref().is_empty() {
            let message = "replicas is empty; a store needs at least one";
            return Err(Refusal::at(document.replicas.span(), message));
        }
        if document.clients.get_ref().is_empty() {
            return Err(Refusal::at(document.clients.span(), "there are no [[clients]]"));
        }
        let count = document.replicas.get_ref().len() + document.clients.get_ref().len();
        if count > SITES_MAX {
            let message = format!("{count} replicas and client groups; at most {SITES_MAX} fit");
            return Err(Refusal::at(document.replicas.span(), message));
        }
        for entry in document.replicas.get_ref() {
            sites.add_replica(entry, &document.replica, matrix)?;
        }
        sites.fill_zones();
        sites.add_clients(document, matrix, mixes)?;
        sites.check_names(document)?;
        Ok(sites)
    }

    fn add_replica(
        &mut self,
        entry: &Spanned<ReplicaEntry>,
        defaults: &HostEntry,
        matrix: &Matrix,
    ) -> Result<(), Refusal> {
        let plain_name = format!("n{}", self.replicas.len());
        let (place, span, own) = match entry.get_ref() {
            ReplicaEntry::Place(place) => (place, entry.span(), None),
            ReplicaEntry::Table(table) => {
                (table.region.get_ref(), table.region.span(), Some(table))
            }
        };
        let (region, zone) = self.find_place(place, matrix).map_err(|m| Refusal::at(span, m))?;
        let name = own.and_then(|own| own.name.as_ref()).map(Spanned::get_ref);
        let pick = |own: Option<&Distribution>, default: &Option<Distribution>| {
            own.or(default.as_ref()).cloned().unwrap_or(Distribution::ZERO)
        };
        let clock = own.and_then(|own| own.clock.as_ref()).or(defaults.clock.as_ref());
        self.replicas.push(Host {
            name: name.cloned().unwrap_or(plain_name),
            region,
            zone: zone.unwrap_or_default(),
            service_ms: pick(own.and_then(|own| own.service_ms.as_ref()), &defaults.service_ms),
            disk_ms: pick(own.and_then(|own| own.disk_ms.as_ref()), &defaults.disk_ms),
            clock: clock.map(check_clock).transpose()?.unwrap_or_default(),
        });
        Ok(())
    }

    /// Replicas without a zone get the first letters that are still free in their region.
    fn fill_zones(&mut self) {
        for index in 0..self.replicas.len() {
            if !self.replicas[index].zone.is_empty() {
                continue;
            }
            let region = self.replicas[index].region;
            let taken = |zone: &str| {
                self.replicas.iter().any(|other| other.region == region && other.zone == zone)
            };
            let letters = (b'a'..=b'z').map(|letter| char::from(letter).to_string());
            let numbers = (1..=SITES_MAX).map(|number| format!("z{number}"));
            let free = letters.chain(numbers).find(|zone| !taken(zone));
            self.replicas[index].zone = free.unwrap_or_default();
        }
    }

    fn add_clients(
        &mut self,
        document: &Document,
        matrix: &Matrix,
        mixes: Vec<Mix>,
    ) -> Result<(), Refusal> {
        let mut total = 0_u32;
        for (entry, mix) in document.clients.get_ref().iter().zip(mixes) {
            let entry = entry.get_ref();
            let (region, zone) = self
                .find_place(entry.region.get_ref(), matrix)
                .map_err(|message| Refusal::at(entry.region.span(), message))?;
            let sessions = *entry.sessions.get_ref();
            total = total.saturating_add(sessions);
            if sessions == 0 || total > SESSIONS_MAX {
                let message = format!(
                    "sessions is {sessions}; a group needs at least 1, and all together at most \
                     {SESSIONS_MAX}"
                );
                return Err(Refusal::at(entry.sessions.span(), message));
            }
            let zone = zone.unwrap_or_else(|| "a".to_owned());
            self.clients.push(ClientGroup { region, zone, sessions, mix });
            self.client_names.push(entry.name.as_ref().map(|name| name.get_ref().clone()));
        }
        Ok(())
    }

    fn check_names(&self, document: &Document) -> Result<(), Refusal> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        for entry in document.replicas.get_ref() {
            spans.push(match entry.get_ref() {
                ReplicaEntry::Table(table) if table.name.is_some() => {
                    table.name.as_ref().map_or(entry.span(), Spanned::span)
                }
                _ => entry.span(),
            });
        }
        let mut names: Vec<&str> = self.replicas.iter().map(|host| host.name.as_str()).collect();
        for (entry, name) in document.clients.get_ref().iter().zip(&self.client_names) {
            if let Some(name) = name {
                names.push(name);
                spans.push(entry.get_ref().name.as_ref().map_or(entry.span(), Spanned::span));
            }
        }
        for (index, name) in names.iter().enumerate() {
            let refuse = |message| Err(Refusal::at(spans[index].clone(), message));
            if let Err(message) = label_is_fit("this", name) {
                return refuse(message);
            }
            let is_region = self.regions.iter().any(|region| region == name);
            if is_region || RESERVED.contains(name) || names[..index].contains(name) {
                return refuse(format!("the name `{name}` means something else already"));
            }
        }
        Ok(())
    }

    fn find_place(
        &mut self,
        place: &str,
        matrix: &Matrix,
    ) -> Result<(usize, Option<String>), String> {
        let (region, zone) = split_place(place);
        let region = self.rename.get(region).map_or(region, String::as_str);
        matrix.index(region)?;
        if zone.is_some_and(|zone| label_is_fit("a zone", zone).is_err()) {
            return Err(format!("`{place}` is not a place; write `region` or `region/zone`"));
        }
        let known = self.regions.iter().position(|known| known == region);
        let index = known.unwrap_or_else(|| {
            self.regions.push(region.to_owned());
            self.regions.len() - 1
        });
        Ok((index, zone.map(str::to_owned)))
    }

    /// How many sites there are.
    pub(super) fn count(&self) -> usize {
        self.replicas.len() + self.clients.len()
    }

    /// Region and zone of every site, in order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (usize, &str)> {
        let replicas = self.replicas.iter().map(|host| (host.region, host.zone.as_str()));
        replicas.chain(self.clients.iter().map(|group| (group.region, group.zone.as_str())))
    }

    /// Where the replicas are: `us-east-1/a`.
    pub(super) fn replica_places(&self) -> Vec<String> {
        self.places().take(self.replicas.len()).collect()
    }

    /// Where the clients are.
    pub(super) fn client_places(&self) -> Vec<String> {
        self.places().skip(self.replicas.len()).collect()
    }

    fn places(&self) -> impl Iterator<Item = String> {
        self.addresses().map(|(region, zone)| format!("{}/{zone}", self.regions[region]))
    }

    /// The replica of that name.
    pub(super) fn replica(&self, name: &str) -> Result<usize, String> {
        let names = || self.replicas.iter().map(|host| host.name.as_str());
        names().position(|known| known == name).ok_or_else(|| unknown("replica", name, names()))
    }

    /// The client group of that name or at that place.
    pub(super) fn group(&self, name: &str) -> Result<usize, String> {
        let first = self.replicas.len();
        let found = self.select(name)?;
        match found.iter().filter(|site| **site >= first).collect::<Vec<_>>()[..] {
            [site] => Ok(site - first),
            [] => Err(format!("no clients are at `{name}`")),
            _ => Err(format!("several client groups are at `{name}`; give them a name")),
        }
    }

    /// The sites that a name, a region, a zone or one of the words `*`, `clients`, `replicas`
    /// means.
    pub(super) fn select(&self, text: &str) -> Result<Vec<usize>, String> {
        let (replicas, all) = (self.replicas.len(), self.count());
        match text {
            "*" => return Ok((0..all).collect()),
            "replicas" => return Ok((0..replicas).collect()),
            "clients" => return Ok((replicas..all).collect()),
            _ => {}
        }
        if let Some(index) = self.replicas.iter().position(|host| host.name == text) {
            return Ok(vec![index]);
        }
        let named = |name: &Option<String>| name.as_deref() == Some(text);
        if let Some(index) = self.client_names.iter().position(named) {
            return Ok(vec![replicas + index]);
        }
        let (region, zone) = split_place(text);
        let region = self.rename.get(region).map_or(region, String::as_str);
        let here = |(place, its_zone): (usize, &str)| {
            self.regions[place] == region && zone.is_none_or(|zone| zone == its_zone)
        };
        let found: Vec<usize> =
            self.addresses().enumerate().filter(|(_, at)| here(*at)).map(|(i, _)| i).collect();
        if found.is_empty() {
            let places: Vec<String> = self.places().collect();
            let hosts = self.replicas.iter().map(|host| host.name.as_str());
            let groups = self.client_names.iter().flatten().map(String::as_str);
            let regions = self.regions.iter().map(String::as_str);
            let known = hosts.chain(groups).chain(regions).chain(RESERVED);
            let near_zone = zone.map(|_| places.iter().map(String::as_str)).into_iter().flatten();
            return Err(unknown("place or node", text, known.chain(near_zone)));
        }
        Ok(found)
    }
}

fn check_clock(clock: &Spanned<ClockError>) -> Result<ClockError, Refusal> {
    let ClockError { offset_ms, drift_ppm } = *clock.get_ref();
    for (name, value, most) in [("offset_ms", offset_ms, 1e7), ("drift_ppm", drift_ppm, 1e5)] {
        // Written so that NaN is out of range too.
        if !(-most..=most).contains(&value) {
            let message = format!("clock.{name} is {value}; it must be from -{most} to {most}");
            return Err(Refusal::at(clock.span(), message));
        }
    }
    Ok(*clock.get_ref())
}
