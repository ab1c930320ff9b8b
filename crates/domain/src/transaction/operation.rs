//! Captures and cancels asked for through the API: intents with a state of their own, recorded before the
//! provider is called, so that a crash between the two is seen and finished.

use serde::{Deserialize, Serialize};

use super::{Failure, RefundState, Transaction, TransactionStatus};
use crate::{Money, RefundId, Timestamp, checkout::Idempotency};

/// At most this many are kept.
const OPERATIONS_MAX: usize = 50;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Take authorized money.
    Capture,
    /// End a payment that has not been taken.
    Cancel,
}

impl OperationKind {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Cancel => "cancel",
        }
    }
}

/// An intent. Its states are a refund's: not sent, unknown, succeeded, failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its id; also the provider's idempotency key.
    pub id: RefundId,
    /// What is asked for.
    pub kind: OperationKind,
    /// Minor units to capture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount: Option<i64>,
    /// Where it stands.
    pub state: RefundState,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// The record of the request that made it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idem: Option<Idempotency>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why an operation is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The status does not allow it.
    #[error("a transaction that is {0} cannot be {1}")]
    Status(TransactionStatus, &'static str),
    /// More than was authorized, or nothing.
    #[error("must be more than zero and at most {0}")]
    Amount(Money),
    /// Another one runs.
    #[error("another capture or cancel of this transaction is running")]
    Running,
    /// Too many were tried.
    #[error("too many captures and cancels were tried")]
    TooMany,
}

impl Transaction {
    /// Decides a capture: all of the authorized amount where `amount` is absent.
    pub fn request_capture(
        &mut self,
        id: RefundId,
        amount: Option<i64>,
        idem: Option<Idempotency>,
        now: Timestamp,
    ) -> Result<(), OperationError> {
        if self.status != TransactionStatus::Authorized {
            return Err(OperationError::Status(self.status, "captured"));
        }
        if amount.is_some_and(|amount| !(1..=self.amount).contains(&amount)) {
            return Err(OperationError::Amount(self.in_its_currency(self.amount)));
        }
        self.push_operation(OperationKind::Capture, id, amount, idem, now)
    }

    /// Decides a cancel.
    pub fn request_cancel(
        &mut self,
        id: RefundId,
        idem: Option<Idempotency>,
        now: Timestamp,
    ) -> Result<(), OperationError> {
        if !self.status.is_open() {
            return Err(OperationError::Status(self.status, "cancelled"));
        }
        self.push_operation(OperationKind::Cancel, id, None, idem, now)
    }

    fn push_operation(
        &mut self,
        kind: OperationKind,
        id: RefundId,
        amount: Option<i64>,
        idem: Option<Idempotency>,
        now: Timestamp,
    ) -> Result<(), OperationError> {
        if self.operations.iter().any(Operation::is_running) {
            return Err(OperationError::Running);
        }
        if self.operations.len() >= OPERATIONS_MAX {
            return Err(OperationError::TooMany);
        }
        let state = RefundState::NotSent;
        self.operations.push(Operation {
            id,
            kind,
            amount,
            state,
            failure: None,
            idem,
            created_at: now,
            updated_at: now,
        });
        self.updated_at = now;
        Ok(())
    }

    /// An operation by its id.
    pub fn operation(&self, id: RefundId) -> Option<&Operation> {
        self.operations.iter().find(|o| o.id == id)
    }

    /// Records what became of an operation. Answers whether that is news.
    pub fn finish_operation(
        &mut self,
        id: RefundId,
        state: RefundState,
        failure: Option<Failure>,
        now: Timestamp,
    ) -> bool {
        let running = self.operations.iter_mut().find(|o| o.id == id && o.is_running());
        let Some(operation) = running.filter(|operation| operation.state != state) else { return false };
        operation.state = state;
        operation.failure = failure;
        operation.updated_at = now;
        self.updated_at = now;
        true
    }
}

impl Operation {
    /// Whether its outcome is still open.
    pub const fn is_running(&self) -> bool {
        matches!(self.state, RefundState::NotSent | RefundState::Unknown)
    }
}
