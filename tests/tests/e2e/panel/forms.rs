//! What holds for every form of the panel: it does its work once, it does not go over what others have changed without
//! a word, and it speaks of its fields as the page does. Each screen that takes a form stands in one of the lists
//! below; a new one fails here until it does.

use std::collections::{BTreeMap, BTreeSet};

use admin_api::panel::{
    self,
    once::WITHOUT_KEY,
    screens::{Needs, Screen},
};
use futures::future::join_all;
use gateway_core::{
    app::{
        form_submissions::{self, Sending, SentForm},
        people::session,
        settings::products::{self, ProductSettings},
    },
    crypto::RequestDigest,
    domain::{ProductId, person::Person, product::Product, role::Role, transaction::Transaction},
};
use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::json;

use super::{
    Operator,
    attack::html::{self, Field, Form, Piece},
    fresh_key, hidden, person,
};
use crate::{
    admin::door::{Answer, Door, Shop},
    in_process::{self, ten_euros},
    invoices::world as papers,
    people::world,
    wire,
};

/// Screens that make something, or move money: a second one would be one too many.
const MAKES: &[&str] = &[
    "/api-keys/new",
    "/checkouts/example",
    "/checkouts/new",
    "/clients/new",
    "/deliveries/recover",
    "/discounts/new",
    "/invoice-series/new",
    "/invoices/new",
    "/invoices/{id}/credit",
    "/invoices/{id}/duplicate",
    "/invoices/{id}/record-payment",
    "/invoices/{id}/send",
    "/people/invite",
    "/products/new",
    "/providers/new",
    "/settings/organizations",
    "/sites/new",
    "/sites/{id}/domains",
    "/sites/{id}/test",
    "/transactions/{id}/confirm-manual",
    "/transactions/{id}/confirmations/{confirmation}/reverse",
    "/transactions/{id}/refund",
    "/transactions/{id}/refunds/record",
    "/webhooks/new",
];

/// Screens that change what is stored to what their form says.
const EDITS: &[&str] = &[
    "/account/name",
    "/clients/{id}/edit",
    "/discounts/{id}/edit",
    "/invoice-series/{id}",
    "/invoice-settings",
    "/invoices/{id}/edit",
    "/people/{id}/role",
    "/products/{id}/edit",
    "/providers/{id}/edit",
    "/settings/name",
    "/sites/{id}/edit",
    "/webhooks/{id}",
];

/// Screens with a button that does one thing, which is done or not: a second time changes nothing, or is refused.
const ACTS: &[&str] = &[
    "/account/factor/begin",
    "/account/factor/confirm",
    "/account/factor/recovery",
    "/account/factor/remove",
    "/account/passkeys",
    "/account/passkeys/{id}/remove",
    "/account/password",
    "/account/sessions/{handle}/end",
    "/api-keys/{id}/revoke",
    "/api-keys/{id}/rotate",
    "/checkouts/{id}/cancel",
    "/clients/{id}/delete",
    "/clients/{id}/erase",
    "/deliveries/{id}/resend",
    "/discounts/{id}/archive",
    "/events/{id}/replay",
    "/invitation/{token}/accept",
    "/invoices/{id}/issue",
    "/invoices/{id}/render",
    "/invoices/{id}/resolve",
    "/invoices/{id}/void",
    "/logout",
    "/people/invitations/{id}/revoke",
    "/people/{id}/remove",
    "/products/{id}/archive",
    "/providers/{id}/catch-up",
    "/providers/{id}/delete",
    "/providers/{id}/test",
    "/providers/{id}/toggle",
    "/sites/{id}/domains/{domain}/check",
    "/sites/{id}/domains/{domain}/delete",
    "/sites/{id}/new-secret",
    "/sites/{id}/secret",
    "/transactions/{id}/cancel",
    "/transactions/{id}/capture",
    "/transactions/{id}/confirm",
    "/transactions/{id}/invoice",
    "/transactions/{id}/notifications/{delivery}/resend",
    "/transactions/{id}/refunds/{refund}/cancel",
    "/transactions/{id}/resolve",
    "/webhooks/{id}/delete",
    "/webhooks/{id}/disable",
    "/webhooks/{id}/enable",
    "/webhooks/{id}/rotate",
];

/// What is no thing of the merchant's, or only says that something was done.
const NOT_COUNTED: &[&str] = &["form_submissions", "audit_log", "sessions", "audit_chains"];

