//! A checkout on its way into a page: what all pages need of it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse, Response};
use gateway_core::app::AppError;
use gateway_core::app::orders::gate::{self, Asks};
use gateway_core::app::start_payment::{amount_out_of_range, customer_of, offered_providers};
use gateway_core::domain::checkout::{
    Checkout, CheckoutStatus,
    address::{AddressField, AddressProblem},
    items::{self, DISCOUNT_TYPE},
};
use gateway_core::domain::money::Currency;
use gateway_core::domain::site::{AddressEntry as AddressWanted, DiscountEntry, Site};
use gateway_core::domain::transaction::Transaction;
use gateway_core::domain::{ProviderId, Timestamp};
use gateway_core::provider::NotTaken;
use gateway_core::store::Entity;
use http::{HeaderMap, header};
use url::Url;
use web_kit::ApiError;
use web_kit::color::Brand;
use web_kit::form_text::FormText;
use web_kit::headers::Nonce;
use web_kit::locale::Locale;
use web_kit::money::{format_amount, format_percent};
use web_kit::text::{Text, fill};

use super::forms::{AddressEntry, AddressForm, CodeEntry, TypedAddress};
use super::host::Host;
use super::methods;
use super::pages::{
    self, Line, MethodOption, Order, Page, PayPage, Receipt, SecondPaymentPage, Shell, Shop, Sum,
};
use crate::gateway::Shared;

/// Longest code looked up, in bytes.
const CODE_BYTES_MAX: usize = 64;

/// What a browser sends along.
pub(crate) struct Browser {
    pub(crate) nonce: Nonce,
    pub(crate) headers: HeaderMap,
}

/// A checkout, its shop and its reader.
pub(crate) struct View {
    pub(crate) gateway: Shared,
    pub(crate) checkout: Checkout,
    site: Arc<Site>,
    shell: Shell,
    host: Host,
    /// The customer wants to pay although another payment of the order is there.
    pub(super) second: bool,
}

impl View {
    /// The checkout of a payment address; 404 where there is none.
    pub(crate) async fn by_code(gateway: &Shared, code: &str, browser: Browser) -> Result<Self, ApiError> {
        if code.is_empty() || code.len() > CODE_BYTES_MAX {
            return Err(ApiError::not_found("checkout"));
        }
        let found = gateway.app.store.lookup_checkout_by_code(code).await;
        Self::of(gateway, found.map_err(AppError::from)?, browser).await
    }

    /// The checkout of a session.
    pub(crate) async fn by_session(
        gateway: &Shared,
        session: &str,
        browser: Browser,
    ) -> Result<Self, ApiError> {
        let found = gateway.app.store.lookup_checkout_by_public_id(session).await;
        Self::of(gateway, found.map_err(AppError::from)?, browser).await
    }

    async fn of(gateway: &Shared, found: Option<Checkout>, browser: Browser) -> Result<Self, ApiError> {
        let checkout = found.ok_or_else(|| ApiError::not_found("checkout"))?;
        let host = Host::of(&gateway.app, &browser.headers).await?;
        if !host.shows(checkout.site_id) {
            return Err(ApiError::not_found("checkout"));
        }
        let site = gateway.app.site(checkout.tenant(), checkout.site_id).await?;
        let site = site.ok_or_else(|| ApiError::not_found("checkout"))?;
        let accepted = browser.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let color = site.brand_color.as_deref().and_then(|text| text.parse().ok());
        let shop = Shop { brand: color.map(Brand::new).unwrap_or_default(), ..Shop::named(&site.name) };
        let shell = Shell {
            locale: Locale::negotiate(checkout.locale.as_deref(), accepted),
            nonce: browser.nonce,
            shop: Some(shop),
            test_mode: !checkout.mode.is_live(),
        };
        Ok(Self { gateway: Arc::clone(gateway), checkout, site, shell, host, second: false })
    }

    /// Reads the checkout again.
    pub(crate) async fn refresh(&mut self) -> Result<(), ApiError> {
        let store = self.gateway.app.store.for_org(self.checkout.tenant());
        let found = store.get::<Checkout>(self.checkout.id).await.map_err(AppError::from)?;
        self.checkout = found.ok_or_else(|| ApiError::not_found("checkout"))?;
        Ok(())
    }

    pub(crate) fn shell(&self) -> Shell {
        self.shell.clone()
    }

