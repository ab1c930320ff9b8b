//! What a new checkout names by id or code: products are copied into its lines, a discount becomes lines of
//! its own. One query for all products and one for the code, both at once, and none where nothing is named.

use std::collections::{BTreeSet, HashMap};

use mongodb::bson::{Bson, doc};

use super::{
    App, AppError, Problem,
    create_checkout::NewCheckout,
    discount_claims::{self, User, order_key, refused},
    images,
};
use crate::{
    domain::{
        Currency, ProductId, SiteId, Tenant, Timestamp,
        checkout::{AppliedDiscount, Item},
        discount::{Basket, Discount, DiscountRefusal, code_key},
        product::Product,
    },
    store::TenantStore,
};

/// At most this many pictures of one checkout; what comes after is shown without.
const IMAGES_MAX: usize = 100;

/// What was found of what a checkout names.
#[derive(Debug, Default)]
pub(super) struct ReferencedProducts {
    products: HashMap<ProductId, Product>,
    discount: Option<Discount>,
}

impl ReferencedProducts {
    /// Whether a checkout names anything that may be gone when its request is repeated.
    pub(super) fn is_asked(new: &NewCheckout) -> bool {
        new.discount_code.is_some() || new.items.iter().any(|item| item.product_id.is_some())
    }

    /// Looks up what a checkout names; 404 for a product and 422 for a code that is not there.
    pub(super) async fn load(app: &App, tenant: Tenant, new: &NewCheckout) -> Result<Self, AppError> {
        if !Self::is_asked(new) {
            return Ok(Self::default());
        }
        let store = app.store.for_org(tenant);
        let (products, discount) =
            futures::try_join!(products(&store, new), discount(&store, new.discount_code.as_deref()))?;
        for (index, item) in new.items.iter().enumerate() {
            let Some(id) = item.product_id else { continue };
            let problem = |text: &str| Problem::new(new.product_field(index), text);
            match products.get(&id) {
                None => return Err(AppError::NoSuch(problem("is no product of this organization and mode"))),
                Some(product) if !product.active => {
                    let problem = problem("names a product that is not active");
                    return Err(AppError::Unusable { code: "PRODUCT_NOT_ACTIVE", problem });
                }
                Some(_) => {}
            }
        }
        Ok(Self { products, discount })
    }

    /// The currency: the one sent, else the products'. All must agree.
    pub(super) fn currency(&self, new: &NewCheckout, problems: &mut Vec<Problem>) -> Option<Currency> {
        let mut chosen = match new.currency.as_deref().map(str::parse::<Currency>) {
            Some(Ok(currency)) => Some(currency),
            Some(Err(error)) => {
                problems.push(Problem::new("currency", error.to_string()));
                return None;
            }
            None => None,
        };
        for (index, item) in new.items.iter().enumerate() {
            let Some(product) = item.product_id.and_then(|id| self.products.get(&id)) else { continue };
            let currency = *chosen.get_or_insert(product.currency);
            if product.currency != currency {
                let text = format!("is priced in {}, and the checkout is in {currency}", product.currency);
                problems.push(Problem::new(new.product_field(index), text));
                return None;
            }
        }
        if chosen.is_none() {
            let text = "is required: an ISO 4217 code such as EUR (or a product, which has one)";
            problems.push(Problem::new("currency", text));
        }
        chosen
    }

    /// Copies products into the lines that name them.
    pub(super) fn fill(&self, items: &mut [Item]) {
        for item in items {
            if let Some(product) = item.product_id.and_then(|id| self.products.get(&id)) {
                *item = product.line(item.quantity);
            }
        }
    }

    /// Takes the discount off: lines are added, and the amount left is answered with what was applied.
    pub(super) async fn discount(
        &self,
        app: &App,
        (tenant, site): (Tenant, SiteId),
        new: &mut NewCheckout,
        amount: i64,
        currency: Currency,
        now: Timestamp,
    ) -> Result<(i64, Option<AppliedDiscount>), AppError> {
        if new.discount_code.is_none() {
            return Ok((amount, None));
        }
        let discount = self.discount.as_ref().ok_or_else(|| refused(DiscountRefusal::Unknown))?;
        let (email, client) = (new.customer.email.as_deref(), new.client_id.as_deref());
        let reference = new.external_reference.as_deref().unwrap_or_default();
        let user = User::new(app, tenant, email, client, order_key(site, reference));
        let has_customer = email.is_some() || client.is_some();
        if new.items.is_empty() {
            // What is reduced must stand above what reduces it.
            let given = [&new.external_reference, &new.invoice_number].into_iter().flatten();
            let line = whole_order(given.map(String::as_str), amount);
            new.items.push(line);
        }
        let basket = Basket { items: &new.items, amount, currency, has_customer };
        let lines = discount.reduce(basket, now).map_err(refused)?;
        discount_claims::is_left(app, discount, None, &user).await?;
        let off: i64 = lines.iter().map(|line| -line.unit_price).sum();
        new.items.extend(lines);
        let applied =
            AppliedDiscount { id: discount.id, code: discount.code.clone(), amount: off, entered: None };
        Ok((amount - off, Some(applied)))
    }
}

/// The line of a checkout that was sent without any.
pub(super) fn whole_order<'a>(references: impl IntoIterator<Item = &'a str>, amount: i64) -> Item {
    let title = references.into_iter().find(|text| !text.is_empty()).unwrap_or("Order");
    Item { description: title.to_owned(), quantity: 1, unit_price: amount, ..Item::default() }
}

async fn products(store: &TenantStore, new: &NewCheckout) -> Result<HashMap<ProductId, Product>, AppError> {
    let ids: BTreeSet<ProductId> = new.items.iter().filter_map(|item| item.product_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let list: Vec<Bson> = ids.into_iter().map(Bson::from).collect();
    let filter = doc! { "_id": { "$in": list }, "archivedAt": { "$exists": false } };
    let found: Vec<Product> = store.find(filter, doc! {}, 0).await?;
    Ok(found.into_iter().map(|product| (product.id, product)).collect())
}

pub(super) async fn discount(store: &TenantStore, code: Option<&str>) -> Result<Option<Discount>, AppError> {
    let Some(code) = code else { return Ok(None) };
    Ok(store.find_one(doc! { "codeKey": code_key(code) }).await?)
}

/// Has pictures of lines fetched that are told on the spot. A checkout does without where that fails.
pub(super) async fn wish_images(app: &App, tenant: Tenant, new: &mut NewCheckout) {
    let urls: BTreeSet<&str> = new.image_urls.iter().map(|(_, url)| url.as_str()).take(IMAGES_MAX).collect();
    if urls.is_empty() {
        return;
    }
    let wanted: Vec<&str> = urls.into_iter().collect();
    if let Err(error) = images::wish(app, tenant, &wanted).await {
        tracing::warn!(%error, "pictures of a checkout are not fetched");
        return;
    }
    for (index, url) in new.image_urls.iter().take(IMAGES_MAX) {
        if let Some(item) = new.items.get_mut(*index) {
            item.image_id = Some(images::image_id(app, tenant, url));
        }
    }
}
