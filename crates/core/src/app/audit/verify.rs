//! Verifying chains: reads what is stored and believes none of it.

use std::fmt;

use mongodb::bson::doc;

use super::HeadLine;
use crate::{
    app::{App, AppError},
    crypto::ChainHash,
    domain::{
        OrganizationId, Tenant,
        audit::{AuditEntry, AuditHead},
    },
};

/// Entries read at once.
const BATCH: i64 = 500;
/// Findings told of one chain; the first says where to look.
const FINDINGS_MAX: usize = 50;

/// Something that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// An entry does not say what its hash was made over.
    Changed(i64),
    /// An entry does not follow the one before it: one of them was put in or moved, or was made anew.
    Unlinked(i64),
    /// Nobody with the system key has written an entry.
    Forged(i64),
    /// Entries from the first number up to the second are gone.
    Missing(i64, i64),
    /// A place is taken twice.
    Twice(i64),
    /// The chain ends before the place that its head names.
    CutOff {
        /// Where it ends.
        ends: i64,
        /// Where the head says that it came to.
        head: i64,
    },
    /// The entry at the head's place is another than the head's.
    OtherThanHead(i64),
    /// There are entries and no head.
    NoHead,
    /// Nobody with the system key has written the head.
    ForgedHead,
    /// There are more documents than could be read in order.
    Stray,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(at) => write!(f, "entry {at} was changed"),
            Self::Unlinked(at) => write!(f, "entry {at} does not follow the one before it"),
            Self::Forged(at) => write!(f, "entry {at} was not written by the gateway"),
            Self::Missing(from, to) if from == to => write!(f, "entry {from} is missing"),
            Self::Missing(from, to) => write!(f, "entries {from} to {to} are missing"),
            Self::Twice(at) => write!(f, "there are two entries {at}"),
            Self::CutOff { ends, head } => {
                write!(f, "the end is cut off: the last entry is {ends}, and there were {head}")
            }
            Self::OtherThanHead(at) => write!(f, "entry {at} is not the one that was there"),
            Self::NoHead => f.write_str("the head of the chain is missing"),
            Self::ForgedHead => f.write_str("the head of the chain was not written by the gateway"),
            Self::Stray => f.write_str("there are entries without a place in the chain"),
        }
    }
}

/// What was found of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose.
    pub organization: OrganizationId,
    /// How many entries there are.
    pub entries: u64,
    /// How many are under a system key that is not loaded. They stand on the hashes of later ones.
    pub under_lost_keys: u64,
    /// Where it ends; to be kept elsewhere.
    pub end: Option<HeadLine>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Verifies the chain of one organization, or of all and of the installation. `kept` are heads that were kept
/// outside of the database.
pub async fn verify(
    app: &App,
    only: Option<OrganizationId>,
    kept: &[HeadLine],
) -> Result<Vec<Report>, AppError> {
    let mut all: Vec<OrganizationId> = if let Some(organization) = only {
        vec![organization]
    } else {
        let organizations = app.store.organizations().await?.into_iter().map(|one| one.id);
        let heads = super::heads(app).await?.into_iter().map(|head| head.organization);
        let kept = kept.iter().map(|head| head.organization);
        organizations.chain(heads).chain(kept).chain([Tenant::INSTALLATION.organization]).collect()
    };
    all.sort_unstable();
    all.dedup();
    let mut reports = Vec::with_capacity(all.len());
    for organization in all {
        let kept: Vec<HeadLine> =
            kept.iter().copied().filter(|head| head.organization == organization).collect();
        reports.push(chain(app, organization, &kept).await?);
    }
    Ok(reports)
}

/// What is remembered on the way along a chain.
struct Walk<'a> {
    app: &'a App,
    report: Report,
    /// Where the last entry stood, and its hash.
    last: (i64, ChainHash),
    /// Heads that are still to be met.
    heads: Vec<(i64, ChainHash)>,
}

async fn chain(app: &App, organization: OrganizationId, kept: &[HeadLine]) -> Result<Report, AppError> {
    let store = app.store.for_org(AuditEntry::tenant_of(organization));
    // First the head, then the chain: what is appended meanwhile is beyond it.
    let head = store.get::<AuditHead>(organization).await?;
    let mut heads: Vec<_> = kept.iter().map(|head| (head.sequence, head.hash)).collect();
    heads.extend(head.as_ref().map(|head| (head.sequence, head.hash)));
    let report = Report { organization, entries: 0, under_lost_keys: 0, end: None, findings: Vec::new() };
    let mut walk = Walk { app, report, last: (0, ChainHash::START), heads };
    let mut after = i64::MIN;
    loop {
        let beyond = doc! { "sequence": { "$gt": after } };
        let batch: Vec<AuditEntry> = store.find(beyond, doc! { "sequence": 1 }, BATCH).await?;
        for entry in &batch {
            walk.step(entry);
        }
        match batch.last() {
            Some(entry) => after = entry.sequence,
            None => break,
        }
    }
    if store.count::<AuditEntry>(doc! { "sequence": { "$lte": after } }, u64::MAX >> 1).await?
        != walk.report.entries
    {
        walk.find(Finding::Stray);
    }
    Ok(walk.end(head.as_ref()))
}

impl Walk<'_> {
    fn find(&mut self, finding: Finding) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(finding);
        }
    }

    fn step(&mut self, entry: &AuditEntry) {
        let ((last, hash), at) = (self.last, entry.sequence);
        self.report.entries += 1;
        if at == last {
            self.find(Finding::Twice(at));
        } else if at > last + 1 {
            self.find(Finding::Missing(last + 1, at - 1));
        } else if entry.previous != hash {
            self.find(Finding::Unlinked(at));
        }
        if entry.true_hash() != entry.hash {
            self.find(Finding::Changed(at));
        }
        match entry.is_vouched_for(self.app.store.keys().chains()) {
            Some(true) => {}
            Some(false) => self.find(Finding::Forged(at)),
            None => self.report.under_lost_keys += 1,
        }
        let other = self.heads.iter().any(|(place, hash)| *place == at && *hash != entry.hash);
        if other {
            self.find(Finding::OtherThanHead(at));
        }
        self.last = (at, entry.hash);
    }

    fn end(mut self, head: Option<&AuditHead>) -> Report {
        let (ends, hash) = self.last;
        let farthest = self.heads.iter().map(|(place, _)| *place).max().unwrap_or(0);
        if farthest > ends {
            self.find(Finding::CutOff { ends, head: farthest });
        }
        match head {
            None if ends > 0 => self.find(Finding::NoHead),
            Some(head) if head.is_vouched_for(self.app.store.keys().chains()) == Some(false) => {
                self.find(Finding::ForgedHead);
            }
            _ => {}
        }
        let organization = self.report.organization;
        self.report.end = (ends > 0).then_some(HeadLine { organization, sequence: ends, hash });
        self.report
    }
}
