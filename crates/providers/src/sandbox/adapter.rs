//! The sandbox as a payment provider.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use gateway_core::{
    crypto::{random, signature},
    domain::{
        Clock, Mode, Money, SandboxPaymentId, Timestamp,
        checkout::CaptureMethod,
        derived_id,
        provider_account::ProviderKind,
        transaction::{
            DisputeFact, Failure, NextStep, PaymentFact, PaymentState, ProviderRef, ProviderUpdate,
            RefundFact, Source,
        },
    },
    provider::{
        Account, AccountInfo, Capabilities, EventUpdate, IncomingEvent, Interpretation, NotTaken,
        PaymentHandle, PaymentProvider, ProviderError, SendRefund, StartPayment, Started, WebhookRejection,
    },
    store::{Store, StoreError},
};
use http::HeaderMap;
use url::Url;

use super::{
    SandboxPayment, SandboxState,
    payment::{SandboxEvent, Statement},
    simulate,
};

/// How the gateway names a sandbox payment.
const REF: &str = "sandbox_payment";

/// The adapter.
#[derive(Debug, Clone)]
pub struct Sandbox {
    store: Store,
    /// Where its page is served: the checkout's host.
    page_base: Url,
    clock: Arc<dyn Clock>,
}

impl Sandbox {
    /// A sandbox whose page is served below `page_base`.
    pub const fn new(store: Store, page_base: Url, clock: Arc<dyn Clock>) -> Self {
        Self { store, page_base, clock }
    }

    async fn find(&self, payment: &PaymentHandle) -> Result<SandboxPayment, ProviderError> {
        let id = payment.reference(REF).and_then(|id| id.parse().ok());
        let id: SandboxPaymentId =
            id.ok_or_else(|| rejected("no_such_payment", "there is no such payment"))?;
        simulate::get(&self.store, id)
            .await
            .map_err(unavailable)?
            .ok_or_else(|| rejected("no_such_payment", "there is no such payment"))
    }

