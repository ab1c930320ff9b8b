//! What a person must look at.

use serde::{Deserialize, Serialize};

use super::Transaction;
use crate::{
    Timestamp,
    opaque::PrivateText,
    outbox::{Changed, EventType},
};

/// Something that a person must look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// A stable word: `amount_mismatch`, `late_success`, `second_payment`, `outcome_unknown` …
    pub reason: String,
    /// What was seen; it may repeat what a provider said.
    pub detail: PrivateText,
    /// When.
    pub at: Timestamp,
}

/// Reasons in front of which others go: they tell less of what is to be done.
const LESSER: &[&str] = &["late_success", "shop_may_not_follow"];

impl Transaction {
    /// Flags it for a person. A reason that it is flagged for already changes nothing; of several the one that was
    /// there first is shown first, unless it tells less.
    pub fn flag(&mut self, reason: &str, detail: impl Into<PrivateText>, now: Timestamp) {
        if self.is_flagged(reason) {
            return;
        }
        let fresh = Review { reason: reason.to_owned(), detail: detail.into(), at: now };
        match self.needs_review.take() {
            None => self.needs_review = Some(fresh),
            Some(shown) if LESSER.contains(&shown.reason.as_str()) && !LESSER.contains(&reason) => {
                self.more_reviews.insert(0, shown);
                self.needs_review = Some(fresh);
            }
            Some(shown) => {
                self.needs_review = Some(shown);
                self.more_reviews.push(fresh);
            }
        }
        self.outbox.push(EventType::TransactionNeedsReview, now, vec![Changed::text("needsReview", reason)]);
        self.updated_at = now;
    }

    /// Takes a reason back that is gone by itself; the next one is shown. Answers whether it was there.
    pub fn unflag(&mut self, reason: &str, now: Timestamp) -> bool {
        let count = self.reviews().count();
        self.more_reviews.retain(|review| review.reason != reason);
        if self.needs_review.as_ref().is_some_and(|review| review.reason == reason) {
            self.show_next_review();
        }
        let is_gone = self.reviews().count() < count;
        if is_gone {
            self.updated_at = now;
        }
        is_gone
    }

    /// A person has dealt with what is shown; the next reason is shown.
    pub fn resolve_review(&mut self, now: Timestamp) {
        self.show_next_review();
        self.updated_at = now;
    }

    /// Whether a person is asked to look at it for a reason.
    pub fn is_flagged(&self, reason: &str) -> bool {
        self.reviews().any(|review| review.reason == reason)
    }

    /// Every reason, the one that is shown first.
    pub fn reviews(&self) -> impl Iterator<Item = &Review> {
        self.needs_review.iter().chain(&self.more_reviews)
    }

    fn show_next_review(&mut self) {
        self.needs_review = (!self.more_reviews.is_empty()).then(|| self.more_reviews.remove(0));
    }
}
