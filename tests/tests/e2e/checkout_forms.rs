//! The forms of the checkout page beside the method, as a browser without JavaScript sends them: a discount code
//! and a billing address.

use gateway_core::{
    app::{
        settings::{
            discounts::{self, DiscountSettings, Kind},
            sites::{self, SiteSettings},
        },
        start_payment::customer_of,
    },
    domain::checkout::Checkout,
    store::Entity,
};
use serde_json::json;

use crate::front::{Answer, Front};

impl Front {
    /// A code of the tenant. To be made before its first page: whether there are codes is remembered for 3 s.
    pub async fn code(&self, code: &str, settings: DiscountSettings) {
        let settings = DiscountSettings { code: Some(code.to_owned()), ..settings };
        discounts::create(&self.app, self.seed.tenant, settings).await.unwrap();
    }

    /// Changes the site. To be done before its first page.
    pub async fn site_asks(&self, settings: SiteSettings) {
        sites::update(&self.app, self.seed.tenant, self.seed.site.id, settings).await.unwrap();
    }

    pub async fn now(&self, checkout: &Checkout) -> Checkout {
        let store = self.app.store.for_org(self.seed.tenant);
        store.get::<Checkout>(checkout.id).await.unwrap().unwrap()
    }

    async fn page_of(&self, checkout: &Checkout) -> Answer {
        self.follow(&format!("/checkout/{}?choose=1", checkout.short_code)).await
    }

    async fn enter(&self, checkout: &Checkout, code: &str) -> Answer {
        let action = format!("/checkout/{}/discount", checkout.short_code);
        self.submit(&action, &[("session", &checkout.public_id), ("code", code)]).await
    }

    async fn pay(&self, checkout: &Checkout, fields: &[(&str, &str)]) -> Answer {
        let provider = self.provider("sandbox");
        let own = [("session", checkout.public_id.as_str()), ("provider", provider.as_str())];
        let fields: Vec<_> = own.into_iter().chain(fields.iter().copied()).collect();
        self.submit(&format!("/checkout/{}/pay", checkout.short_code), &fields).await
    }
}

/// Takes a tenth off.
pub fn tenth() -> DiscountSettings {
    DiscountSettings {
        kind: Some(Kind::Percent),
        percent: Some("10".parse().unwrap()),
        ..DiscountSettings::default()
    }
}

