//! The Admin Panel over HTTP, as a browser without scripts would see it.

mod account;
mod attack;
mod audit_log;
mod checkouts;
mod clients;
mod codes;
mod dashboard;
pub mod developers;
mod discounts;
mod domains;
mod forms;
mod guard;
mod hand;
mod invoices;
mod journeys;
mod journeys_people;
mod journeys_setup;
mod journeys_shop;
mod organization;
mod people;
mod plans;
mod products;
mod providers;
mod screens;
mod settings;
mod sites;
mod transactions;

pub use account::totp;
use gateway_core::{
    app::people::{Client, session},
    domain::{PersonId, person::Person, role::Role},
};
use reqwest::Method;

use crate::admin::door::{Answer, Door, Shop};

/// Somebody who is signed in.
pub struct Operator<'a> {
    pub door: &'a Door,
    pub shop: &'a Shop,
    pub person: Person,
    pub cookie: String,
    pub csrf: String,
    client: reqwest::Client,
}

/// A person of their own with these memberships.
pub async fn person(door: &Door, memberships: &[(&Shop, Role)]) -> Person {
    let id = PersonId::generate();
    let (email, name) = (format!("{id}@example.com"), "Example Person".to_owned());
    let mut person = Person::new(id, email, name, "en".to_owned(), door.app.now());
    for (shop, role) in memberships {
        person.put_membership(shop.tenant.organization, *role, door.app.now());
    }
    door.app.store.for_org(Person::TENANT).insert(&person).await.unwrap();
    person
}

impl<'a> Operator<'a> {
    /// A new person with a role in a shop, signed in.
    pub async fn of(door: &'a Door, shop: &'a Shop, role: Role) -> Self {
        Self::signed_in(door, shop, person(door, &[(shop, role)]).await).await
    }

    /// Somebody of a shop, signed in.
    pub async fn signed_in(door: &'a Door, shop: &'a Shop, person: Person) -> Self {
        let (token, session) = session::open(&door.app, &person, &Client::default()).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self {
            door,
            shop,
            person,
            cookie: format!("tollgate={}", token.expose()),
            csrf: session.csrf,
            client: client.build().unwrap(),
        }
    }

    /// The address of a screen of the shop.
    pub fn path(&self, path: &str) -> String {
        let tenant = self.shop.tenant;
        format!("/o/{}/{}{path}", tenant.organization, tenant.mode.as_str())
    }

    /// A request to the panel, by its whole path, with the session's cookie.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.door.panel)).header("cookie", &self.cookie)
    }

    /// A screen of the shop.
    pub async fn see(&self, path: &str) -> Answer {
        self.door.send(self.request(Method::GET, &self.path(path))).await
    }

    /// The same, which must be there; answers its HTML.
    #[track_caller]
    pub fn page(&self, path: &str) -> impl Future<Output = String> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.see(path).await;
            assert_eq!(answer.status, 200, "{path} from {at}: {}", answer.text);
            answer.text
        }
    }

    /// Sends a form of the shop's screens as its page would: with the session's token, a key of its own, and what an
    /// edit form was loaded with, which is what is stored now unless the fields say otherwise.
    pub async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let seen = if fields.iter().any(|(name, _)| *name == "seen") { None } else { self.seen(path).await };
        let key = fresh_key();
        let mut all = vec![("csrf", self.csrf.as_str())];
        if !fields.iter().any(|(name, _)| *name == "key") {
            all.push(("key", &key));
        }
        all.extend(seen.as_deref().map(|seen| ("seen", seen)));
        all.extend_from_slice(fields);
        self.door.send(self.request(Method::POST, &self.path(path)).form(&all)).await
    }

    /// What the edit form at an address is loaded with. Its page has that address, or one above.
    pub async fn seen(&self, path: &str) -> Option<String> {
        let action = self.path(path);
        let mut page = path;
        loop {
            let shown = self.see(page).await;
            if shown.status == 200 {
                let forms = attack::html::forms(&attack::html::parse(&shown.text));
                let form = forms.into_iter().find(|form| form.is_post && form.action == action);
                let seen = form.and_then(|form| form.fields.into_iter().find(|field| field.name == "seen"));
                if let Some(seen) = seen {
                    return Some(seen.value);
                }
            }
            page = page.rsplit_once('/').map(|(above, _)| above).filter(|above| !above.is_empty())?;
        }
    }

    /// Sends a form that must work; answers where it leads, inside the shop's screens.
    pub async fn done(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.send(path, fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        let to = answer.headers["location"].to_str().unwrap();
        to.strip_prefix(&self.path("")).unwrap_or(to).to_owned()
    }
}

/// A key as a page gives one to each of its forms.
pub fn fresh_key() -> String {
    gateway_core::crypto::random::public_id("")
}

/// The value of the hidden field of a name, the first on a page.
pub fn hidden<'a>(html: &'a str, name: &str) -> &'a str {
    let marker = format!("name=\"{name}\" value=\"");
    let (_, rest) = html.split_once(&marker).unwrap_or_else(|| panic!("no field {name}: {html}"));
    rest.split('"').next().unwrap()
}
