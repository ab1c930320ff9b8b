//! A payment at the sandbox.

use std::{str::FromStr, time::Duration};

use gateway_core::domain::{
    Mode, OrganizationId, ProviderId, RefundId, SandboxPaymentId, Tenant, Timestamp, TransactionId,
    checkout::CaptureMethod,
    provider_account::ProviderKind,
    transaction::{DisputeState, RefundState},
};
use serde::{Deserialize, Serialize};

/// Where a sandbox payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxState {
    /// Its page waits for an outcome.
    Created,
    /// The 3-D Secure step waits.
    Challenge,
    /// The money is on its way.
    Processing,
    /// Reserved.
    Authorized,
    /// Taken.
    Paid,
    /// The bank said no.
    Declined,
    /// Failed after it was paid.
    Failed,
    /// Given up.
    Cancelled,
}

/// What the customer chooses on the sandbox's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Paid at once (authorized, where the checkout captures by hand).
    Paid,
    /// The bank says no.
    Declined,
    /// A 3-D Secure step first.
    ThreeDSecure,
    /// Pending, paid after some seconds.
    Pending,
    /// Paid, failed after some seconds.
    LateFailure,
    /// Paid, disputed after some seconds.
    Dispute,
    /// The 3-D Secure step succeeds.
    Approve,
    /// The 3-D Secure step fails.
    Fail,
    /// The customer gives up.
    Cancel,
}

impl FromStr for Outcome {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "paid" | "pay" | "authorize" => Self::Paid,
            "declined" | "decline" => Self::Declined,
            "three_d_secure" | "challenge" => Self::ThreeDSecure,
            "pending" => Self::Pending,
            "late_failure" => Self::LateFailure,
            "dispute" => Self::Dispute,
            "approve" => Self::Approve,
            "fail" => Self::Fail,
            "cancel" => Self::Cancel,
            other => return Err(format!("`{other}` is not an outcome of the sandbox")),
        })
    }
}

/// A refund at the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxRefund {
    /// The gateway's id of it.
    pub refund_id: RefundId,
    /// Minor units.
    pub amount: i64,
    /// Where it stands.
    pub state: RefundState,
    /// When it was made.
    pub at: Timestamp,
}

/// A dispute at the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxDispute {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: DisputeState,
}

/// Something that will happen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The money arrives.
    Pay,
    /// The bank takes it back.
    Fail,
    /// The customer's bank disputes it.
    Dispute,
}

/// A payment, with the events that have not been taken yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxPayment {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: SandboxPaymentId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Always test; the database refuses live.
    pub mode: Mode,
    /// Always sandbox.
    #[serde(rename = "type")]
    pub kind: ProviderKind,
    /// The account.
    pub provider_id: ProviderId,
    /// The gateway's transaction.
    pub transaction_id: TransactionId,
    /// The checkout's public id, as a real provider keeps it in its metadata.
    pub session_public_id: String,
    /// Minor units.
    pub amount: i64,
    /// Minor units taken.
    pub captured: i64,
    /// ISO 4217.
    pub currency: String,
    /// Taken at once, or authorized.
    pub capture_method: CaptureMethod,
    /// Proof in the page's address.
    pub token: String,
    /// Where a customer who finished goes.
    pub return_url: String,
    /// Where a customer who gave up goes.
    pub cancel_url: String,
    /// Where it stands.
    pub state: SandboxState,
    /// Refunds.
    #[serde(default)]
    pub refunds: Vec<SandboxRefund>,
    /// Disputes.
    #[serde(default)]
    pub disputes: Vec<SandboxDispute>,
    /// What happens next by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<NextEvent>,
    /// Events made and not yet taken by the gateway, oldest first, as their exact JSON.
    #[serde(default)]
    pub unsent: Vec<String>,
    /// When the worker should look: a step is due or an event unsent. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Counts events.
    pub event_seq: i64,
    /// Time of the newest statement: each is later than the one before.
    pub stated_at: Timestamp,
    /// When its page closes.
    pub expires_at: Timestamp,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A step and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextEvent {
    /// What.
    pub step: Step,
    /// When.
    pub at: Timestamp,
}

/// An event, as it is signed and sent. It tells the whole payment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxEvent {
    /// Its id.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub name: String,
    /// When.
    pub created: Timestamp,
    /// Always false.
    pub livemode: bool,
    /// The payment after it.
    pub payment: Statement,
}

/// A payment as the sandbox tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// Its id.
    pub id: SandboxPaymentId,
    /// The gateway's transaction.
    pub transaction_id: TransactionId,
    /// The checkout's public id.
    pub session_public_id: String,
    /// Minor units.
    pub amount: i64,
    /// Minor units taken.
    pub captured: i64,
    /// ISO 4217.
    pub currency: String,
    /// Where it stands.
    pub state: SandboxState,
    /// Refunds.
    pub refunds: Vec<SandboxRefund>,
    /// Disputes.
    pub disputes: Vec<SandboxDispute>,
    /// When this was so.
    pub stated_at: Timestamp,
}

impl SandboxPayment {
    /// The collection.
    pub const COLLECTION: &'static str = "sandbox_payments";