const ADDRESS: [(&str, &str); 6] = [
    ("firstName", "Maria"),
    ("lastName", "Example"),
    ("address1", "Example Street 1"),
    ("postcode", "10115"),
    ("city", "Example City"),
    ("country", "DE"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_entered_paid_with_and_told() {
    let front = Front::start().await;
    front.code("TEN", tenth()).await;
    let checkout = front.ten_euros().await;
    assert!(front.page_of(&checkout).await.body.contains("Do you have a discount code?"));
    let entered = front.enter(&checkout, " ten ").await;
    assert_eq!(entered.status, 303, "{}", entered.body);
    let page = front.follow(entered.location.as_deref().unwrap()).await;
    assert!(page.body.contains("Discount · TEN") && page.body.contains("€9.00"), "{}", page.body);
    assert!(page.body.contains("Remove code TEN") && !page.body.contains("id=\"code\""));
    let view = Answer::of(front.client.get(front.api(&format!("/api/v1/checkouts/{}", checkout.public_id))));
    let view = view.await.json();
    assert_eq!((&view["amount"], &view["discount"]["code"]), (&900.into(), &"TEN".into()));
    // A tab of before the code: nobody pays another price than they saw.
    let stale = front.pay(&checkout, &[("amount", "1000")]).await;
    assert_eq!(stale.status, 422);
    assert!(stale.body.contains("The amount of this order has changed."));
    assert!(front.transactions(&checkout).await.is_empty());

    let action = format!("/checkout/{}/discount", checkout.short_code);
    let removed = front.submit(&action, &[("session", &checkout.public_id), ("remove", "1")]).await;
    let page = front.follow(removed.location.as_deref().unwrap()).await;
    assert!(page.body.contains("Pay €10.00"), "{}", page.body);
    assert_eq!(front.now(&checkout).await.items, checkout.items);

    front.enter(&checkout, "TEN").await;
    let sandbox = front.pay(&checkout, &[("amount", "900")]).await.location.unwrap();
    assert!(front.open(&sandbox).await.body.contains("€9.00"));
    front.press_sandbox(&sandbox, "paid").await;
    let transaction = front.transactions(&checkout).await.remove(0);
    assert_eq!((transaction.amount, transaction.captured), (900, 900));
    // Paid is paid.
    let late = front.submit(&action, &[("session", &checkout.public_id), ("remove", "1")]).await;
    assert_eq!(front.follow(late.location.as_deref().unwrap()).await.heading(), "Payment received");
    assert_eq!(front.now(&checkout).await.amount, 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_code_is_told_beside_its_field_and_guessing_is_slow() {
    let front = Front::start().await;
    front
        .code(
            "LARGE",
            DiscountSettings {
                currency: Some(Some("EUR".to_owned())),
                minimum_amount: Some(Some(5000)),
                ..tenth()
            },
        )
        .await;
    let checkout = front.ten_euros().await;
    for (typed, told) in [
        ("", "Please enter a code."),
        ("NOPE", "This code is not valid."),
        ("large", "This code does not apply to this order."),
    ] {
        let refused = front.enter(&checkout, typed).await;
        assert_eq!(refused.status, 422, "{typed}");
        let field = refused.body.split_once("id=\"code\"").unwrap().1.split_once('>').unwrap().0;
        assert!(field.contains("aria-invalid=\"true\" aria-describedby=\"code-error\" autofocus"), "{field}");
        assert!(field.contains(&format!("value=\"{typed}\"")), "what was typed stays: {field}");
        let error = format!("id=\"code-error\" role=\"alert\">{told}");
        assert!(refused.body.contains(&error), "{typed}: {}", refused.body);
    }
    let mut told = Vec::new();
    for n in 0..12 {
        told.push(front.enter(&checkout, &format!("GUESS-{n}")).await);
    }
    let last = told.last().unwrap();
    assert_eq!((last.status.as_u16(), last.headers.contains_key("retry-after")), (429, true));
    assert!(last.body.contains("Too many attempts. Please wait"), "{}", last.body);
    // Another checkout has its own patience, and a foreign page none.
    let other = front.ten_euros().await;
    assert_eq!(front.enter(&other, "NOPE").await.status, 422);
    let action = front.page(&format!("/checkout/{}/discount", other.short_code));
    let form = [("session", other.public_id.as_str()), ("code", "LARGE")];
    let foreign = front.client.post(&action).header("sec-fetch-site", "cross-site").form(&form);
    assert_eq!(Answer::of(foreign).await.status, 403);
    let wrong = front.client.post(&action).form(&[("session", "cs_wrong"), ("code", "LARGE")]);
    assert_eq!(Answer::of(wrong).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_without_codes_asks_for_none_and_one_that_wants_none_takes_none() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    assert!(!front.page_of(&checkout).await.body.contains("discount code"));
    let front = Front::start().await;
    front.code("TEN", tenth()).await;
    front.site_asks(SiteSettings { discount_entry: Some("off".to_owned()), ..SiteSettings::default() }).await;
    let checkout = front.ten_euros().await;
    assert!(!front.page_of(&checkout).await.body.contains("discount code"));
    assert_eq!(front.enter(&checkout, "TEN").await.status, 303);
    assert_eq!(front.now(&checkout).await.amount, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_code_makes_free_is_completed_by_its_customer() {
    let front = Front::start().await;
    front.code("ALL", DiscountSettings { percent: Some("100".parse().unwrap()), ..tenth() }).await;
    let checkout = front.ten_euros().await;
    front.enter(&checkout, "ALL").await;
    let page = front.page_of(&checkout).await;
    assert!(page.body.contains("Nothing is left to pay") && page.body.contains("Complete the order"));
    assert!(!page.body.contains("name=\"provider\""));
    let done = front.pay(&checkout, &[("amount", "0")]).await;
    assert_eq!(front.follow(done.location.as_deref().unwrap()).await.heading(), "Payment received");
    assert!(front.now(&checkout).await.paid_by.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_address_is_asked_for_kept_sealed_and_shown_masked() {
    let front = Front::start().await;
    front
        .site_asks(SiteSettings { billing_address: Some("required".to_owned()), ..SiteSettings::default() })
        .await;
    let checkout = front.ten_euros().await;
    let page = front.page_of(&checkout).await;
    assert!(
        page.body.contains("autocomplete=\"billing given-name\"")
            && page.body.contains("<option value=\"DE\"")
    );
    let wrong: Vec<_> = ADDRESS.iter().map(|(n, v)| (*n, if *n == "postcode" { "1" } else { v })).collect();
    let refused = front.pay(&checkout, &wrong).await;
    assert_eq!(refused.status, 422);
    let told = "id=\"a-postcode-error\">This is not a postal code of Germany.";
    assert!(refused.body.contains(told) && refused.body.contains("value=\"Maria\""), "{}", refused.body);
    assert!(front.transactions(&checkout).await.is_empty(), "nothing is begun without it");
    assert!(front.pay(&checkout, &[]).await.body.contains("Please fill in this field."));

    let with_company: Vec<_> =
        ADDRESS.into_iter().chain([("company", "Example GmbH"), ("vatId", "de 123 456 789")]).collect();
    let sent = front.pay(&checkout, &with_company).await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    let kept = customer_of(&front.app, &front.now(&checkout).await).await.unwrap().billing_address.unwrap();
    assert_eq!(kept.vat_id.as_deref(), Some("DE123456789"));
    let party = gateway_core::domain::invoice::compose::buyer(&gateway_core::domain::checkout::Customer {
        billing_address: Some(kept),
        ..Default::default()
    });
    assert_eq!((party.name.as_str(), party.vat_id.as_deref()), ("Example GmbH", Some("DE123456789")));
    assert_eq!(party.contact.as_deref(), Some("Maria Example"));
    let raw = front.app.store.database().collection::<mongodb::bson::RawDocumentBuf>(Checkout::COLLECTION);
    let raw = raw.find_one(mongodb::bson::doc! { "shortCode": &checkout.short_code }).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(raw.as_bytes()).contains("Maria"), "it is sealed");

    front.press_sandbox(&sent.location.unwrap(), "declined").await;
    let again = front.page_of(&checkout).await;
    assert!(again.body.contains("M••• E•••, 10••• E•••"), "{}", again.body);
    for secret in ["Maria", "Example Street", "10115", "DE123456789"] {
        assert!(!again.body.contains(secret), "{secret} is shown");
    }
    let change = front.follow(&format!("/checkout/{}?address=1", checkout.short_code)).await;
    assert!(change.body.contains("id=\"a-city\"") && !change.body.contains("10115"), "empty fields");
    assert_eq!(front.pay(&checkout, &[]).await.status, 303, "what is known is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_address_may_be_left_out_and_the_runtime_asks_as_the_page_does() {
    let front = Front::start().await;
    front
        .site_asks(SiteSettings { billing_address: Some("optional".to_owned()), ..SiteSettings::default() })
        .await;
    let checkout = front.ten_euros().await;
    assert!(front.page_of(&checkout).await.body.contains("Add a billing address"));
    let half = front.pay(&checkout, &[("city", "Example City"), ("country", "DE")]).await;
    assert_eq!(half.status, 422, "what is begun is finished");
    assert_eq!(front.pay(&checkout, &[("country", "DE")]).await.status, 303);

    let front = Front::start().await;
    front
        .site_asks(SiteSettings { billing_address: Some("required".to_owned()), ..SiteSettings::default() })
        .await;
    let checkout = front.ten_euros().await;
    let create = async |address: serde_json::Value| {
        let mut body =
            json!({ "sessionPublicId": checkout.public_id, "providerId": front.provider("sandbox") });
        body["billingAddress"] = address;
        Answer::of(front.client.post(front.api("/api/v1/transactions/create")).json(&body)).await
    };
    let without = create(json!(null)).await;
    assert_eq!(
        (without.status.as_u16(), &without.json()["details"][0]["field"]),
        (400, &"billingAddress".into())
    );
    assert_eq!(create(json!({ "city": " " })).await.status, 400);
    let full = json!({ "firstName": "Maria", "lastName": "Example", "company": "", "address1": "Example Street 1",
        "address2": null, "city": "Example City", "postcode": "10115", "country": "DE", "phone": "" });
    assert_eq!(create(full).await.status, 200);
    let path = front.api(&format!("/api/v1/checkouts/{}", checkout.public_id));
    let view = Answer::of(front.client.get(path)).await;
    assert_eq!(view.json()["hasBillingAddress"], true);
    assert_eq!(view.json()["billingAddress"], "required");
    assert!(!view.body.contains("Maria"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_method_is_not_asked_about_and_the_last_one_tried_is_chosen() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let first = front.page_of(&checkout).await;
    let chosen = |page: &Answer, provider: &str| {
        page.body.contains(&format!("value=\"{}\" required checked", front.provider(provider)))
    };
    assert!(chosen(&first, "sandbox"), "the site's first: {}", first.body);
    let sandbox = front.pay(&checkout, &[]).await.location.unwrap();
    front.press_sandbox(&sandbox, "declined").await;
    assert!(chosen(&front.page_of(&checkout).await, "sandbox"));

    let front = Front::start().await;
    let only = vec![front.provider("sandbox").parse().unwrap()];
    front.site_asks(SiteSettings { provider_ids: Some(only), ..SiteSettings::default() }).await;
    let checkout = front.ten_euros().await;
    let page = front.page_of(&checkout).await;
    assert!(!page.body.contains("type=\"radio\""), "{}", page.body);
    assert_eq!(page.hidden("provider"), front.provider("sandbox"));
    let sandbox = front.pay(&checkout, &[]).await.location.unwrap();
    let failed = front.press_sandbox(&sandbox, "declined").await;
    let failed = front.follow(failed.location.as_deref().unwrap()).await;
    assert!(
        failed.body.contains("Try again") && !failed.body.contains("Choose another method"),
        "{}",
        failed.body
    );
}