/// Every screen that takes a form of somebody who is signed in.
fn screens() -> Vec<Screen> {
    let of_people = |screen: &Screen| screen.method == Method::POST && screen.needs != Needs::Nobody;
    panel::table().into_iter().filter(of_people).collect()
}

fn pattern(screen: &Screen) -> &str {
    screen.path.strip_prefix("/o/{org}/{mode}").unwrap_or(&screen.path)
}

#[test]
fn every_form_stands_in_one_of_the_lists() {
    let known: BTreeSet<&str> = [MAKES, EDITS, ACTS].concat().into_iter().collect();
    assert_eq!(known.len(), MAKES.len() + EDITS.len() + ACTS.len(), "none stands in two");
    let without: BTreeSet<&str> = WITHOUT_KEY.iter().map(|(path, _)| *path).collect();
    let screens = screens();
    let found: BTreeSet<&str> = screens.iter().map(pattern).filter(|path| !without.contains(path)).collect();
    assert_eq!(found, known);
}

/// The address of a screen, with ids of nothing where it wants some.
fn nowhere(operator: &Operator<'_>, screen: &Screen) -> String {
    let path = screen.path.replace("/o/{org}/{mode}", &operator.path(""));
    let parts =
        path.split('/').map(|part| if part.starts_with('{') { "650000000000000000000001" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_taken_without_a_key_of_its_own() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    for screen in screens() {
        if WITHOUT_KEY.iter().any(|(path, _)| *path == pattern(&screen)) {
            continue;
        }
        let path = nowhere(&admin, &screen);
        for key in [None, Some(""), Some(&*"k".repeat(65))] {
            let mut fields = vec![("csrf", admin.csrf.as_str())];
            fields.extend(key.map(|key| ("key", key)));
            let answer = door.send(admin.request(Method::POST, &path).form(&fields)).await;
            assert_eq!(answer.status, 400, "{path} with {key:?}: {}", answer.text);
            assert!(answer.text.contains("reload the page"), "{path}: {}", answer.text);
        }
    }
}

/// A form that makes something: where it is sent to, and what it says. `n` tells one thing from the next.
struct Making {
    pattern: &'static str,
    path: String,
    fields: Box<dyn Fn(usize) -> Vec<(String, String)> + Send + Sync>,
}

impl Making {
    fn new(pattern: &'static str, path: &str, fields: &[(&'static str, &str)]) -> Self {
        let fields: Vec<(&'static str, String)> =
            fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let of = move |n: usize| {
            let filled =
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.replace('#', &n.to_string())));
            filled.collect()
        };
        Self { pattern, path: path.to_owned(), fields: Box::new(of) }
    }

    /// The same with a field that says what its page was loaded with.
    fn loaded_with(self, name: &'static str, value: fn(usize) -> usize) -> Self {
        let of = move |n: usize| {
            let mut fields = (self.fields)(n);
            fields.push((name.to_owned(), value(n).to_string()));
            fields
        };
        Self { fields: Box::new(of), pattern: self.pattern, path: self.path }
    }
}

/// A shop with something of all that forms can be about.
struct Full {
    waiting: Transaction,
    confirmed: Transaction,
    confirmation: String,
    paid: Transaction,
    invoice: String,
}

impl Full {
    async fn of(door: &Door, shop: &Shop) -> Self {
        let (app, tenant) = (&door.app, shop.tenant);
        papers::invoicing(app, tenant).await;
        let bank = wire::bank(app, tenant).await;
        let site = shop.seed.site.id;
        let (waiting, _) = wire::waiting(app, tenant, site, bank, ten_euros("ORD-41")).await;
        let (confirmed, _) = wire::waiting(app, tenant, site, bank, ten_euros("ORD-42")).await;
        let path = format!("/v1/transactions/{}/confirm-manual", confirmed.id);
        let shown = door.post(&shop.key, &path, &json!({ "amount": 1000 })).await.ok(200);
        let confirmation = shown["confirmation"]["id"].as_str().unwrap().to_owned();
        let paid = door.started(shop, &json!({ "externalReference": "ORD-43" })).await;
        door.pay(&paid).await;
        let draft = papers::queued(app, tenant).await;
        gateway_core::app::invoices::number::number_series(app, tenant, draft.series_id).await.unwrap();
        for n in 1..=3 {
            let buyer = format!("buyer{n}.{}@example.com", draft.id);
            in_process::colleague(&door.app, shop.tenant.organization, &buyer).await;
        }
        Self { waiting, confirmed, confirmation, paid, invoice: draft.id.to_string() }
    }