    /// Changes a payment by compare-and-set; its events are sent by the worker.
    async fn change<T: Send>(
        &self,
        payment: &PaymentHandle,
        mut decide: impl FnMut(&mut SandboxPayment, Timestamp) -> Result<T, ProviderError> + Send,
    ) -> Result<(SandboxPayment, T), ProviderError> {
        loop {
            let mut found = self.find(payment).await?;
            let now = self.clock.now();
            let answer = decide(&mut found, now)?;
            found.schedule(now);
            match simulate::save(&self.store, &mut found).await {
                Ok(()) => return Ok((found, answer)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
    }
}

fn rejected(code: &str, message: &str) -> ProviderError {
    ProviderError::Rejected(Failure::new(code, message))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function for map_err")]
fn unavailable(error: StoreError) -> ProviderError {
    ProviderError::Unknown(error.to_string())
}

#[async_trait]
impl PaymentProvider for Sandbox {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Sandbox
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            manual_capture: true,
            authorization_lasts: Some(Duration::from_hours(7 * 24)),
            refunds: true,
            label: "Test payment",
            hint: "Every outcome on a button",
            lists_events: false,
            page_lives: None,
            webhook_version: None,
        }
    }

    fn accepts(&self, _amount: Money, _capture: CaptureMethod) -> Result<(), NotTaken> {
        Ok(())
    }

    async fn start(&self, account: &Account, payment: &StartPayment) -> Result<Started, ProviderError> {
        if account.mode != Mode::Test {
            return Err(rejected("live_mode", "the sandbox does not exist in live mode"));
        }
        let id = SandboxPaymentId::from_bytes(derived_id(&[b"sandbox", &payment.transaction_id.bytes()]));
        let fresh = simulate::new_payment(&self.store, account, payment, id, random::public_id("pay"));
        let stored = simulate::insert_or_get(&self.store, fresh.await.map_err(unavailable)?)
            .await
            .map_err(unavailable)?;
        let mut url = self.page_base.clone();
        url.set_path(&format!("/sandbox/{id}"));
        url.query_pairs_mut().append_pair("token", &stored.token);
        Ok(Started {
            refs: vec![ProviderRef::new(REF, &id.to_string())],
            next: NextStep::Redirect { url: url.into() },
            good_until: None,
            pending_until: None,
        })
    }

    async fn fetch(
        &self,
        _account: &Account,
        payment: &PaymentHandle,
    ) -> Result<ProviderUpdate, ProviderError> {
        let found = self.find(payment).await?;
        Ok(update_of(Source::Fetch, &found.statement()))
    }

    async fn capture(
        &self,
        _account: &Account,
        payment: &PaymentHandle,
        amount: Option<Money>,
        _idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        self.change(payment, |found, now| {
            if found.state == SandboxState::Paid || found.capture(amount.map(|a| a.minor), now) {
                Ok(())
            } else {
                Err(rejected("not_authorized", "there is nothing to capture"))
            }
        })
        .await?;
        Ok(())
    }

    async fn cancel(
        &self,
        _account: &Account,
        payment: &PaymentHandle,
        _idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        self.change(payment, |found, now| match found.state {
            SandboxState::Cancelled => Ok(()),
            SandboxState::Created | SandboxState::Challenge | SandboxState::Authorized => {
                found.cancel(now);
                Ok(())
            }
            _ => Err(rejected("not_cancellable", "this payment can no longer be cancelled")),
        })
        .await?;
        Ok(())
    }

    async fn refund(
        &self,
        _account: &Account,
        payment: &PaymentHandle,
        refund: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError> {
        let (found, ()) = self
            .change(payment, |found, now| {
                found
                    .refund(refund.refund_id, refund.amount.minor, now)
                    .map_err(|message| rejected("amount_too_large", message))
            })
            .await?;
        let source = Source::Event(format!("refund_{}", refund.refund_id));
        Ok(update_of(source, &found.statement()))
    }

    async fn account_info(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        let name = Some("Sandbox".to_owned());
        let livemode = Some(account.mode.is_live());
        Ok(AccountInfo { account: None, name, livemode, missing: Vec::new() })
    }

    fn receive(
        &self,
        secrets: &[String],
        headers: &HeaderMap,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<Vec<IncomingEvent>, WebhookRejection> {
        let header = headers.get(signature::sandbox::HEADER).and_then(|value| value.to_str().ok());
        let header = header.ok_or(WebhookRejection::Signature)?;
        let verified =
            secrets.iter().any(|s| signature::sandbox::verify(s, header, body, now.seconds()).is_ok());
        if !verified {
            return Err(WebhookRejection::Signature);
        }
        let event: SandboxEvent = serde_json::from_slice(body).map_err(|_| WebhookRejection::Body)?;
        Ok(vec![IncomingEvent { event_id: event.id, name: event.name, raw: body.clone() }])
    }

    fn interpret(&self, event: &IncomingEvent) -> Result<Interpretation, String> {
        let parsed: SandboxEvent = serde_json::from_slice(&event.raw).map_err(|e| e.to_string())?;
        let update = update_of(Source::Event(parsed.id), &parsed.payment);
        let livemode = Some(parsed.livemode);
        Ok(Interpretation::Update(Box::new(EventUpdate { livemode, account: None, update })))
    }
}

/// What a statement says, in the gateway's words.
fn update_of(source: Source, statement: &Statement) -> ProviderUpdate {
    let mut update = ProviderUpdate::new(source, statement.stated_at);
    update.transaction_id = Some(statement.transaction_id);
    update.session_public_id = Some(statement.session_public_id.clone());
    update.refs = vec![ProviderRef::new(REF, &statement.id.to_string())];
    update.currency = gateway_core::provider::currency_of(&statement.currency);
    update.expected_amount = Some(statement.amount);
    update.payment = Some(payment_of(statement));
    update.refunds = statement
        .refunds
        .iter()
        .map(|refund| RefundFact {
            reference: format!("sandbox_refund_{}", refund.refund_id),
            refund_id: Some(refund.refund_id),
            amount: Some(refund.amount),
            state: refund.state,
            failure: None,
            at: Some(refund.at),
        })
        .collect();
    update.disputes = statement
        .disputes
        .iter()
        .map(|dispute| DisputeFact {
            reference: dispute.id.clone(),
            amount: Some(statement.captured),
            currency: None,
            inquiry: false,
            state: dispute.state,
            reason: Some("test".to_owned()),
        })
        .collect();
    update
}

fn payment_of(statement: &Statement) -> PaymentFact {
    let (state, amount) = match statement.state {
        SandboxState::Created | SandboxState::Challenge => (PaymentState::Initiated, None),
        SandboxState::Processing => (PaymentState::Pending, None),
        SandboxState::Authorized => (PaymentState::Authorized, Some(statement.amount)),
        SandboxState::Paid => (PaymentState::Succeeded, Some(statement.captured)),
        SandboxState::Declined | SandboxState::Failed => (PaymentState::Failed, None),
        SandboxState::Cancelled => (PaymentState::Cancelled, None),
    };
    let failure = match statement.state {
        SandboxState::Declined => Some(("card_declined", "the test bank declined the payment")),
        SandboxState::Failed => Some(("late_failure", "the test bank took the money back")),
        _ => None,
    };
    let failure = failure.map(|(code, message)| Failure::new(code, message));
    let attempt = (state != PaymentState::Initiated).then(|| statement.id.to_string());
    PaymentFact { amount, failure, attempt, ..PaymentFact::state(state) }
}
