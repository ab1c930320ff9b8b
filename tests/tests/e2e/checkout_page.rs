//! The checkout pages as a browser without JavaScript sees them: every step is a link, a form or a redirect.

use gateway_core::{
    app::checkouts,
    domain::{
        checkout::{CaptureMethod, Checkout, Item},
        transaction::TransactionStatus as S,
    },
};
use testkit::{gocardless_sim::GoCardlessSim, stripe_sim::StripeSim};

use crate::front::{Answer, Front, GOCARDLESS_SECRET, STRIPE_SECRET, Setup};
use crate::in_process::ten_euros;

impl Front {
    /// Opens a checkout, chooses a provider and sends the form.
    pub async fn choose(&self, checkout: &Checkout, provider: &str) -> Answer {
        let page = self.follow(&format!("/checkout/{}?choose=1", checkout.short_code)).await;
        let session = page.hidden("session");
        assert_eq!(session, checkout.public_id);
        let provider = self.provider(provider);
        assert!(page.body.contains(&format!("value=\"{provider}\"")), "{}", page.body);
        self.submit(&page.form_action(), &[("session", &session), ("provider", &provider)]).await
    }

    /// Presses a button of the sandbox's page; answers where it leads.
    pub async fn press_sandbox(&self, url: &str, outcome: &str) -> Answer {
        let page = self.open(url).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let session = page.hidden("session");
        self.submit(&page.form_action(), &[("session", &session), ("outcome", outcome)]).await
    }

