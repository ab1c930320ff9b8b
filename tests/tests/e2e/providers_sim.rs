//! The Stripe and GoCardless adapters through whole lives against their simulators: what they ask, how often it
//! takes effect, and what they make of the answers.

use std::time::{Duration, Instant};

use gateway_core::{
    domain::{
        CheckoutId, Clock, Currency, Mode, Money, ProviderId, RefundId, SystemClock, TransactionId,
        checkout::{CaptureMethod, Customer, Item},
        provider_account::Credentials,
        transaction::{
            DisputeState, NextStep, PaymentState, ProviderRef, ProviderUpdate, RefundState, StartPlan,
        },
    },
    provider::{Account, PaymentHandle, PaymentProvider, ProviderError, SendRefund, StartPayment, Started},
};
use gateway_providers::{GoCardless, Stripe, http::HttpClient};
use testkit::{
    gocardless_sim::{GoCardlessConfig, GoCardlessSim},
    sim::Fault,
    stripe_sim::{DisputeOutcome, StripeConfig, StripeSim},
};

/// Long enough for a loopback call on a busy machine, short enough to wait for.
const SHORT_DEADLINE: Duration = Duration::from_secs(1);

/// An account in test mode whose key the simulators take.
pub fn account(api_key: &str) -> Account {
    let credentials = Credentials {
        api_key: Some(api_key.to_owned()),
        webhook_secrets: vec!["whsec_example".to_owned()],
        ..Credentials::default()
    };
    Account { id: ProviderId::generate(), mode: Mode::Test, account: None, credentials }
}

/// A payment of this amount, without lines.
pub fn start_payment(amount: i64, currency: &str, capture_method: CaptureMethod) -> StartPayment {
    let now = SystemClock.now();
    StartPayment {
        transaction_id: TransactionId::generate(),
        checkout_id: CheckoutId::generate(),
        session_public_id: "cs_0123456789abcdef".to_owned(),
        amount: Money::new(amount, currency.parse::<Currency>().unwrap()),
        capture_method,
        items: Vec::new(),
        description: "Example Shop · ORD-1".to_owned(),
        external_reference: "ORD-1".to_owned(),
        customer: Customer { email: Some("customer@example.com".to_owned()), ..Customer::default() },
        locale: Some("pt-PT".to_owned()),
        return_url: "https://pay.example.com/return?checkout=abc".parse().unwrap(),
        cancel_url: "https://pay.example.com/back".parse().unwrap(),
        expires_at: now + Duration::from_hours(24),
        plan: StartPlan::default(),
        now,
    }
}

/// One line of an order.
pub fn item(name: &str, quantity: i64, unit_price: i64) -> Item {
    Item {
        name: Some(name.to_owned()),
        quantity,
        unit_price,
        item_type: "goods".to_owned(),
        ..Item::default()
    }
}

/// What the gateway remembers of a payment that was started.
pub fn handle(payment: &StartPayment, started: &Started) -> PaymentHandle {
    PaymentHandle {
        transaction_id: payment.transaction_id,
        amount: payment.amount,
        refs: started.refs.clone(),
        now: SystemClock.now(),
    }
}

/// A refund of part of a payment; `refunded_total` counts this one in.
pub fn send_refund(payment: &StartPayment, amount: i64, refunded_total: i64) -> SendRefund {
    SendRefund {
        refund_id: RefundId::generate(),
        amount: Money::new(amount, payment.amount.currency),
        is_full: amount == payment.amount.minor,
        refunded_total,
        reason: Some("Returned".to_owned()),
    }
}

fn reference<'a>(refs: &'a [ProviderRef], kind: &str) -> &'a str {
    refs.iter().find(|found| found.kind() == kind).unwrap_or_else(|| panic!("no {kind} in {refs:?}")).id()
}

fn state(update: &ProviderUpdate) -> PaymentState {
    update.payment.as_ref().unwrap().state
}