    /// Its tenant.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// The payment as it is told of.
    pub fn statement(&self) -> Statement {
        Statement {
            id: self.id,
            transaction_id: self.transaction_id,
            session_public_id: self.session_public_id.clone(),
            amount: self.amount,
            captured: self.captured,
            currency: self.currency.clone(),
            state: self.state,
            refunds: self.refunds.clone(),
            disputes: self.disputes.clone(),
            stated_at: self.stated_at,
        }
    }

    /// Whether its page still takes an outcome.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, SandboxState::Created | SandboxState::Challenge)
    }

    /// Takes an outcome; false where it has none to give any more (a second click).
    pub fn take(&mut self, outcome: Outcome, delay: Duration, now: Timestamp) -> bool {
        if !self.is_open() {
            return false;
        }
        match (self.state, outcome) {
            (SandboxState::Created, Outcome::ThreeDSecure) => {
                self.state = SandboxState::Challenge;
                self.announce("payment.action_required", now);
            }
            (SandboxState::Created, Outcome::Pending) => {
                self.state = SandboxState::Processing;
                self.plan(Step::Pay, delay, now);
                self.announce("payment.processing", now);
            }
            (SandboxState::Created, Outcome::LateFailure) => {
                self.pay(now);
                self.plan(Step::Fail, delay, now);
            }
            (SandboxState::Created, Outcome::Dispute) => {
                self.pay(now);
                self.plan(Step::Dispute, delay, now);
            }
            (SandboxState::Created, Outcome::Paid) | (SandboxState::Challenge, Outcome::Approve) => {
                self.pay(now);
            }
            (SandboxState::Created, Outcome::Declined) | (SandboxState::Challenge, Outcome::Fail) => {
                self.state = SandboxState::Declined;
                self.announce("payment.declined", now);
            }
            (_, Outcome::Cancel) => self.cancel(now),
            _ => return false,
        }
        true
    }

    fn pay(&mut self, now: Timestamp) {
        if self.capture_method == CaptureMethod::Manual {
            self.state = SandboxState::Authorized;
            self.announce("payment.authorized", now);
        } else {
            self.state = SandboxState::Paid;
            self.captured = self.amount;
            self.announce("payment.paid", now);
        }
    }

    /// Takes authorized money; false where there is none.
    pub fn capture(&mut self, amount: Option<i64>, now: Timestamp) -> bool {
        if self.state != SandboxState::Authorized {
            return false;
        }
        self.state = SandboxState::Paid;
        self.captured = amount.unwrap_or(self.amount);
        self.announce("payment.paid", now);
        true
    }

    /// Ends a payment that was not taken.
    pub fn cancel(&mut self, now: Timestamp) {
        self.state = SandboxState::Cancelled;
        self.next = None;
        self.announce("payment.cancelled", now);
    }

    /// Gives money back; the same refund only once.
    pub fn refund(&mut self, refund_id: RefundId, amount: i64, now: Timestamp) -> Result<(), &'static str> {
        if self.refunds.iter().any(|r| r.refund_id == refund_id) {
            return Ok(());
        }
        let refunded: i64 = self.refunds.iter().map(|r| r.amount).sum();
        if self.state != SandboxState::Paid || refunded + amount > self.captured {
            return Err("the amount is more than what is left of this payment");
        }
        self.refunds.push(SandboxRefund { refund_id, amount, state: RefundState::Succeeded, at: now });
        self.announce("refund.succeeded", now);
        Ok(())
    }

    /// Does what is due by itself.
    pub fn step(&mut self, now: Timestamp) {
        let Some(next) = self.next.filter(|next| next.at <= now) else { return };
        self.next = None;
        match next.step {
            Step::Pay if self.state == SandboxState::Processing => self.pay(now),
            Step::Fail if self.state == SandboxState::Paid => {
                self.state = SandboxState::Failed;
                self.announce("payment.late_failure", now);
            }
            Step::Dispute if self.state == SandboxState::Paid => {
                let id = format!("sandbox_dispute_{}", self.id);
                self.disputes.push(SandboxDispute { id, state: DisputeState::Open });
                self.announce("dispute.opened", now);
            }
            _ => {}
        }
    }

    fn plan(&mut self, step: Step, delay: Duration, now: Timestamp) {
        self.next = Some(NextEvent { step, at: now + delay });
    }

    fn announce(&mut self, name: &str, now: Timestamp) {
        self.event_seq += 1;
        self.stated_at = now.max(self.stated_at + Duration::from_millis(1));
        let event = SandboxEvent {
            id: format!("sandbox_event_{}_{}", self.id, self.event_seq),
            name: name.to_owned(),
            created: self.stated_at,
            livemode: false,
            payment: self.statement(),
        };
        let json = serde_json::to_string(&event).expect("plain strings and integers always serialize");
        self.unsent.push(json);
    }

    /// Sets when the worker should look next.
    pub fn schedule(&mut self, now: Timestamp) {
        let unsent = (!self.unsent.is_empty()).then(|| now + Duration::from_secs(1));
        self.due = [unsent, self.next.map(|next| next.at)].into_iter().flatten().min();
    }
}
