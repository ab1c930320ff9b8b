//! One thing that a shop is told.

use serde::{Deserialize, Serialize};

use super::{DisputeWord, payment::is_false};
use crate::{CheckoutId, DeliveryId, Timestamp, TransactionId};

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// It is to be answered still.
    Waiting,
    /// The shop answered 200.
    Answered,
    /// A newer one took its place.
    Replaced,
    /// It will not be sent again.
    GivenUp,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Rises within the order: the `eventVersion`.
    pub number: i64,
    /// The payment that it is about.
    pub payment: TransactionId,
    /// What it says.
    pub status: i8,
    /// The dispute that it is about (version 1).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dispute: Option<DisputeWord>,
    /// A 0 that goes before a 1 so that it is followed (R4): that 1 does not replace it.
    #[serde(skip_serializing_if = "is_false", default)]
    pub opens: bool,
    /// The checkout whose session and address it uses.
    pub checkout: CheckoutId,
    /// Of which version its body is.
    pub version: u8,
    /// Its delivery, where that does not follow from order and number: made before there were orders.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivery: Option<DeliveryId>,
    /// When it was made.
    pub at: Timestamp,
    /// Where it stands.
    pub state: NotificationState,
    /// Whether it has left at least once.
    #[serde(skip_serializing_if = "is_false", default)]
    pub sent: bool,
    /// How often the receiver answered it with anything but success.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub refusals: i64,
}

impl Notification {
    /// Whether the shop has not answered it yet, and should.
    pub fn waits(&self) -> bool {
        self.state == NotificationState::Waiting
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(value: &i64) -> bool {
    *value == 0
}