    fn forms(&self, shop: &Shop) -> Vec<Making> {
        [Self::of_settings(shop), self.of_documents(), self.of_payments(shop)].into_iter().flatten().collect()
    }

    fn of_settings(shop: &Shop) -> Vec<Making> {
        let new = Making::new;
        let site = shop.site.as_str();
        vec![
            new("/api-keys/new", "/api-keys/new", &[("name", "Key #"), ("scopes", "checkout:read")]),
            new("/clients/new", "/clients/new", &[("name", "Client #")]),
            new(
                "/discounts/new",
                "/discounts/new",
                &[("code", "CODE-#"), ("kind", "percent"), ("percent", "10"), ("active", "true")],
            ),
            new(
                "/people/invite",
                "/people/invite",
                &[("email", &format!("new-#-{site}@example.com")), ("role", "viewer"), ("language", "en")],
            ),
            new(
                "/products/new",
                "/products/new",
                &[("name", "Mug #"), ("unitPrice", "5"), ("currency", "EUR"), ("active", "true")],
            ),
            new("/providers/new", "/providers/new", &[("type", "sandbox"), ("name", "Sandbox #")]),
            new(
                "/settings/organizations",
                "/settings/organizations",
                &[("organization", &format!("Shop {site} #"))],
            ),
            new("/sites/new", "/sites/new", &[("name", "Site #"), ("ipnVersion", "2")]),
            new(
                "/sites/{id}/domains",
                &format!("/sites/{site}/domains"),
                &[("host", &format!("pay-#-{site}.invalid"))],
            ),
            new("/sites/{id}/test", &format!("/sites/{site}/test"), &[("url", "https://shop.example.com/#")]),
            new(
                "/webhooks/new",
                "/webhooks/new",
                &[("url", "https://shop.example.com/#"), ("description", "Hook #")],
            ),
        ]
    }

    fn of_documents(&self) -> Vec<Making> {
        let new = Making::new;
        vec![
            new(
                "/invoice-series/new",
                "/invoice-series/new",
                &[
                    ("kind", "invoice"),
                    ("name", "Series #"),
                    ("prefix", "S#-"),
                    ("period", "year"),
                    ("start", "1"),
                    ("padding", "3"),
                ],
            ),
            new(
                "/invoices/new",
                "/invoices/new",
                &[
                    ("currency", "EUR"),
                    ("buyer.name", "Buyer #"),
                    ("language", "en"),
                    ("lines[0].name", "Work"),
                    ("lines[0].unitPrice", "10"),
                ],
            ),
            new(
                "/invoices/{id}/credit",
                &format!("/invoices/{}/credit", self.invoice),
                &[("amount", "0.0#"), ("reason", "Part #")],
            ),
            new("/invoices/{id}/duplicate", &format!("/invoices/{}/duplicate", self.invoice), &[]),
            new(
                "/invoices/{id}/record-payment",
                &format!("/invoices/{}/record-payment", self.invoice),
                &[("amount", "0.0#")],
            )
            .loaded_with("paid", |n| n / 2),
            new(
                "/invoices/{id}/send",
                &format!("/invoices/{}/send", self.invoice),
                &[("email", &format!("buyer#.{}@example.com", self.invoice))],
            ),
        ]
    }

    fn of_payments(&self, shop: &Shop) -> Vec<Making> {
        let new = Making::new;
        let site = shop.site.as_str();
        let (waiting, confirmed, paid) = (self.waiting.id, self.confirmed.id, self.paid.id);
        vec![
            new("/checkouts/example", "/checkouts/example", &[]),
            new(
                "/checkouts/new",
                "/checkouts/new",
                &[
                    ("siteId", site),
                    ("currency", "EUR"),
                    ("amount", "5"),
                    ("externalReference", "TEL-#"),
                    ("expiresIn", "86400"),
                ],
            ),
            new(
                "/deliveries/recover",
                "/deliveries/recover",
                &[("receiver", &format!("site:{site}")), ("since", "2020-01-01T00:00")],
            ),
            new(
                "/transactions/{id}/confirm-manual",
                &format!("/transactions/{waiting}/confirm-manual"),
                &[("amount", "0.1#"), ("note", "Part #")],
            )
            .loaded_with("received", |n| if n == 1 { 0 } else { 11 }),
            new(
                "/transactions/{id}/confirmations/{confirmation}/reverse",
                &format!("/transactions/{confirmed}/confirmations/{}/reverse", self.confirmation),
                &[("note", "#")],
            ),
            new("/transactions/{id}/refund", &format!("/transactions/{paid}/refund"), &[("amount", "0.1#")]),
            new(
                "/transactions/{id}/refunds/record",
                &format!("/transactions/{confirmed}/refunds/record"),
                &[("amount", "0.1#"), ("bankReference", "OUT-#")],
            ),
        ]
    }
}

