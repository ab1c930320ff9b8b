//! Does not go on asking a provider account that does not answer: each question would hold whoever asks for as long as
//! a call may take.
//!
//! Only questions are held back. What a person has asked for (a payment, a capture, a refund) always goes out, and what
//! comes of it counts like an answer to a question.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;

use super::{
    Account, AccountInfo, Capabilities, EventsPage, EventsQuery, IncomingEvent, Interpretation, NotTaken,
    PaymentHandle, PaymentProvider, ProviderError, Resolved, SendRefund, StartPayment, Started,
    WebhookAnswers, WebhookRejection,
};
use crate::{
    domain::{
        Money, ProviderId, Timestamp, checkout::CaptureMethod, provider_account::ProviderKind,
        transaction::ProviderUpdate,
    },
    timing::scaled,
};

/// Calls in a row without an answer before an account is given a rest.
const SILENT_MAX: u32 = 5;
/// The first rest; each further one is twice as long.
const REST_FIRST: Duration = Duration::from_secs(5);
/// The longest rest: a provider that is back is asked again soon.
const REST_MAX: Duration = Duration::from_mins(2);

/// An account that did not answer when it was asked last.
#[derive(Debug, Clone, Copy)]
struct Silence {
    calls: u32,
    /// Nobody asks before then.
    rests_until: Option<Instant>,
}

/// An adapter whose silent accounts are left alone for a while.
#[derive(Debug)]
pub(super) struct Guarded {
    inner: Arc<dyn PaymentProvider>,
    /// Those that answered last have no entry.
    silent: Mutex<HashMap<ProviderId, Silence>>,
}