    /// The page that a checkout shows now.
    async fn shown(&self, checkout: &Checkout) -> Answer {
        self.open(&format!("/checkout/{}", checkout.short_code)).await
    }
}

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn paid_at_the_sandbox_and_back_to_the_shop() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let page = front.shown(&checkout).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Test mode: no real money moves."));
    assert!(page.body.contains("€10.00") && page.body.contains("Example Shop"));
    assert!(page.body.contains("href=\"http://127.0.0.1:9/cart\""));
    let csp = page.headers["content-security-policy"].to_str().unwrap();
    assert!(csp.contains("form-action 'self' https://checkout.stripe.com http://127.0.0.1:"), "{csp}");
    assert_eq!(page.headers["cache-control"], "no-store");

    let sent = front.choose(&checkout, "sandbox").await;
    let sandbox = location(&sent).to_owned();
    assert!(sandbox.contains("/sandbox/"), "{sandbox}");
    let back = front.press_sandbox(&sandbox, "paid").await;
    assert_eq!(location(&back), front.page(&format!("/checkout/{}/return", checkout.short_code)));
    let paid = front.follow(location(&back)).await;
    assert_eq!((paid.status.as_u16(), paid.heading().as_str()), (200, "Payment received"));
    let id = front.transactions(&checkout).await[0].id;
    let shop = format!("http://127.0.0.1:9/thanks?order=1&#38;t={id}");
    assert!(paid.body.contains(&shop), "the placeholder is replaced and the escape undone: {}", paid.body);
    // A second visit, a second press and another form change nothing.
    assert_eq!(location(&front.open(&sandbox).await), location(&back));
    let provider = front.provider("stripe");
    let fields = [("session", checkout.public_id.as_str()), ("provider", provider.as_str())];
    let again = front.submit(&format!("/checkout/{}/pay", checkout.short_code), &fields).await;
    assert_eq!(front.follow(location(&again)).await.heading(), "Payment received");
    assert_eq!(front.transactions(&checkout).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_payment_may_be_tried_again_at_once() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let sandbox = location(&front.choose(&checkout, "sandbox").await).to_owned();
    let failed = front.follow(location(&front.press_sandbox(&sandbox, "declined").await)).await;
    assert_eq!(failed.heading(), "The payment did not go through");
    assert!(failed.body.contains("Your bank or card issuer declined the payment."));
    assert!(failed.body.contains("choose=1"), "another method is one link away");
    let fields = [("session", failed.hidden("session")), ("provider", failed.hidden("provider"))];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let retried = front.submit(&failed.form_action(), &fields).await;
    let second = location(&retried).to_owned();
    assert_ne!(second, sandbox);
    let challenge = location(&front.press_sandbox(&second, "three_d_secure").await).to_owned();
    assert_eq!(front.open(&challenge).await.heading(), "Confirm the test payment");
    let paid = front.follow(location(&front.press_sandbox(&challenge, "approve").await)).await;
    assert_eq!(paid.heading(), "Payment received");
    let statuses: Vec<S> = front.transactions(&checkout).await.iter().map(|t| t.status).collect();
    assert_eq!(statuses, [S::Succeeded, S::Failed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_at_the_provider_chooses_again() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let sandbox = location(&front.choose(&checkout, "sandbox").await).to_owned();
    let cancelled = front.press_sandbox(&sandbox, "cancel").await;
    assert_eq!(location(&cancelled), front.page(&format!("/checkout/{}/back", checkout.short_code)));
    let page = front.follow(location(&cancelled)).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You stopped the payment before it was finished."));
    assert!(page.body.contains("role=\"alert\""));
    assert_eq!(page.hidden("session"), checkout.public_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_on_its_way_is_waited_for_without_javascript() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let sandbox = location(&front.choose(&checkout, "sandbox").await).to_owned();
    let waiting = front.follow(location(&front.press_sandbox(&sandbox, "pending").await)).await;
    assert_eq!(waiting.heading(), "Your payment is on its way");
    assert!(waiting.body.contains("<noscript><meta http-equiv=\"refresh\""));
    assert!(waiting.body.contains("data-live=\"pending\""));
    let status = front.open(&format!("/checkout/{}/status", checkout.short_code)).await;
    assert_eq!(status.json(), serde_json::json!({ "status": "pending" }));
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    gateway_providers::sandbox::tick(&front.app).await.unwrap();
    assert_eq!(front.shown(&checkout).await.heading(), "Payment received");
    let status = front.open(&format!("/checkout/{}/status", checkout.short_code)).await;
    assert_eq!(status.json(), serde_json::json!({ "status": "succeeded" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn authorized_disputed_and_failed_late() {
    let front = Front::start().await;
    let mut new = ten_euros("ORD-manual");
    new.capture_method = CaptureMethod::Manual;
    let manual = front.checkout(new).await;
    let sandbox = location(&front.choose(&manual, "sandbox").await).to_owned();
    let page = front.follow(location(&front.press_sandbox(&sandbox, "authorize").await)).await;
    assert_eq!(page.heading(), "Payment authorised");
    for (outcome, heading) in
        [("dispute", "This payment is being looked into"), ("late_failure", "The payment did not go through")]
    {
        let checkout = front.ten_euros().await;
        let sandbox = location(&front.choose(&checkout, "sandbox").await).to_owned();
        let page = front.follow(location(&front.press_sandbox(&sandbox, outcome).await)).await;
        assert_eq!(page.heading(), "Payment received");
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        gateway_providers::sandbox::tick(&front.app).await.unwrap();
        let page = front.shown(&checkout).await;
        assert_eq!(page.heading(), heading);
        assert!(!page.body.contains("<form"), "nothing is to be paid again here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paid_at_stripe_through_the_hand_over_page() {
    let stripe = StripeSim::start().await;
    let front = Front::start_with(Setup { stripe: Some(stripe.base_url()), ..Setup::default() }).await;
    stripe.set_webhook(front.hook("stripe", &front.provider("stripe")), STRIPE_SECRET);
    let checkout = front.ten_euros().await;
    let handover = front.choose(&checkout, "stripe").await;
    // The simulator's origin is not Stripe's: the policy lets no form be redirected there.
    assert_eq!(handover.status, 200, "{}", handover.body);
    assert_eq!(handover.heading(), "Taking you to Stripe");
    let session = stripe.sessions().pop().unwrap();
    assert!(handover.body.contains(&format!("content=\"0;url={}/pay/{session}", stripe.base_url())));
    let declined = front.submit(&format!("{}/pay/{session}/decline", stripe.base_url()), &[]).await;
    assert!(location(&declined).contains(&session), "Stripe lets the customer try again on its own page");
    let paid = front.submit(&format!("{}/pay/{session}/pay", stripe.base_url()), &[]).await;
    let page = front.follow(location(&paid)).await;
    assert_eq!(page.heading(), "Payment received");
    assert!(page.body.contains("Stripe"));
    stripe.settled(std::time::Duration::from_secs(20)).await.unwrap();
    let transactions = front.transactions(&checkout).await;
    assert_eq!((transactions.len(), transactions[0].status), (1, S::Succeeded));
    assert_eq!(stripe.effects().sessions_created, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_at_gocardless_takes_days_and_is_confirmed_by_webhook() {
    let gocardless = GoCardlessSim::start().await;
    let setup = Setup { gocardless: Some(gocardless.base_url()), ..Setup::default() };
    let front = Front::start_with(setup).await;
    gocardless.set_webhook(front.hook("gocardless", &front.provider("gocardless")), GOCARDLESS_SECRET);
    let checkout = front.ten_euros().await;
    let handover = front.choose(&checkout, "gocardless").await;
    assert_eq!(handover.heading(), "Taking you to GoCardless");
    let flow = handover.body.split_once("content=\"0;url=").unwrap().1.split_once('"').unwrap().0;
    let page = front.open(flow).await;
    let approve = page.form_action();
    let approved = front.submit(&format!("{}{approve}", gocardless.base_url()), &[]).await;
    let waiting = front.follow(location(&approved)).await;
    assert_eq!(waiting.heading(), "Your payment is on its way");
    assert!(waiting.body.contains("This can take a few working days."), "{}", waiting.body);
    let payment = gocardless.payments().pop().unwrap();
    gocardless.submit(&payment).unwrap();
    gocardless.confirm(&payment).unwrap();
    gocardless.settled(std::time::Duration::from_secs(20)).await.unwrap();
    let mut page = front.shown(&checkout).await;
    for _ in 0..50 {
        if page.heading() == "Payment received" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        page = front.shown(&checkout).await;
    }
    assert_eq!(page.heading(), "Payment received");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_before_the_provider_knows_waits_instead_of_asking_for_money_again() {
    let stripe = StripeSim::start().await;
    let front = Front::start_with(Setup { stripe: Some(stripe.base_url()), ..Setup::default() }).await;
    let checkout = front.ten_euros().await;
    front.choose(&checkout, "stripe").await;
    let page = front.follow(&format!("/checkout/{}/return", checkout.short_code)).await;
    assert_eq!(page.heading(), "Your payment is on its way");
    let asked = || stripe.journal().iter().filter(|entry| entry.method == "GET").count();
    let before = asked();
    for _ in 0..20 {
        front.follow(&format!("/checkout/{}/return", checkout.short_code)).await;
    }
    assert!(asked() - before <= 2, "asked {} times", asked() - before);
    // Without the mark of a return the methods are there again.
    assert_eq!(front.shown(&checkout).await.hidden("session"), checkout.public_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_does_not_work_leaves_the_others() {
    let stripe = StripeSim::start().await;
    let front = Front::start_with(Setup { stripe: Some(stripe.base_url()), ..Setup::default() }).await;
    let checkout = front.ten_euros().await;
    let action = format!("/checkout/{}/pay", checkout.short_code);
    let none = front.submit(&action, &[("session", &checkout.public_id)]).await;
    assert_eq!(none.status, 422);
    assert!(none.body.contains("Please choose how you would like to pay."));
    assert!(none.body.contains("aria-invalid=\"true\""));
    stripe.configure(|config| config.api_key = "sk_test_another".to_owned());
    let refused = front.choose(&checkout, "stripe").await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("This payment method is not available right now."));
    let provider = front.provider("stripe");
    let chosen = format!("value=\"{provider}\" required checked");
    assert!(refused.body.contains(&chosen), "the choice is kept: {}", refused.body);
    let sandbox = location(&front.choose(&checkout, "sandbox").await).to_owned();
    let paid = front.follow(location(&front.press_sandbox(&sandbox, "paid").await)).await;
    assert_eq!(paid.heading(), "Payment received");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_need_the_sessions_proof_and_our_own_page() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let provider = front.provider("sandbox");
    let action = format!("/checkout/{}/pay", checkout.short_code);
    let fields = |session: &str| [("session", session.to_owned()), ("provider", provider.clone())];
    let send = |site: &'static str, fields: [(&'static str, String); 2]| {
        let request = front.client.post(front.page(&action)).header("sec-fetch-site", site);
        Answer::of(request.form(&fields))
    };
    let wrong = send("same-origin", fields("cs_wrong")).await;
    assert_eq!((wrong.status.as_u16(), wrong.heading().as_str()), (404, "This payment page does not exist"));
    let foreign = send("cross-site", fields(&checkout.public_id)).await;
    assert_eq!((foreign.status.as_u16(), foreign.heading().as_str()), (403, "That did not work"));
    assert!(front.transactions(&checkout).await.is_empty());
    // The sandbox's page asks for its token, too.
    let sandbox = location(&front.choose(&checkout, "sandbox").await).to_owned();
    let without = sandbox.split_once('?').unwrap().0;
    assert_eq!(front.open(without).await.status, 404);
    assert_eq!(front.open(&format!("{without}?token=wrong")).await.status, 404);
    let request = front.client.post(&sandbox).header("sec-fetch-site", "cross-site");
    let form = [("session", checkout.public_id.as_str()), ("outcome", "paid")];
    assert_eq!(Answer::of(request.form(&form)).await.status, 403);
    assert_eq!(front.transactions(&checkout).await[0].status, S::Initiated);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_paid_says_so() {
    let front = Front::start().await;
    for path in ["/checkout/0000000000000000", "/checkout/x/return", "/nowhere", "/"] {
        let page = front.open(path).await;
        assert_eq!(
            (page.status.as_u16(), page.heading().as_str()),
            (404, "This payment page does not exist")
        );
    }
    let older = front.checkout(ten_euros("ORD-again")).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let newer = front.checkout(ten_euros("ORD-again")).await;
    assert_eq!(front.shown(&older).await.heading(), "There is a newer payment page for this order");
    checkouts::cancel(&front.app, front.seed.tenant, newer.id).await.unwrap();
    assert_eq!(front.shown(&newer).await.heading(), "This payment was cancelled");
    let provider = front.provider("sandbox");
    let fields = [("session", newer.public_id.as_str()), ("provider", provider.as_str())];
    let late = front.submit(&format!("/checkout/{}/pay", newer.short_code), &fields).await;
    assert_eq!(front.follow(location(&late)).await.heading(), "This payment was cancelled");
    let mut free = ten_euros("ORD-free");
    free.amount = Some(0);
    let free = front.checkout(free).await;
    assert_eq!(front.shown(&free).await.heading(), "Payment received", "nothing to pay is paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_taxes_and_languages() {
    let front = Front::start().await;
    let mut new = ten_euros("ORD-tax");
    new.amount = None;
    new.customer.email = Some("customer@example.com".to_owned());
    let item = |name: &str, quantity, unit_price, rate: i64| Item {
        name: Some(name.to_owned()),
        quantity,
        unit_price,
        vat_rate: Some(rate.into()),
        item_type: "goods".to_owned(),
        ..Item::default()
    };
    new.items = vec![item("Mug <b>", 2, 1190, 19), item("Book", 1, 1070, 7)];
    let checkout = front.checkout(new).await;
    let page = front.shown(&checkout).await;
    for text in ["Mug &#60;b&#62;", "2 × €11.90", "€23.80", "VAT 19%", "€3.80", "VAT 7%", "€0.70", "€34.50"]
    {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    assert!(!page.body.contains("customer@"), "no e-mail on the page");
    let german = front.client.get(front.page(&format!("/checkout/{}", checkout.short_code)));
    let german = Answer::of(german.header("accept-language", "de-DE,de;q=0.9")).await;
    assert!(
        german.body.contains("34,50\u{a0}€") && german.body.contains("lang=\"de-DE\""),
        "{}",
        german.body
    );
}