/// How much an organization has of everything: documents, and what is kept in lists of them.
async fn belongings(door: &Door, shop: &Shop) -> BTreeMap<String, usize> {
    const LISTS: [&str; 6] = ["refunds", "confirmations", "operations", "credits", "outbox", "series"];
    let database = door.app.store.database();
    let mut found = BTreeMap::new();
    for name in database.list_collection_names().await.unwrap() {
        if NOT_COUNTED.contains(&name.as_str()) {
            continue;
        }
        // Organizations belong to nobody; a new one is of whoever made it.
        let filter = if name == "organizations" {
            doc! { "name": { "$regex": &shop.site } }
        } else {
            doc! { "org": shop.tenant.organization }
        };
        let mut rows = database.collection::<Document>(&name).find(filter).await.unwrap();
        let mut count = 0;
        while rows.advance().await.unwrap() {
            let row: Document = rows.deserialize_current().unwrap();
            count += 1;
            for list in LISTS {
                count += row.get_array(list).map_or(0, Vec::len);
            }
            // Money that was recorded.
            let paid = row.get_document("money").and_then(|money| money.get_i64("paid")).unwrap_or(0);
            count += usize::try_from(paid).unwrap();
        }
        found.insert(name, count);
    }
    found
}

/// Where an answer leads, or that it showed a secret.
fn outcome(answer: &Answer) -> String {
    match answer.headers.get("location") {
        Some(to) => to.to_str().unwrap().to_owned(),
        None => format!("{}: {}", answer.status, answer.text),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_form_makes_it_makes_once_however_often_it_is_sent() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let full = Box::pin(Full::of(&door, &shop)).await;
    let mut one = person(&door, &[(&shop, Role::Admin)]).await;
    one.system_admin = true;
    door.app.store.for_org(Person::TENANT).save(&mut one).await.unwrap();
    let admin = Operator::signed_in(&door, &shop, one).await;
    let forms = full.forms(&shop);
    let patterns: BTreeSet<&str> = forms.iter().map(|form| form.pattern).collect();
    assert_eq!(patterns, MAKES.iter().copied().collect(), "each of them is sent here");
    for form in &forms {
        let send = async |n: usize, key: &str| {
            let mut fields =
                vec![("csrf".to_owned(), admin.csrf.clone()), ("key".to_owned(), key.to_owned())];
            fields.extend((form.fields)(n));
            door.send(admin.request(Method::POST, &admin.path(&form.path)).form(&fields)).await
        };
        let (key, before) = (fresh_key(), belongings(&door, &shop).await);
        let first = send(1, &key).await;
        assert!([200, 303].contains(&first.status), "{}: {} {}", form.path, first.status, first.text);
        let after = belongings(&door, &shop).await;
        // Nothing has failed here, so nothing is sent again.
        assert!(before != after || form.pattern == "/deliveries/recover", "{} makes something", form.path);
        let again = send(1, &key).await;
        assert_eq!(again.status, 303, "{}: {}", form.path, again.text);
        if first.status == 303 {
            assert_eq!(outcome(&again), outcome(&first), "{}", form.path);
        } else {
            assert!(outcome(&again).ends_with("?done=shown-before"), "{}: {}", form.path, outcome(&again));
        }
        let other = send(2, &key).await;
        if (form.fields)(1) != (form.fields)(2) {
            assert_eq!(other.status, 409, "{}: {}", form.path, other.text);
            assert!(other.text.contains("was sent before, with other contents"), "{}", other.text);
        }
        assert_eq!(belongings(&door, &shop).await, after, "{} made nothing more", form.path);
        if form.pattern == "/transactions/{id}/confirmations/{confirmation}/reverse" {
            // There was one to take back; the money came after all.
            let path = format!("/v1/transactions/{}/confirm-manual", full.confirmed.id);
            door.post(&shop.key, &path, &json!({ "amount": 1000 })).await.ok(200);
            continue;
        }
        // A nervous finger: twenty at once.
        let before = belongings(&door, &shop).await;
        let key = fresh_key();
        let all = join_all((0..20).map(|_| send(3, &key))).await;
        let shown = all.iter().filter(|answer| answer.status == 200).count();
        assert!(shown <= 1, "{}: a secret is shown once", form.path);
        assert!(all.iter().all(|answer| [200, 303].contains(&answer.status)), "{}: {all:?}", form.path);
        let leads: BTreeSet<String> = all.iter().filter(|a| a.status == 303).map(outcome).collect();
        assert_eq!(leads.len(), 1, "{}: {leads:?}", form.path);
        let made = belongings(&door, &shop).await;
        assert_eq!(send(3, &key).await.status, 303);
        assert_eq!(belongings(&door, &shop).await, made);
        let grown = |from: &BTreeMap<String, usize>, to: &BTreeMap<String, usize>| -> usize {
            to.iter().map(|(name, count)| count - from.get(name).copied().unwrap_or_default()).sum()
        };
        assert!(grown(&before, &made) <= 5, "{}: {before:?} {made:?}", form.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_the_key_that_it_belongs_to_is_made_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let html = admin.page("/api-keys/new").await;
    let fields = [("key", hidden(&html, "key")), ("name", "Shop"), ("scopes", "checkout:create")];
    let first = admin.send("/api-keys/new", &fields).await;
    assert_eq!(first.status, 200);
    assert!(first.text.contains("sk_test_"), "{}", first.text);
    let again = admin.done("/api-keys/new", &fields).await;
    let page = admin.page(&again).await;
    assert!(page.contains("was done already") && page.contains("Shop"), "{page}");
    let secret = first.text.split("sk_test_").nth(1).unwrap();
    let secret = secret.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').next().unwrap();
    assert!(secret.len() > 40 && !page.contains(secret), "{page}");
    let named = super::developers::keys(&door, shop.tenant).await;
    assert_eq!(named.iter().filter(|key| key.name == "Shop").count(), 1);
}

/// What a form's guard has noted when the process that did its work was gone before it answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_cut_off_is_taken_up_and_makes_what_it_began_to_make() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = editor.path("/products/new");
    let fields = [("name", "Mug"), ("unitPrice", "5"), ("currency", "EUR"), ("active", "true")];
    let content: String = fields.iter().flat_map(|(name, value)| [*name, "=", *value, "&"]).collect();
    for has_made_it in [false, true] {
        let sent = SentForm {
            person: editor.person.id,
            path: path.clone(),
            key: fresh_key(),
            digest: RequestDigest::of("POST", &path, content.as_bytes()),
        };
        let begun = form_submissions::begin(&door.app, shop.tenant, &sent).await.unwrap();
        let Sending::First(claim) = begun else { panic!("{begun:?}") };
        let id = ProductId::from_bytes(claim.new_id.bytes());
        if has_made_it {
            let product = ProductSettings {
                id: Some(id),
                name: Some("Mug".to_owned()),
                unit_price: Some(500),
                currency: Some("EUR".to_owned()),
                ..ProductSettings::default()
            };
            products::create(&door.app, shop.tenant, product).await.unwrap();
        }
        let all: Vec<_> = [("key", sent.key.as_str())].into_iter().chain(fields).collect();
        let early = editor.send("/products/new", &all).await;
        assert_eq!(early.status, 409, "it may be running still: {}", early.text);
        // Long after, nobody is at it any more.
        let long_ago = mongodb::bson::DateTime::from_millis((door.app.now().seconds() - 3600) * 1000);
        let submissions = door.app.store.database().collection::<Document>("form_submissions");
        let filter = doc! { "newId": claim.new_id };
        let aged = submissions.update_one(filter, doc! { "$set": { "triedAt": long_ago } }).await.unwrap();
        assert_eq!(aged.modified_count, 1);
        let led = join_all((0..5).map(|_| editor.done("/products/new", &all))).await;
        assert!(led.iter().all(|to| to.starts_with(&format!("/products/{id}"))), "{led:?}");
        let store = door.app.store.for_org(shop.tenant);
        assert_eq!(store.count::<Product>(doc! { "_id": id }, 10).await.unwrap(), 1);
    }
    let store = door.app.store.for_org(shop.tenant);
    assert_eq!(store.count::<Product>(doc! {}, 10).await.unwrap(), 2, "one of each form");
}

/// An edit form: its page, its screen, a field and two values for it.
struct Edit {
    pattern: &'static str,
    page: String,
    field: &'static str,
    /// What another tab saves meanwhile, and what this one wants.
    theirs: &'static str,
    mine: &'static str,
}

async fn edits(door: &Door, shop: &Shop, admin: &Operator<'_>) -> Vec<Edit> {
    let made = async |path: &str, fields: &[(&str, &str)]| {
        admin.done(path, fields).await.split('?').next().unwrap().to_owned()
    };
    let product = made("/products/new", &[("name", "Mug"), ("unitPrice", "5"), ("currency", "EUR")]).await;
    let client = made("/clients/new", &[("name", "Ana")]).await;
    let discount = made("/discounts/new", &[("code", "TEN"), ("kind", "percent"), ("percent", "10")]).await;
    let endpoint = json!({ "url": "https://shop.example.com/", "description": "Hook" });
    let endpoint = door.post(&shop.key, "/v1/webhook-endpoints", &endpoint).await.ok(201);
    let draft = papers::queued_or_not(&door.app, shop.tenant, false).await;
    let provider = shop.seed.sandbox.as_ref().unwrap().id;
    let edit = |pattern, page: String, field, theirs, mine| Edit { pattern, page, field, theirs, mine };
    vec![
        edit("/products/{id}/edit", format!("{product}/edit"), "name", "Cup", "Jug"),
        edit("/clients/{id}/edit", format!("{client}/edit"), "name", "Eva", "Ada"),
        edit("/discounts/{id}/edit", format!("{discount}/edit"), "name", "Spring", "Autumn"),
        edit("/providers/{id}/edit", format!("/providers/{provider}/edit"), "name", "Play", "Toy"),
        edit("/sites/{id}/edit", format!("/sites/{}/edit", shop.site), "name", "Mugs", "Cups"),
        edit(
            "/webhooks/{id}",
            format!("/webhooks/{}", endpoint["id"].as_str().unwrap()),
            "description",
            "Theirs",
            "Mine",
        ),
        edit(
            "/invoice-series/{id}",
            format!("/invoice-series/{}", draft.series_id),
            "name",
            "Theirs",
            "Mine",
        ),
        edit("/invoices/{id}/edit", format!("/invoices/{}/edit", draft.id), "buyer.name", "Theirs", "Mine"),
        edit("/invoice-settings", "/invoice-settings".to_owned(), "seller.name", "Theirs GmbH", "Mine GmbH"),
        edit("/settings/name", "/settings".to_owned(), "name", "Theirs Ltd", "Mine Ltd"),
        edit("/people/{id}/role", "/people".to_owned(), "role", "editor", "admin"),
    ]
}

/// The form of a page that is sent to a screen.
fn form_of(page: &str, action: &str) -> Form {
    let forms = html::forms(&html::parse(page));
    let form = forms.into_iter().find(|form| form.is_post && form.action == action);
    form.unwrap_or_else(|| panic!("no form for {action}: {page}"))
}

/// What a browser sends of a form, with one field filled in anew.
fn filled(form: &Form, field: &str, value: &str) -> Vec<(String, String)> {
    let sent = form.fields.iter().filter(|one| one.is_sent && !one.name.is_empty() && one.kind != "password");
    let value_of = |one: &Field| if one.name == field { value.to_owned() } else { one.value.clone() };
    sent.map(|one| (one.name.clone(), value_of(one))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_edit_goes_over_what_another_tab_has_saved_without_a_word() {
    let door = Door::open().await;
    let shop = door.shop().await;
    papers::invoicing(&door.app, shop.tenant).await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let colleague = Operator::of(&door, &shop, Role::Admin).await;
    let viewer = world::member(&door.app, shop.tenant.organization, Role::Viewer).await;
    let all = edits(&door, &shop, &admin).await;
    let listed: BTreeSet<&str> = all.iter().map(|edit| edit.pattern).chain(["/account/name"]).collect();
    assert_eq!(listed, EDITS.iter().copied().collect());
    for edit in &all {
        let id = if edit.page == "/people" { viewer.id.to_string() } else { edit.page.clone() };
        let action = match edit.pattern {
            "/people/{id}/role" => admin.path(&format!("/people/{id}/role")),
            "/settings/name" => admin.path("/settings/name"),
            _ => admin.path(&edit.page),
        };
        let send = async |operator: &Operator<'_>, fields: &[(String, String)]| {
            door.send(operator.request(Method::POST, &action).form(fields)).await
        };
        let mine = form_of(&admin.page(&edit.page).await, &action);
        let theirs = form_of(&colleague.page(&edit.page).await, &action);
        assert!(
            mine.fields.iter().any(|field| field.name == "seen"),
            "{action} says what it was loaded with"
        );
        let without: Vec<_> =
            filled(&mine, edit.field, edit.mine).into_iter().filter(|(name, _)| name != "seen").collect();
        assert_eq!(send(&admin, &without).await.status, 400, "{action} without what it was loaded with");
        let saved = send(&colleague, &filled(&theirs, edit.field, edit.theirs)).await;
        assert_eq!(saved.status, 303, "{action}: {}", saved.text);

        let mut fields = filled(&mine, edit.field, edit.mine);
        fields.iter_mut().filter(|(name, _)| name == "key").for_each(|(_, key)| *key = fresh_key());
        let stale = send(&admin, &fields).await;
        assert_eq!(stale.status, 422, "{action}: {}", stale.text);
        if edit.pattern == "/people/{id}/role" {
            // A choice and no text: it is made again.
            assert!(stale.text.contains("Somebody has changed this member"), "{}", stale.text);
            continue;
        }
        let name = &colleague.person.name;
        for part in ["Not saved", edit.theirs, name.as_str(), "reload what is stored", "Save over the change"]
        {
            assert!(stale.text.contains(part), "{action}: {part}: {}", stale.text);
        }
        let shown = form_of(&stale.text, &action);
        let kept = shown.fields.iter().find(|field| field.name == edit.field).unwrap();
        assert_eq!(kept.value, edit.mine, "{action} keeps what was typed");
        let stored = form_of(&admin.page(&edit.page).await, &action);
        let value =
            |form: &Form| form.fields.iter().find(|one| one.name == edit.field).unwrap().value.clone();
        assert_eq!(value(&stored), edit.theirs, "{action}: nothing was written");
        // Sent once more it is meant.
        let over = send(&admin, &filled(&shown, edit.field, edit.mine)).await;
        assert_eq!(over.status, 303, "{action}: {}", over.text);
        assert_eq!(value(&form_of(&admin.page(&edit.page).await, &action)), edit.mine, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_name_is_not_changed_over_another_tab_either() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let one = Operator::of(&door, &shop, Role::Viewer).await;
    let page = async || door.send(one.request(Method::GET, "/account")).await.text;
    let fields = async |html: &str, name: &str| filled(&form_of(html, "/account/name"), "name", name);
    let (first, second) = (page().await, page().await);
    let send = async |fields: &[(String, String)]| {
        door.send(one.request(Method::POST, "/account/name").form(fields)).await
    };
    assert_eq!(send(&fields(&first, "Ada").await).await.status, 303);
    let stale = send(&fields(&second, "Eva").await).await;
    assert_eq!(stale.status, 422, "{}", stale.text);
    assert!(stale.text.contains("Ada") && stale.text.contains("Save over the change"), "{}", stale.text);
    assert_eq!(session::list(&door.app, one.person.id).await.unwrap().len(), 1);
    assert_eq!(send(&fields(&stale.text, "Eva").await).await.status, 303);
}

/// What a page complains of: below its fields, and above the form.
fn complaints(page: &str) -> Vec<String> {
    let pieces = html::parse(page);
    let mut found = Vec::new();
    let mut depth: Option<(String, String)> = None;
    for piece in &pieces {
        match (piece, &mut depth) {
            (Piece::Open(tag), None) => {
                let class = tag.get("class").unwrap_or_default();
                if ["error", "banner"].iter().any(|one| class.split(' ').any(|word| word == *one)) {
                    depth = Some((tag.name.clone(), String::new()));
                }
            }
            (Piece::Text(text), Some((_, said))) => said.push_str(text),
            (Piece::Close(name), Some((opened, _))) if name == opened => {
                found.extend(depth.take().map(|(_, said)| said.trim().to_owned()));
            }
            _ => {}
        }
    }
    found
}

/// A word of the API in a sentence for people: `unitPrice`, `lines[1].quantity`, `bankAccount.holder`.
fn api_word(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "“”\"'(),;:".contains(c));
    words.map(|word| word.trim_end_matches(['.', '!', '?'])).find(|word| {
        let is_address = word.contains("://") || word.contains('@') || word.contains("example");
        let inner: Vec<char> = word.chars().collect();
        let is_camel = inner.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase());
        let is_path = word.contains('[')
            || inner.windows(3).any(|three| {
                three[0].is_ascii_lowercase() && three[1] == '.' && three[2].is_ascii_lowercase()
            });
        !is_address && (is_camel || is_path) && !["PayPal", "iDEAL", "GoCardless"].contains(word)
    })
}

#[test]
fn words_of_the_api_are_found_in_a_sentence() {
    for (text, word) in [
        ("Price must be at most €5.00.", None),
        ("unitPrice is required.", Some("unitPrice")),
        ("Not saved: lines[1].quantity must be", Some("lines[1].quantity")),
        ("bankAccount.holder", Some("bankAccount.holder")),
        ("must be an absolute URL such as https://shop.example.com/x.y", None),
        ("IBAN: something is mistyped.", None),
    ] {
        assert_eq!(api_word(text), word, "{text}");
    }
}

/// Every page with a form that can be wrong.
async fn pages(door: &Door, shop: &Shop, admin: &Operator<'_>, full: &Full) -> Vec<String> {
    let mut pages: Vec<String> = edits(door, shop, admin).await.into_iter().map(|edit| edit.page).collect();
    pages.extend(
        [
            "api-keys",
            "checkouts",
            "clients",
            "discounts",
            "invoice-series",
            "invoices",
            "products",
            "sites",
            "webhooks",
        ]
        .map(|name| format!("/{name}/new")),
    );
    pages.extend(["wire", "stripe", "gocardless"].map(|kind| format!("/providers/new?type={kind}")));
    pages.extend([
        "/people/invite".to_owned(),
        "/deliveries".to_owned(),
        format!("/sites/{}/domains", shop.site),
    ]);
    pages.extend([&full.waiting, &full.confirmed, &full.paid].map(|one| format!("/transactions/{}", one.id)));
    pages.push(format!("/invoices/{}", full.invoice));
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_complain_in_their_own_words_of_all_at_once_and_keep_what_was_typed() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let full = Box::pin(Full::of(&door, &shop)).await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let pages = pages(&door, &shop, &admin, &full).await;
    let long = "x".repeat(3000);
    let mut complained = 0;
    for page in &pages {
        let html = admin.page(page).await;
        for form in html::forms(&html::parse(&html)).into_iter().filter(|form| form.is_post) {
            if form.action == "/logout"
                || !form.fields.iter().any(|field| field.is_typed() && !field.name.is_empty())
            {
                continue;
            }
            for text in ["", "-1,x", long.as_str()] {
                let typed = |field: &Field| field.is_typed();
                let fields: Vec<(String, String)> = form
                    .fields
                    .iter()
                    .filter(|field| field.is_sent && !field.name.is_empty())
                    .map(|field| match field.name.as_str() {
                        "key" => ("key".to_owned(), fresh_key()),
                        name if typed(field) => (name.to_owned(), text.to_owned()),
                        name => (name.to_owned(), field.value.clone()),
                    })
                    .collect();
                let answer = door.send(admin.request(Method::POST, &form.action).form(&fields)).await;
                let what = format!("{} with {:.5}: {}", form.action, text, answer.status);
                assert!(answer.status < 500, "{what}: {}", answer.text);
                if answer.status != 422 {
                    continue;
                }
                complained += 1;
                for said in complaints(&answer.text) {
                    assert_eq!(api_word(&said), None, "{what}: {said}");
                    assert!(!said.contains("minor units") && !said.contains("(and "), "{what}: {said}");
                    assert!(
                        !said.is_empty() && !said.starts_with(|c: char| c.is_lowercase()),
                        "{what}: {said}"
                    );
                }
                // Nothing that was typed is lost.
                let all = html::forms(&html::parse(&answer.text));
                let Some(shown) = all.into_iter().find(|one| one.is_post && one.action == form.action) else {
                    // It has been done meanwhile, and is not offered any more.
                    continue;
                };
                let same = |one: &Field| {
                    let wanted = fields.iter().filter(|(name, _)| *name == one.name).map(|(_, value)| value);
                    wanted.clone().any(|value| *value == one.value)
                };
                let lost: Vec<&str> = shown
                    .fields
                    .iter()
                    .filter(|one| typed(one) && !one.name.is_empty() && !same(one))
                    .map(|one| one.name.as_str())
                    .collect();
                assert!(lost.is_empty() || text.is_empty(), "{what} lost {lost:?}");
                // What is mended at once is not refused once more for something that was there before.
                let again = door.send(admin.request(Method::POST, &form.action).form(&fresh(&fields))).await;
                assert_eq!(complaints(&again.text), complaints(&answer.text), "{what}");
            }
        }
    }
    assert!(complained > 40, "{complained}");
}

/// The same fields under a key of their own.
fn fresh(fields: &[(String, String)]) -> Vec<(String, String)> {
    let again = fields
        .iter()
        .map(|(name, value)| (name.clone(), if name == "key" { fresh_key() } else { value.clone() }));
    again.collect()
}