impl Guarded {
    pub(super) fn new(inner: Arc<dyn PaymentProvider>) -> Self {
        Self { inner, silent: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderId, Silence>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an account may be asked. After its rest one call finds out for all.
    fn may_ask(&self, account: &Account, now: Instant) -> Result<(), ProviderError> {
        let mut silent = self.lock();
        let Some(silence) = silent.get_mut(&account.id) else { return Ok(()) };
        let Some(until) = silence.rests_until else { return Ok(()) };
        if now < until {
            let seconds = (until - now).as_secs() + 1;
            return Err(ProviderError::Unavailable(format!(
                "it has not answered {} times in a row and is asked again in {seconds} s",
                silence.calls
            )));
        }
        silence.rests_until = Some(now + rest_after(silence.calls));
        Ok(())
    }

    fn learn<T>(&self, account: &Account, outcome: &Result<T, ProviderError>, now: Instant) {
        let is_silent = matches!(outcome, Err(ProviderError::Unknown(_) | ProviderError::Unavailable(_)));
        let mut silent = self.lock();
        if !is_silent {
            if silent.remove(&account.id).is_some_and(|silence| silence.rests_until.is_some()) {
                tracing::info!(provider = %account.id, "a provider answers again");
            }
            return;
        }
        let silence = silent.entry(account.id).or_insert(Silence { calls: 0, rests_until: None });
        silence.calls = silence.calls.saturating_add(1);
        if silence.calls >= SILENT_MAX {
            let rest = rest_after(silence.calls);
            silence.rests_until = Some(now + rest);
            metrics::counter!("provider_rests_total", "type" => self.inner.kind().as_str()).increment(1);
            tracing::warn!(provider = %account.id, calls = silence.calls, ?rest, "a provider does not answer");
        }
    }

    async fn ask<T>(
        &self,
        account: &Account,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        self.may_ask(account, Instant::now())?;
        self.demand(account, call).await
    }

    async fn demand<T>(
        &self,
        account: &Account,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let outcome = call.await;
        self.learn(account, &outcome, Instant::now());
        outcome
    }
}

fn rest_after(calls: u32) -> Duration {
    let power = calls.saturating_sub(SILENT_MAX).min(10);
    scaled((REST_FIRST * 2_u32.pow(power)).min(REST_MAX))
}

#[async_trait]
impl PaymentProvider for Guarded {
    fn kind(&self) -> ProviderKind {
        self.inner.kind()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn accepts(&self, amount: Money, capture: CaptureMethod) -> Result<(), NotTaken> {
        self.inner.accepts(amount, capture)
    }

    async fn start(&self, account: &Account, payment: &StartPayment) -> Result<Started, ProviderError> {
        self.demand(account, self.inner.start(account, payment)).await
    }

    async fn renew(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        start: &StartPayment,
    ) -> Result<Option<Started>, ProviderError> {
        self.demand(account, self.inner.renew(account, payment, start)).await
    }

    async fn fetch(
        &self,
        account: &Account,
        payment: &PaymentHandle,
    ) -> Result<ProviderUpdate, ProviderError> {
        self.ask(account, self.inner.fetch(account, payment)).await
    }

    async fn capture(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        amount: Option<Money>,
        idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        self.demand(account, self.inner.capture(account, payment, amount, idempotency_key)).await
    }

    async fn cancel(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        idempotency_key: &str,
    ) -> Result<(), ProviderError> {
        self.demand(account, self.inner.cancel(account, payment, idempotency_key)).await
    }

    async fn refund(
        &self,
        account: &Account,
        payment: &PaymentHandle,
        refund: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError> {
        self.demand(account, self.inner.refund(account, payment, refund)).await
    }

    async fn resolve(&self, account: &Account, event: &IncomingEvent) -> Result<Resolved, ProviderError> {
        self.ask(account, self.inner.resolve(account, event)).await
    }

    async fn events(&self, account: &Account, query: EventsQuery<'_>) -> Result<EventsPage, ProviderError> {
        self.ask(account, self.inner.events(account, query)).await
    }

    /// A person who tests the credentials has just changed something.
    async fn account_info(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        self.demand(account, self.inner.account_info(account)).await
    }

    fn webhook_answers(&self) -> WebhookAnswers {
        self.inner.webhook_answers()
    }

    fn receive(
        &self,
        secrets: &[String],
        headers: &HeaderMap,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<Vec<IncomingEvent>, WebhookRejection> {
        self.inner.receive(secrets, headers, body, now)
    }

    fn interpret(&self, event: &IncomingEvent) -> Result<Interpretation, String> {
        self.inner.interpret(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Mode, provider_account::Credentials};

    fn account(byte: u8) -> Account {
        Account {
            id: ProviderId::from_bytes([byte; 12]),
            mode: Mode::Test,
            account: None,
            credentials: Credentials::default(),
        }
    }

    fn silent() -> Guarded {
        let guarded = Guarded::new(Arc::new(Nobody));
        for _ in 0..SILENT_MAX {
            guarded.may_ask(&account(1), Instant::now()).unwrap();
            guarded.learn::<()>(&account(1), &Err(ProviderError::Unknown(String::new())), Instant::now());
        }
        guarded
    }

    #[test]
    fn a_silent_account_rests_and_one_call_finds_out_whether_it_is_back() {
        let guarded = silent();
        let ask = |byte, at| guarded.may_ask(&account(byte), at).is_ok();
        let now = Instant::now();
        assert!(!ask(1, now), "it rests");
        assert!(ask(2, now), "another account of the same provider does not");
        let rested = now + REST_FIRST + Duration::from_millis(1);
        assert_eq!([ask(1, rested), ask(1, rested)], [true, false], "one call for all");
        guarded.learn::<()>(&account(1), &Err(ProviderError::Unavailable(String::new())), rested);
        assert!(!ask(1, rested + REST_FIRST), "each rest is longer");
        assert!(ask(1, rested + REST_MAX));
    }

    #[test]
    fn any_answer_ends_the_rest() {
        let guarded = silent();
        let refused = Err(ProviderError::Unauthorized(String::new()));
        guarded.learn::<()>(&account(1), &refused, Instant::now());
        assert!(guarded.may_ask(&account(1), Instant::now()).is_ok());
        assert!(guarded.lock().is_empty(), "nothing is kept of who answers");
    }

    #[tokio::test]
    async fn what_a_person_asks_for_goes_out_all_the_same() {
        let guarded = silent();
        let handle = PaymentHandle {
            transaction_id: crate::domain::TransactionId::from_bytes([1; 12]),
            amount: Money::new(100, crate::domain::Currency::known("EUR").unwrap()),
            refs: Vec::new(),
            now: Timestamp::default(),
        };
        let fetched = guarded.fetch(&account(1), &handle).await;
        assert!(matches!(&fetched, Err(ProviderError::Unavailable(_))), "{fetched:?}");
        let cancelled = guarded.cancel(&account(1), &handle, "key").await;
        assert!(matches!(&cancelled, Err(ProviderError::Malformed(_))), "{cancelled:?}");
    }

    /// A provider that can be asked nothing but to cancel.
    #[derive(Debug)]
    struct Nobody;

    #[async_trait]
    impl PaymentProvider for Nobody {
        fn kind(&self) -> ProviderKind {
            ProviderKind::Stripe
        }

        fn capabilities(&self) -> Capabilities {
            unreachable!()
        }

        fn accepts(&self, _: Money, _: CaptureMethod) -> Result<(), NotTaken> {
            unreachable!()
        }

        async fn start(&self, _: &Account, _: &StartPayment) -> Result<Started, ProviderError> {
            unreachable!()
        }

        async fn fetch(&self, _: &Account, _: &PaymentHandle) -> Result<ProviderUpdate, ProviderError> {
            unreachable!()
        }

        async fn capture(
            &self,
            _: &Account,
            _: &PaymentHandle,
            _: Option<Money>,
            _: &str,
        ) -> Result<(), ProviderError> {
            unreachable!()
        }

        async fn cancel(&self, _: &Account, _: &PaymentHandle, _: &str) -> Result<(), ProviderError> {
            Err(ProviderError::Malformed("asked".to_owned()))
        }

        async fn refund(
            &self,
            _: &Account,
            _: &PaymentHandle,
            _: &SendRefund,
        ) -> Result<ProviderUpdate, ProviderError> {
            unreachable!()
        }

        async fn account_info(&self, _: &Account) -> Result<AccountInfo, ProviderError> {
            unreachable!()
        }

        fn receive(
            &self,
            _: &[String],
            _: &HeaderMap,
            _: &Bytes,
            _: Timestamp,
        ) -> Result<Vec<IncomingEvent>, WebhookRejection> {
            unreachable!()
        }

        fn interpret(&self, _: &IncomingEvent) -> Result<Interpretation, String> {
            unreachable!()
        }
    }
}