    pub(crate) fn text(&self) -> &'static Text {
        self.shell.text()
    }

    pub(super) fn form_text(&self) -> &'static FormText {
        self.shell.form_text()
    }

    pub(super) fn with_shop(&self, text: &str) -> String {
        self.shell.with_shop(text)
    }

    fn locale(&self) -> Locale {
        self.shell.locale
    }

    /// The page's own path.
    pub(crate) fn path(&self) -> String {
        format!("/checkout/{}", self.checkout.short_code)
    }

    /// Where its forms post to.
    pub(super) fn pay_path(&self) -> String {
        format!("{}/pay", self.path())
    }

    /// An amount in the checkout's currency.
    pub(crate) fn amount(&self, minor: i64) -> String {
        amount(minor, self.checkout.currency, self.locale())
    }

    /// What is charged.
    pub(crate) fn total(&self) -> String {
        self.amount(self.checkout.amount)
    }

    /// Sends a page with the policy of pages that start payments.
    pub(crate) fn respond(&self, page: &impl Page) -> Response {
        let policy = methods::policy(&self.gateway.app.urls.main_frontend);
        (Extension(policy), pages::respond(page)).into_response()
    }

    /// Where a customer who paid goes, with the transaction's id put in.
    pub(super) async fn return_link(
        &self,
        transaction: Option<&Transaction>,
    ) -> Result<Option<String>, ApiError> {
        let sealed = self.checkout.return_url.as_ref();
        let Some(url) = self.open(sealed, Checkout::RETURN_URL_FIELD).await? else { return Ok(None) };
        let id = transaction.map(|t| t.id.to_string()).unwrap_or_default();
        Ok(shop_link(&url, &id))
    }

    /// Where a customer who gave up goes.
    pub(super) async fn cancel_link(&self) -> Result<Option<String>, ApiError> {
        let sealed = self.checkout.cancel_url.as_ref();
        Ok(self.open(sealed, Checkout::CANCEL_URL_FIELD).await?.and_then(|url| shop_link(&url, "")))
    }

    async fn open(
        &self,
        sealed: Option<&gateway_core::crypto::Sealed>,
        field: &str,
    ) -> Result<Option<String>, ApiError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let store = self.gateway.app.store.for_org(self.checkout.tenant());
        let opened = store.open(Checkout::COLLECTION, self.checkout.id, field, sealed).await;
        Ok(Some(opened.map_err(AppError::from)?))
    }

    /// What is known of a payment.
    pub(super) fn receipt(&self, transaction: &Transaction) -> Receipt {
        let method = transaction.provider_kind.map(|kind| {
            let name = methods::name(kind, self.text());
            methods::company(kind).map_or_else(|| name.to_owned(), |company| format!("{name} · {company}"))
        });
        Receipt {
            method,
            at: transaction.succeeded_at.and_then(|at| self.date(at)),
            reference: self.reference(),
            transaction_id: Some(transaction.id.to_string()),
        }
    }

    /// A day in the reader's words.
    pub(super) fn day(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        self.locale().date(at)
    }

    /// Whether a payment may still begin, as far as the checkout itself says.
    pub(super) fn is_payable(&self) -> bool {
        let now = self.gateway.app.now();
        self.checkout.status == CheckoutStatus::Open && !self.checkout.is_past_expiry(now)
    }

    fn date(&self, at: Timestamp) -> Option<String> {
        let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
        Some(self.locale().date_time(at))
    }

    fn reference(&self) -> Option<String> {
        Some(self.checkout.external_reference.clone()).filter(|reference| !reference.is_empty())
    }

    /// Whether a discount code may be entered here, or one that was entered taken out.
    pub(super) async fn takes_code(&self) -> Result<bool, ApiError> {
        if self.checkout.has_entered_code() {
            return Ok(true);
        }
        let is_wanted = self.site.page.discount_entry == DiscountEntry::Auto;
        let is_reducible = self.checkout.discount.is_none() && self.checkout.amount > 0;
        Ok(is_wanted && is_reducible && self.gateway.app.has_codes(self.checkout.tenant()).await?)
    }

    async fn code_entry(&self) -> Result<Option<CodeEntry>, ApiError> {
        let entered = self.checkout.discount.as_ref().map(|discount| discount.code.clone());
        let form_action = format!("{}/discount", self.path());
        let entry = CodeEntry { form_action, entered, ..CodeEntry::default() };
        Ok(self.takes_code().await?.then_some(entry))
    }

    /// Whether the site asks for a billing address, and insists.
    pub(super) fn address_wanted(&self) -> AddressWanted {
        self.site.page.billing_address
    }

    /// The fields of a billing address, where the site asks for one.
    pub(super) fn address_form(&self) -> Option<AddressEntry> {
        let is_optional = match self.address_wanted() {
            AddressWanted::None => return None,
            AddressWanted::Optional => true,
            AddressWanted::Required => false,
        };
        Some(AddressEntry::Asked(AddressForm::empty(self.locale(), is_optional)))
    }

    /// What was typed, with what is wrong beside it.
    pub(super) fn address_again(
        &self,
        typed: &TypedAddress,
        problems: &[(AddressField, AddressProblem)],
    ) -> AddressEntry {
        let is_optional = self.address_wanted() == AddressWanted::Optional;
        AddressEntry::Asked(AddressForm::of(self.locale(), is_optional, typed, problems))
    }

    /// The billing address that is known, masked.
    pub(super) async fn known_address(&self) -> Result<Option<String>, ApiError> {
        let customer = customer_of(&self.gateway.app, &self.checkout).await?;
        // A shop that sent the country alone has told no address.
        let masked = customer.billing_address.map(|address| address.masked());
        Ok(masked.filter(|masked| !masked.is_empty()))
    }

    async fn address_entry(&self) -> Result<Option<AddressEntry>, ApiError> {
        if self.address_wanted() == AddressWanted::None {
            return Ok(None);
        }
        let change_url = format!("{}?address=1", self.path());
        let known = self.known_address().await?.map(|masked| AddressEntry::Known { masked, change_url });
        Ok(known.or_else(|| self.address_form()))
    }

    /// The page on which a customer chooses. Without a wish the first method is chosen: the site's order is
    /// the shop's advice.
    pub(super) async fn pay_page(&self, chosen: Option<ProviderId>) -> Result<PayPage, ApiError> {
        let app = &self.gateway.app;
        let free = self.checkout.amount == 0;
        let offered = if free { Vec::new() } else { offered_providers(app, &self.checkout).await? };
        let chosen = chosen.filter(|id| offered.iter().any(|provider| provider.id == *id));
        let chosen = chosen.or_else(|| offered.first().map(|provider| provider.id));
        let text = self.text();
        let methods: Vec<MethodOption> =
            offered.iter().map(|provider| methods::option(provider, chosen, text)).collect();
        Ok(PayPage {
            shell: self.shell(),
            order: self.order().await?,
            no_methods: if methods.is_empty() && !free {
                self.why_no_methods().await?
            } else {
                String::new()
            },
            methods,
            free,
            code: self.code_entry().await?,
            address: self.address_entry().await?,
            form_action: self.pay_path(),
            session_public_id: self.checkout.public_id.clone(),
            alert: None,
            method_error: None,
            cancel_url: self.cancel_link().await?,
            second: self.second,
        })
    }

    /// What must be asked before another payment is taken; nothing once the customer has said that they want to.
    pub(super) async fn asks(&self) -> Result<Option<Asks>, ApiError> {
        if self.second || !self.is_payable() {
            return Ok(None);
        }
        Ok(gate::asks(&self.gateway.app, &self.checkout).await?)
    }

    /// The page that asks.
    pub(super) async fn ask(&self, asks: Asks) -> Result<Response, ApiError> {
        Ok(self.respond(&SecondPaymentPage {
            shell: self.shell(),
            asks,
            pay_url: format!("{}?second=1", self.path()),
            shop_url: self.cancel_link().await?,
        }))
    }

    /// Why there is nothing to choose from, in plain words.
    async fn why_no_methods(&self) -> Result<String, ApiError> {
        let text = self.text();
        let (words, bound) = match amount_out_of_range(&self.gateway.app, &self.checkout).await? {
            Some(NotTaken::TooSmall(least)) => (text.amount_too_small, least),
            Some(NotTaken::TooLarge(most)) => (text.amount_too_large, most),
            _ => return Ok(self.shell.with_shop(text.no_methods)),
        };
        let values = [("amount", self.amount(bound.minor)), ("shop", self.shell.shop_name().to_owned())];
        Ok(fill(words, &values.each_ref().map(|(name, value)| (*name, value.as_str()))))
    }

    async fn order(&self) -> Result<Order, ApiError> {
        let checkout = &self.checkout;
        let images = self.gateway.images_of(checkout).await;
        let code = checkout.discount.as_ref().map(|discount| discount.code.as_str());
        let left = checkout.expires_at.since(self.gateway.app.now()).as_secs();
        Ok(Order {
            total: self.total(),
            minor: checkout.amount,
            reference: self.reference(),
            ends_at: checkout.expires_at.to_string(),
            seconds_left: i64::try_from(left).unwrap_or(i64::MAX),
            lines: shown_items(&checkout.items, code)
                .iter()
                .map(|item| Line {
                    image: item.image_id.filter(|id| images.contains(id)).map(crate::images::path),
                    ..line(item, code, checkout.currency, &self.shell)
                })
                .collect(),
            sums: self.sums()?,
        })
    }

    fn sums(&self) -> Result<Vec<Sum>, ApiError> {
        let text = self.text();
        let totals = items::totals(&self.checkout.items).map_err(ApiError::internal)?;
        let mut sums = Vec::new();
        if !totals.taxes.is_empty() {
            let tax: i64 = totals.taxes.iter().map(|group| group.tax).sum();
            let net = self.amount(self.checkout.amount - tax);
            sums.push(Sum { label: text.net.to_owned(), amount: net, strong: false });
        }
        for group in &totals.taxes {
            let rate = format_percent(&group.rate.to_string(), self.locale());
            let label = fill(text.tax, &[("rate", &rate)]);
            sums.push(Sum { label, amount: self.amount(group.tax), strong: false });
        }
        sums.push(Sum { label: text.total.to_owned(), amount: self.total(), strong: true });
        Ok(sums)
    }

    /// Other sites' forms are refused.
    pub(crate) fn own_origin(&self) -> String {
        self.host.origin(&self.gateway.app.urls.main_frontend)
    }
}

