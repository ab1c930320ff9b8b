//! Bank transfers to the merchant's own account.
//!
//! There is no provider: nobody to call, to ask, or to be told by. Starting a payment makes a reference (ISO 11649)
//! that follows from the transaction, and tells the customer where to transfer. A person confirms what has come
//! (`gateway_core::app::confirm_manual`).

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateway_core::{
    domain::{
        Money, Timestamp,
        bank::{CreditorReference, TransferInstructions},
        checkout::CaptureMethod,
        provider_account::ProviderKind,
        transaction::{NextStep, ProviderUpdate, Source},
    },
    provider::{
        Account, AccountInfo, Capabilities, IncomingEvent, Interpretation, NotTaken, PaymentHandle,
        PaymentProvider, ProviderError, SendRefund, StartPayment, Started, WebhookRejection,
    },
};
use http::HeaderMap;

const NO_CAPTURE: &str = "a bank transfer is not captured";
const NO_REFUND: &str = "a bank transfer is sent back from the merchant's bank";

/// The adapter.
#[derive(Debug, Clone, Copy)]
pub struct Wire;

#[async_trait]
impl PaymentProvider for Wire {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Wire
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            manual_capture: false,
            authorization_lasts: None,
            refunds: false,
            label: "Bank transfer",
            hint: "From your own bank, with a QR code",
            lists_events: false,
            page_lives: None,
            webhook_version: None,
        }
    }

    fn accepts(&self, amount: Money, capture: CaptureMethod) -> Result<(), NotTaken> {
        if capture == CaptureMethod::Manual {
            return Err(NotTaken::ManualCapture);
        }
        if amount.minor <= 0 {
            return Err(NotTaken::Nothing);
        }
        Ok(())
    }

    async fn start(&self, account: &Account, payment: &StartPayment) -> Result<Started, ProviderError> {
        let bank = account.credentials.bank.as_ref();
        let bank = bank.ok_or_else(|| ProviderError::Unauthorized("there is no bank account".to_owned()))?;
        let reference = CreditorReference::of(payment.transaction_id);
        let pay_by = payment.now + Duration::from_hours(24 * u64::from(bank.days));
        let refs = vec![reference.as_ref()];
        let instructions = TransferInstructions::new(bank, payment.amount, reference, pay_by);
        let next = NextStep::TransferInstructions(instructions);
        Ok(Started { refs, next, good_until: None, pending_until: Some(pay_by) })
    }

    /// What is known is what is stored.
    async fn fetch(&self, _: &Account, payment: &PaymentHandle) -> Result<ProviderUpdate, ProviderError> {
        Ok(ProviderUpdate::new(Source::Fetch, payment.now))
    }

    async fn capture(
        &self,
        _: &Account,
        _: &PaymentHandle,
        _: Option<Money>,
        _: &str,
    ) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported(NO_CAPTURE))
    }

    /// There is nothing to end but our waiting.
    async fn cancel(&self, _: &Account, _: &PaymentHandle, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn refund(
        &self,
        _: &Account,
        _: &PaymentHandle,
        _: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError> {
        Err(ProviderError::Unsupported(NO_REFUND))
    }

    /// Nobody can be asked; the number was checked when it was entered.
    async fn account_info(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        let bank = account.credentials.bank.as_ref();
        let bank = bank.ok_or_else(|| ProviderError::Unauthorized("there is no bank account".to_owned()))?;
        Ok(AccountInfo {
            account: None,
            name: Some(bank.holder.clone()),
            livemode: None,
            missing: Vec::new(),
        })
    }

    /// Nobody sends any.
    fn receive(
        &self,
        _: &[String],
        _: &HeaderMap,
        _: &Bytes,
        _: Timestamp,
    ) -> Result<Vec<IncomingEvent>, WebhookRejection> {
        Err(WebhookRejection::Signature)
    }

    fn interpret(&self, _: &IncomingEvent) -> Result<Interpretation, String> {
        Ok(Interpretation::Ignored("a bank transfer has no events"))
    }
}