fn taken(update: &ProviderUpdate) -> (PaymentState, Option<i64>) {
    let fact = update.payment.as_ref().unwrap();
    (fact.state, fact.amount)
}

/// The code of a refusal; anything else is a failure of the test.
#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, ProviderError>) -> String {
    match outcome {
        Err(ProviderError::Rejected(failure)) => failure.code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[track_caller]
fn assert_unknown<T: std::fmt::Debug>(outcome: &Result<T, ProviderError>) {
    assert!(matches!(outcome, Err(ProviderError::Unknown(_))), "{outcome:?}");
}

#[track_caller]
fn assert_spent<T: std::fmt::Debug>(outcome: &Result<T, ProviderError>) {
    assert!(matches!(outcome, Err(ProviderError::KeySpent(_))), "{outcome:?}");
}

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(outcome: &Result<T, ProviderError>) {
    assert!(matches!(outcome, Err(ProviderError::Unavailable(_))), "{outcome:?}");
}

struct StripeWorld {
    sim: StripeSim,
    stripe: Stripe,
    account: Account,
}

impl StripeWorld {
    async fn start() -> Self {
        Self::start_with(HttpClient::new().unwrap()).await
    }

    async fn start_with(http: HttpClient) -> Self {
        let sim = StripeSim::start().await;
        let stripe = Stripe::new(http, sim.base_url().parse().unwrap());
        Self { sim, stripe, account: account(&StripeConfig::default().api_key) }
    }

    async fn begin(&self, capture: CaptureMethod) -> (StartPayment, PaymentHandle, String) {
        let payment = start_payment(2500, "EUR", capture);
        let started = self.stripe.start(&self.account, &payment).await.unwrap();
        let session = reference(&started.refs, "checkout_session").to_owned();
        (payment.clone(), handle(&payment, &started), session)
    }

    async fn paid(&self) -> (StartPayment, PaymentHandle, String) {
        let (payment, handle, session) = self.begin(CaptureMethod::Automatic).await;
        let intent = self.sim.pay(&session).unwrap();
        (payment, handle, intent)
    }

    async fn fetch(&self, handle: &PaymentHandle) -> ProviderUpdate {
        self.stripe.fetch(&self.account, handle).await.unwrap()
    }

    async fn refund(
        &self,
        handle: &PaymentHandle,
        refund: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError> {
        self.stripe.refund(&self.account, handle, refund).await
    }
}

#[tokio::test]
async fn stripe_started_twice_is_one_session() {
    let world = StripeWorld::start().await;
    let mut payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
    payment.items = vec![item("Tea", 2, 1000), item("Shipping", 1, 500)];
    let first = world.stripe.start(&world.account, &payment).await.unwrap();
    // A repeat after a crash comes later, with the same parameters all the same.
    payment.now = payment.now + Duration::from_mins(2);
    let second = world.stripe.start(&world.account, &payment).await.unwrap();
    assert_eq!((first.refs.clone(), first.next.clone()), (second.refs, second.next));
    assert!(matches!(&first.next, NextStep::Redirect { url } if url.starts_with(&world.sim.base_url())));
    assert_eq!(world.sim.effects().sessions_created, 1);
    let session = world.sim.object(reference(&first.refs, "checkout_session")).unwrap();
    assert_eq!((&session["amount_total"], &session["currency"]), (&2500.into(), &"eur".into()));
    assert_eq!(session["client_reference_id"], payment.session_public_id);
    assert_eq!(session["metadata"]["transaction_id"], payment.transaction_id.to_string());
    assert_eq!(session["customer_email"], "customer@example.com");
}

#[tokio::test]
async fn stripe_lost_answers_make_no_second_session() {
    let world = StripeWorld::start().await;
    let payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
    for fault in [Fault::DropAfterEffect, Fault::StatusAfterEffect(500), Fault::DropAfterEffect] {
        // As often as the client repeats by itself.
        world.sim.inject(fault, 3, "POST /v1/checkout/sessions");
        let outcome = world.stripe.start(&world.account, &payment).await;
        // Stripe repeats a 500 for as long as it knows the key.
        let is_spent = matches!(&outcome, Err(ProviderError::KeySpent(_)));
        assert_eq!(is_spent, fault == Fault::StatusAfterEffect(500), "{outcome:?}");
        assert!(is_spent || matches!(&outcome, Err(ProviderError::Unknown(_))), "{outcome:?}");
        assert_eq!(world.sim.effects().sessions_created, 1);
    }
    world.sim.inject(Fault::DropAfterEffect, 1, "POST /v1/checkout/sessions");
    world.stripe.start(&world.account, &payment).await.unwrap();
    assert_eq!(world.sim.sessions().len(), 1);
    let keys: Vec<_> =
        world.sim.journal().iter().map(|entry| entry.idempotency_key().unwrap().to_owned()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn stripe_is_read_in_every_state() {
    use PaymentState as P;
    let world = StripeWorld::start().await;
    let (payment, handle, session) = world.begin(CaptureMethod::Automatic).await;
    let fresh = world.fetch(&handle).await;
    assert_eq!(state(&fresh), P::Initiated);
    assert_eq!(fresh.transaction_id, Some(payment.transaction_id));
    assert_eq!((fresh.expected_amount, fresh.currency), (Some(2500), Some(payment.amount.currency)));
    assert_eq!(fresh.session_public_id, Some(payment.session_public_id.clone()));

    world.sim.decline(&session).unwrap();
    let declined = world.fetch(&handle).await.payment.unwrap();
    assert_eq!((declined.state, declined.attempt_state), (P::Pending, Some(P::Failed)));
    assert_eq!(declined.failure.unwrap().code, "card_declined");
    world.sim.require_action(&session).unwrap();
    assert_eq!(state(&world.fetch(&handle).await), P::Pending);
    world.sim.pay(&session).unwrap();
    assert_eq!(taken(&world.fetch(&handle).await), (P::Succeeded, Some(2500)));

    let (_, handle, session) = world.begin(CaptureMethod::Automatic).await;
    world.sim.complete_unpaid(&session).unwrap();
    assert_eq!(state(&world.fetch(&handle).await), P::Pending);
    world.sim.async_succeed(&session).unwrap();
    assert_eq!(taken(&world.fetch(&handle).await), (P::Succeeded, Some(2500)));

    let (_, handle, session) = world.begin(CaptureMethod::Automatic).await;
    world.sim.complete_unpaid(&session).unwrap();
    world.sim.async_fail(&session).unwrap();
    assert_eq!(state(&world.fetch(&handle).await), P::Failed);

    let (_, handle, session) = world.begin(CaptureMethod::Automatic).await;
    world.sim.decline(&session).unwrap();
    world.sim.expire(&session).unwrap();
    assert_eq!(state(&world.fetch(&handle).await), P::Expired);
}

#[tokio::test]
async fn stripe_captures_a_part_once() {
    let world = StripeWorld::start().await;
    let (payment, handle, session) = world.begin(CaptureMethod::Manual).await;
    let part = Money::new(1800, payment.amount.currency);
    let early = world.stripe.capture(&world.account, &handle, Some(part), "capture-1").await;
    assert_eq!(refusal(early), "payment_not_started");
    world.sim.authorize(&session).unwrap();
    assert_eq!(taken(&world.fetch(&handle).await), (PaymentState::Authorized, Some(2500)));
    let too_much = Money::new(2501, payment.amount.currency);
    refusal(world.stripe.capture(&world.account, &handle, Some(too_much), "capture-0").await);
    for _ in 0..2 {
        world.stripe.capture(&world.account, &handle, Some(part), "capture-1").await.unwrap();
    }
    assert_eq!(taken(&world.fetch(&handle).await), (PaymentState::Succeeded, Some(1800)));
    let effects = world.sim.effects();
    assert_eq!((effects.captures, effects.amount_captured), (1, 1800));

    let (_, handle, session) = world.begin(CaptureMethod::Manual).await;
    world.sim.authorize(&session).unwrap();
    world.sim.inject(Fault::DropAfterEffect, 3, "POST /v1/payment_intents");
    assert_unknown(&world.stripe.capture(&world.account, &handle, None, "capture-2").await);
    world.stripe.capture(&world.account, &handle, None, "capture-2").await.unwrap();
    assert_eq!(taken(&world.fetch(&handle).await), (PaymentState::Succeeded, Some(2500)));
    assert_eq!(world.sim.effects().amount_captured, 1800 + 2500);
}

#[tokio::test]
async fn stripe_cancels_what_was_not_taken() {
    let world = StripeWorld::start().await;
    let (_, open, _) = world.begin(CaptureMethod::Automatic).await;
    for _ in 0..2 {
        world.stripe.cancel(&world.account, &open, "cancel-1").await.unwrap();
    }
    assert_eq!(state(&world.fetch(&open).await), PaymentState::Expired);
    let (_, authorized, session) = world.begin(CaptureMethod::Manual).await;
    world.sim.authorize(&session).unwrap();
    for _ in 0..2 {
        world.stripe.cancel(&world.account, &authorized, "cancel-2").await.unwrap();
    }
    assert_eq!(state(&world.fetch(&authorized).await), PaymentState::Cancelled);
    let effects = world.sim.effects();
    assert_eq!((effects.sessions_expired, effects.cancellations), (1, 1));
    let (_, paid, _) = world.paid().await;
    refusal(world.stripe.cancel(&world.account, &paid, "cancel-3").await);
    assert_eq!(state(&world.fetch(&paid).await), PaymentState::Succeeded);
}

#[tokio::test]
async fn stripe_refunds_once_per_refund() {
    let world = StripeWorld::start().await;
    let (payment, handle, intent) = world.paid().await;
    let first = send_refund(&payment, 1000, 1000);
    let made = world.refund(&handle, &first).await.unwrap();
    let again = world.refund(&handle, &first).await.unwrap();
    assert_eq!(made.refunds, again.refunds);
    assert_eq!(made.refunds[0].refund_id, Some(first.refund_id));
    assert_eq!((made.refunds[0].state, made.refunds[0].amount), (RefundState::Succeeded, Some(1000)));
    let second = send_refund(&payment, 1500, 2500);
    world.sim.inject(Fault::DropAfterEffect, 3, "POST /v1/refunds");
    assert_unknown(&world.refund(&handle, &second).await);
    world.refund(&handle, &second).await.unwrap();
    let effects = world.sim.effects();
    assert_eq!((effects.refunds_created, effects.amount_refunded), (2, 2500));
    let code = refusal(world.refund(&handle, &send_refund(&payment, 1, 2501)).await);
    assert_eq!(code, "charge_already_refunded");
    let found = world.fetch(&handle).await;
    assert_eq!(found.refunded_total, Some(2500));
    let ours: Vec<_> = found.refunds.iter().map(|refund| refund.refund_id).collect();
    assert_eq!(ours, [Some(first.refund_id), Some(second.refund_id)]);
    let newest = found.refunds.last().unwrap().reference.clone();
    world.sim.refund_fails(&newest).unwrap();
    let found = world.fetch(&handle).await;
    assert_eq!((found.refunds[1].state, found.refunded_total), (RefundState::Failed, Some(1000)));
    assert_eq!(reference(&found.refs, "payment_intent"), intent);
}

#[tokio::test]
async fn stripe_disputes_and_dashboard_refunds_are_seen() {
    let world = StripeWorld::start().await;
    let (_, handle, intent) = world.paid().await;
    world.sim.dashboard_refund(&intent, 300).unwrap();
    let found = world.fetch(&handle).await;
    assert_eq!((found.refunds[0].refund_id, found.refunded_total), (None, Some(300)));
    let dispute = world.sim.open_dispute(&intent, 2200).unwrap();
    for (act, expected) in [(None, DisputeState::Open), (Some(DisputeOutcome::Won), DisputeState::Won)] {
        if let Some(outcome) = act {
            world.sim.close_dispute(&dispute, outcome).unwrap();
        }
        let found = world.fetch(&handle).await;
        assert_eq!(found.disputes[0].reference, dispute);
        assert_eq!((found.disputes[0].state, state(&found)), (expected, PaymentState::Succeeded));
    }
}

#[tokio::test]
async fn stripe_disputes_say_their_currency_and_whether_the_bank_only_asks() {
    let world = StripeWorld::start().await;
    let (_, handle, intent) = world.paid().await;
    let inquiry = world.sim.open_inquiry(&intent, 2500).unwrap();
    let fact = world.fetch(&handle).await.disputes.remove(0);
    assert!(fact.inquiry);
    world.sim.escalate_inquiry(&inquiry).unwrap();
    let fact = world.fetch(&handle).await.disputes.remove(0);
    assert_eq!((fact.reference.as_str(), fact.inquiry), (inquiry.as_str(), false));
    world.sim.close_dispute(&inquiry, DisputeOutcome::Won).unwrap();

    world.sim.open_dispute_in(&intent, 1_000_000, "huf").unwrap();
    let found = world.fetch(&handle).await;
    let foreign = found.disputes.last().unwrap();
    assert_eq!((foreign.amount, foreign.currency), (Some(1_000_000), Some("HUF".parse().unwrap())));
    assert_eq!(found.currency, Some("EUR".parse().unwrap()), "the payment's own");
}

#[tokio::test]
async fn stripe_errors_say_whether_something_happened() {
    let world = StripeWorld::start().await;
    let payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
    let start = async || world.stripe.start(&world.account, &payment).await;
    let wrong = world.stripe.start(&account("sk_test_wrong"), &payment).await;
    assert!(matches!(wrong, Err(ProviderError::Unauthorized(_))), "{wrong:?}");
    world.sim.fail_next(1, 429);
    assert_unavailable(&start().await);
    world.sim.fail_next(3, 500);
    assert_spent(&start().await);
    world.sim.drop_next(3);
    assert_unknown(&start().await);
    world.sim.inject(Fault::Garbled, 1, "POST");
    let garbled = start().await;
    assert!(matches!(garbled, Err(ProviderError::Malformed(_))), "{garbled:?}");
    let too_small = start_payment(1, "EUR", CaptureMethod::Automatic);
    assert_eq!(refusal(world.stripe.start(&world.account, &too_small).await), "amount_too_small");
    let mut changed = payment.clone();
    changed.amount = Money::new(2600, payment.amount.currency);
    // The key made something, but not this: nobody may take it for a refusal and pay elsewhere.
    assert_spent(&world.stripe.start(&world.account, &changed).await);
    let mut stranger = handle(&payment, &start().await.unwrap());
    stranger.refs = vec![ProviderRef::new("checkout_session", "cs_test_none")];
    assert_eq!(refusal(world.stripe.fetch(&world.account, &stranger).await), "resource_missing");
    assert_eq!(world.sim.effects().sessions_created, 1);
    let info = world.stripe.account_info(&world.account).await.unwrap();
    assert_eq!((info.account.as_deref(), info.livemode), (Some("acct_simulated0001"), Some(false)));
    let gone = Stripe::new(HttpClient::new().unwrap(), world.sim.base_url().parse().unwrap());
    drop(world.sim);
    assert_unavailable(&gone.start(&world.account, &payment).await);
}

#[tokio::test]
async fn stripe_silence_is_unknown_within_the_deadline() {
    let world = StripeWorld::start_with(HttpClient::new().unwrap().with_deadline(SHORT_DEADLINE)).await;
    let payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
    for hang in [Fault::Hang, Fault::HangAfterEffect] {
        world.sim.inject(hang, 1, "POST");
        let began = Instant::now();
        assert_unknown(&world.stripe.start(&world.account, &payment).await);
        assert!(began.elapsed() < SHORT_DEADLINE * 2, "{:?}", began.elapsed());
    }
    let started = world.stripe.start(&world.account, &payment).await.unwrap();
    assert_eq!(world.sim.effects().sessions_created, 1);
    world.sim.hang_next(1);
    // A question that got no answer has changed nothing.
    assert_unavailable(&world.stripe.fetch(&world.account, &handle(&payment, &started)).await);
}

struct GoCardlessWorld {
    sim: GoCardlessSim,
    gocardless: GoCardless,
    account: Account,
}

impl GoCardlessWorld {
    async fn start() -> Self {
        Self::start_with(HttpClient::new().unwrap()).await
    }

    async fn start_with(http: HttpClient) -> Self {
        let sim = GoCardlessSim::start().await;
        let live = "http://127.0.0.1:1/".parse().unwrap();
        let gocardless = GoCardless::new(http, live, sim.base_url().parse().unwrap());
        Self { sim, gocardless, account: account(&GoCardlessConfig::default().access_token) }
    }

    async fn begin(&self) -> (StartPayment, PaymentHandle, String) {
        let payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
        let started = self.gocardless.start(&self.account, &payment).await.unwrap();
        let request = reference(&started.refs, "billing_request").to_owned();
        (payment.clone(), handle(&payment, &started), request)
    }

    /// A payment that the customer has approved, by its id.
    async fn approved(&self) -> (StartPayment, PaymentHandle, String) {
        let (payment, handle, request) = self.begin().await;
        let made = self.sim.fulfil(&request).unwrap().payment.unwrap();
        (payment, handle, made)
    }

    async fn confirmed(&self) -> (StartPayment, PaymentHandle, String) {
        let (payment, handle, made) = self.approved().await;
        self.sim.submit(&made).unwrap();
        self.sim.confirm(&made).unwrap();
        (payment, handle, made)
    }

    async fn fetch(&self, handle: &PaymentHandle) -> ProviderUpdate {
        self.gocardless.fetch(&self.account, handle).await.unwrap()
    }

    async fn state(&self, handle: &PaymentHandle) -> PaymentState {
        state(&self.fetch(handle).await)
    }

    async fn refund(
        &self,
        handle: &PaymentHandle,
        refund: &SendRefund,
    ) -> Result<ProviderUpdate, ProviderError> {
        self.gocardless.refund(&self.account, handle, refund).await
    }
}

#[tokio::test]
async fn gocardless_started_twice_is_one_billing_request() {
    let world = GoCardlessWorld::start().await;
    let mut payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
    let first = world.gocardless.start(&world.account, &payment).await.unwrap();
    payment.now = payment.now + Duration::from_mins(2);
    let second = world.gocardless.start(&world.account, &payment).await.unwrap();
    assert_eq!(first.refs, second.refs);
    for started in [&first, &second] {
        assert!(
            matches!(&started.next, NextStep::Redirect { url } if url.starts_with(&world.sim.base_url()))
        );
    }
    assert_eq!(world.sim.effects().billing_requests_created, 1);
    let request = world.sim.object(reference(&first.refs, "billing_request")).unwrap();
    assert_eq!(request["payment_request"]["amount"], 2500);
    assert_eq!(request["metadata"]["transaction_id"], payment.transaction_id.to_string());
}

#[tokio::test]
async fn gocardless_lost_answers_make_no_second_billing_request() {
    let world = GoCardlessWorld::start().await;
    let payment = start_payment(2500, "GBP", CaptureMethod::Automatic);
    let faults = [
        (Fault::DropAfterEffect, "POST /billing_requests"),
        (Fault::StatusAfterEffect(500), "POST /billing_requests"),
        (Fault::DropAfterEffect, "POST /billing_request_flows"),
    ];
    for (fault, route) in faults {
        world.sim.inject(fault, 3, route);
        let outcome = world.gocardless.start(&world.account, &payment).await;
        assert_unknown(&outcome);
        assert_eq!(world.sim.effects().billing_requests_created, 1, "{route}");
    }
    world.sim.inject(Fault::DropAfterEffect, 1, "POST");
    world.gocardless.start(&world.account, &payment).await.unwrap();
    assert_eq!(world.sim.billing_requests().len(), 1);
}

#[tokio::test]
async fn gocardless_is_read_in_every_state() {
    use PaymentState as P;
    let world = GoCardlessWorld::start().await;
    let (payment, handle, request) = world.begin().await;
    let fresh = world.fetch(&handle).await;
    assert_eq!(state(&fresh), P::Initiated);
    assert_eq!(fresh.transaction_id, Some(payment.transaction_id));
    assert_eq!((fresh.expected_amount, fresh.currency), (Some(2500), Some(payment.amount.currency)));
    let made = world.sim.fulfil(&request).unwrap().payment.unwrap();
    assert_eq!(world.state(&handle).await, P::Pending);
    world.sim.submit(&made).unwrap();
    world.sim.fail(&made, true).unwrap();
    assert_eq!(world.state(&handle).await, P::Pending, "it will be tried again");
    world.sim.resubmit(&made).unwrap();
    world.sim.submit(&made).unwrap();
    world.sim.confirm(&made).unwrap();
    assert_eq!(taken(&world.fetch(&handle).await), (P::Succeeded, Some(2500)));
    world.sim.pay_out(&made).unwrap();
    assert_eq!(world.state(&handle).await, P::Succeeded);
    world.sim.charge_back(&made).unwrap();
    assert_eq!(world.fetch(&handle).await.disputes[0].state, DisputeState::Open);
    world.sim.charge_back_cancelled(&made).unwrap();
    assert_eq!(world.fetch(&handle).await.disputes[0].state, DisputeState::Won);
    world.sim.late_failure(&made).unwrap();
    assert_eq!(world.state(&handle).await, P::Failed);

    let (_, failed, request) = world.begin().await;
    world.sim.fail_billing_request(&request).unwrap();
    assert_eq!(world.state(&failed).await, P::Failed);
    let (_, cancelled, request) = world.begin().await;
    world.sim.cancel_billing_request(&request).unwrap();
    assert_eq!(world.state(&cancelled).await, P::Cancelled);
    let (_, denied, made) = world.approved().await;
    world.sim.deny(&made).unwrap();
    assert_eq!(world.state(&denied).await, P::Cancelled);
}

#[tokio::test]
async fn gocardless_cancels_what_was_not_submitted() {
    let world = GoCardlessWorld::start().await;
    let (_, open, _) = world.begin().await;
    let (_, approved, _) = world.approved().await;
    for handle in [&open, &approved] {
        for _ in 0..2 {
            world.gocardless.cancel(&world.account, handle, "cancel-1").await.unwrap();
        }
        assert_eq!(world.state(handle).await, PaymentState::Cancelled);
    }
    let effects = world.sim.effects();
    assert_eq!((effects.billing_requests_cancelled, effects.payments_cancelled), (1, 1));
    let (_, confirmed, _) = world.confirmed().await;
    let late = world.gocardless.cancel(&world.account, &confirmed, "cancel-2").await;
    assert_eq!(refusal(late), "cancellation_failed");
    let capture = world.gocardless.capture(&world.account, &confirmed, None, "capture-1").await;
    assert!(matches!(capture, Err(ProviderError::Unsupported(_))));
}

#[tokio::test]
async fn gocardless_refunds_once_per_refund() {
    let world = GoCardlessWorld::start().await;
    let (payment, handle, made) = world.approved().await;
    let first = send_refund(&payment, 1000, 1000);
    assert_eq!(refusal(world.refund(&handle, &first).await), "refund_payment_invalid_state");
    world.sim.confirm(&made).unwrap();
    let answered = world.refund(&handle, &first).await.unwrap();
    let again = world.refund(&handle, &first).await.unwrap();
    assert_eq!(answered.refunds[0].reference, again.refunds[0].reference);
    assert_eq!(answered.refunds[0].refund_id, Some(first.refund_id));
    assert_eq!((answered.refunds[0].state, answered.refunds[0].amount), (RefundState::Pending, Some(1000)));
    // Our total is behind theirs, as after a refund in the dashboard.
    let second = send_refund(&payment, 500, 500);
    world.refund(&handle, &second).await.unwrap();
    let third = send_refund(&payment, 1000, 2500);
    world.sim.inject(Fault::DropAfterEffect, 3, "POST /refunds");
    assert_unknown(&world.refund(&handle, &third).await);
    world.refund(&handle, &third).await.unwrap();
    let effects = world.sim.effects();
    assert_eq!((effects.refunds_created, effects.amount_refunded), (3, 2500));
    refusal(world.refund(&handle, &send_refund(&payment, 1, 2501)).await);

    let refunds = world.sim.refunds();
    world.sim.refund_paid(&refunds[0]).unwrap();
    world.sim.refund_paid(&refunds[1]).unwrap();
    world.sim.refund_bounced(&refunds[1]).unwrap();
    world.sim.refund_failed(&refunds[2]).unwrap();
    let found = world.fetch(&handle).await;
    let mut states: Vec<_> =
        found.refunds.iter().map(|refund| (refund.reference.clone(), refund.state)).collect();
    states.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [RefundState::Succeeded, RefundState::Failed, RefundState::Failed];
    assert_eq!(states, refunds.into_iter().zip(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn gocardless_errors_say_whether_something_happened() {
    let world = GoCardlessWorld::start().await;
    let payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
    let start = async || world.gocardless.start(&world.account, &payment).await;
    let wrong = world.gocardless.start(&account("wrong"), &payment).await;
    assert!(matches!(wrong, Err(ProviderError::Unauthorized(_))), "{wrong:?}");
    world.sim.fail_next(1, 429);
    assert_unavailable(&start().await);
    world.sim.fail_next(3, 503);
    assert_unknown(&start().await);
    world.sim.drop_next(3);
    assert_unknown(&start().await);
    world.sim.inject(Fault::Garbled, 1, "POST");
    let garbled = start().await;
    assert!(matches!(garbled, Err(ProviderError::Malformed(_))), "{garbled:?}");
    let mut stranger = handle(&payment, &start().await.unwrap());
    stranger.refs = vec![ProviderRef::new("billing_request", "BRQ000NONE")];
    let missing = world.gocardless.fetch(&world.account, &stranger).await;
    assert_eq!(refusal(missing), "resource_not_found");
    assert_eq!(world.sim.effects().billing_requests_created, 1);
    let info = world.gocardless.account_info(&world.account).await.unwrap();
    assert_eq!(info.account, Some(GoCardlessConfig::default().creditor_id));
    let address = || world.sim.base_url().parse().unwrap();
    let gone = GoCardless::new(HttpClient::new().unwrap(), address(), address());
    drop(world.sim);
    assert_unavailable(&gone.start(&world.account, &payment).await);
}

#[tokio::test]
async fn gocardless_silence_is_unknown_within_the_deadline() {
    let http = HttpClient::new().unwrap().with_deadline(SHORT_DEADLINE);
    let world = GoCardlessWorld::start_with(http).await;
    let payment = start_payment(2500, "EUR", CaptureMethod::Automatic);
    for hang in [Fault::Hang, Fault::HangAfterEffect] {
        world.sim.inject(hang, 1, "POST");
        let began = Instant::now();
        assert_unknown(&world.gocardless.start(&world.account, &payment).await);
        assert!(began.elapsed() < SHORT_DEADLINE * 2, "{:?}", began.elapsed());
    }
    let started = world.gocardless.start(&world.account, &payment).await.unwrap();
    assert_eq!(world.sim.effects().billing_requests_created, 1);
    world.sim.hang_next(1);
    assert_unavailable(&world.gocardless.fetch(&world.account, &handle(&payment, &started)).await);
}