fn amount(minor: i64, currency: Currency, locale: Locale) -> String {
    let exponent = u8::try_from(currency.exponent()).unwrap_or(2);
    format_amount(minor, currency.code(), exponent, locale)
}

/// What a customer sees of the items: a discount code is one line, however many tax rates share it.
fn shown_items<'a>(items: &'a [items::Item], code: Option<&str>) -> Vec<Cow<'a, items::Item>> {
    let is_of_code = |item: &items::Item| item.item_type == DISCOUNT_TYPE && code == Some(item.title());
    let (of_code, others): (Vec<_>, Vec<_>) = items.iter().partition(|item| is_of_code(item));
    let mut shown: Vec<_> = others.into_iter().map(Cow::Borrowed).collect();
    if let Some(first) = of_code.first() {
        let unit_price = of_code.iter().filter_map(|item| item.line_amount()).sum();
        shown.push(Cow::Owned(items::Item { quantity: 1, unit_price, ..(*first).clone() }));
    }
    shown
}

/// `code` is the discount code, whose lines bear its name alone.
fn line(item: &items::Item, code: Option<&str>, currency: Currency, shell: &Shell) -> Line {
    let write = |minor| amount(minor, currency, shell.locale);
    let is_discount = item.item_type == DISCOUNT_TYPE;
    let name = match item.title() {
        "" if is_discount => shell.text().discount.to_owned(),
        title if is_discount && code == Some(title) => format!("{} · {title}", shell.text().discount),
        title => title.to_owned(),
    };
    Line {
        image: None,
        name,
        detail: (item.quantity != 1).then(|| format!("{} × {}", item.quantity, write(item.unit_price))),
        amount: write(item.line_amount().unwrap_or_default()),
    }
}

/// A shop's address as a link: the placeholder replaced, and `&amp;` (as WooCommerce sends it) unescaped.
/// `None` for what is no web address after all.
fn shop_link(stored: &str, transaction_id: &str) -> Option<String> {
    let text = stored.replace("{transactionId}", transaction_id).replace("&amp;", "&");
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    url.has_host().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shop_links_name_the_transaction_and_lose_their_escapes() {
        assert_eq!(
            shop_link("https://shop.example.com/thanks?o=1&amp;t={transactionId}", "abc").as_deref(),
            Some("https://shop.example.com/thanks?o=1&t=abc")
        );
        assert_eq!(shop_link("javascript:alert(1)", ""), None);
    }

    #[test]
    fn a_code_shared_by_two_tax_rates_is_one_line() {
        let item = |item_type: &str, name: &str, unit_price| items::Item {
            name: Some(name.to_owned()),
            quantity: 1,
            unit_price,
            item_type: item_type.to_owned(),
            ..items::Item::default()
        };
        let items =
            [item("goods", "Mug", 2380), item("discount", "TEN", -238), item("discount", "TEN", -107)];
        let shown = shown_items(&items, Some("TEN"));
        assert_eq!(shown.iter().map(|item| item.unit_price).collect::<Vec<_>>(), [2380, -345]);
        assert_eq!(shown_items(&items, None).len(), 3, "a shop's own reductions stay as they are");
    }

    #[test]
    fn lines_tell_quantity_only_where_there_are_several() {
        let shell = Shell { locale: Locale::ENGLISH, nonce: Nonce::fixed("x"), shop: None, test_mode: true };
        let item = |quantity, item_type: &str, name: &str| items::Item {
            name: Some(name.to_owned()),
            quantity,
            unit_price: 1250,
            item_type: item_type.to_owned(),
            ..items::Item::default()
        };
        let two = line(&item(2, "goods", "Mug"), None, Currency::EUR, &shell);
        assert_eq!((two.detail.as_deref(), two.amount.as_str()), (Some("2 × €12.50"), "€25.00"));
        assert_eq!(line(&item(1, "goods", "Mug"), None, Currency::EUR, &shell).detail, None);
        let named = |title, code| line(&item(1, "discount", title), code, Currency::EUR, &shell).name;
        assert_eq!(named("", None), "Discount");
        assert_eq!(named("SPRING", Some("SPRING")), "Discount · SPRING");
        assert_eq!(named("Loyal customer", Some("SPRING")), "Loyal customer", "the shop's own words");
    }
}
