//! Products: a merchant's library, whose entries checkouts copy.

use mongodb::bson::{Document, doc};
use rust_decimal::Decimal;

use super::{App, AppError, NAME_CHARS_MAX, Problem, edit_unique, expect, finish, made_before};
use crate::{
    app::{create_checkout::check_metadata, images},
    domain::{
        Currency, Metadata, Money, ProductId, Tenant, checkout::AmountType, money::AMOUNT_MAX,
        product::Product,
    },
    outbound::parse_target,
    store::{
        StoreError,
        list::{Page, PageRequest},
    },
};

/// At most this many products in an organization and mode, archived ones included.
const PRODUCTS_MAX: u64 = 100_000;
/// Longest name and description, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Longest address of a picture, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// What a product is made or changed with; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ProductSettings {
    /// The id of a new product, the same for every try of one request; made where absent.
    pub id: Option<ProductId>,
    /// The version that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// What it is called.
    pub name: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// The merchant's own number of it; `Some(None)` takes it out.
    pub sku: Option<Option<String>>,
    /// Where its picture is fetched from; `Some(None)` takes it out.
    pub image_url: Option<Option<String>>,
    /// Minor units for one.
    pub unit_price: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Percent; `Some(None)` takes it out.
    pub vat_rate: Option<Option<Decimal>>,
    /// Whether the price holds the tax.
    pub amount_type: Option<AmountType>,
    /// goods, `digital_service` or a word of the merchant's own.
    pub item_type: Option<String>,
    /// Replaces all pairs.
    pub metadata: Option<Metadata>,
    /// Whether new checkouts may name it.
    pub active: Option<bool>,
}

/// Which products.
#[derive(Debug, Clone, Default)]
pub struct ProductFilter {
    /// Active ones, or the others.
    pub active: Option<bool>,
    /// Part of the name; case does not count.
    pub name: Option<String>,
    /// The merchant's own number.
    pub sku: Option<String>,
}

/// Makes a product.
pub async fn create(app: &App, tenant: Tenant, settings: ProductSettings) -> Result<Product, AppError> {
    let store = app.store.for_org(tenant);
    if store.count::<Product>(doc! {}, PRODUCTS_MAX).await? >= PRODUCTS_MAX {
        return Err(AppError::conflict(
            "TOO_MANY_PRODUCTS",
            "an organization takes at most 100,000 products",
        ));
    }
    let (problems, currency) = check_new(app, &settings);
    finish(problems)?;
    let now = app.now();
    let mut product = Product {
        id: settings.id.unwrap_or_else(ProductId::generate),
        org: tenant.organization,
        mode: tenant.mode,
        name: String::new(),
        description: String::new(),
        sku: None,
        image_url: None,
        image_id: None,
        unit_price: 0,
        currency: currency.unwrap_or(Currency::EUR),
        vat_rate: None,
        amount_type: AmountType::Gross,
        item_type: String::new(),
        metadata: Metadata::default(),
        active: true,
        archived_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    lay_over(app, &settings, currency, &mut product);
    wish_image(app, tenant, &settings).await?;
    match store.insert(&product).await {
        Ok(()) => Ok(product),
        Err(StoreError::Duplicate) => made_before(&store, product.id, Some("sku")).await,
        Err(error) => Err(error.into()),
    }
}

/// What is wrong with settings, all at once: of a new product, or of a change.
pub fn problems(app: &App, settings: &ProductSettings, is_new: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if is_new {
        return check_new(app, settings).0;
    }
    check(app, settings, &mut problems);
    problems
}

fn check_new(app: &App, settings: &ProductSettings) -> (Vec<Problem>, Option<Currency>) {
    let mut problems = Vec::new();
    for (field, is_there) in [
        ("name", settings.name.is_some()),
        ("unitPrice", settings.unit_price.is_some()),
        ("currency", settings.currency.is_some()),
    ] {
        if !is_there {
            problems.push(Problem::new(field, "is required"));
        }
    }
    let currency = check(app, settings, &mut problems);
    (problems, currency)
}

/// Changes a product. Checkouts keep the copies that they took.
pub async fn update(
    app: &App,
    tenant: Tenant,
    id: ProductId,
    settings: ProductSettings,
) -> Result<Product, AppError> {
    let mut problems = Vec::new();
    let currency = check(app, &settings, &mut problems);
    finish(problems)?;
    wish_image(app, tenant, &settings).await?;
    let now = app.now();
    edit_unique::<Product>(app, tenant, id, "product", Some("sku"), |product| {
        if product.archived_at.is_some() {
            return Err(AppError::NotFound("product"));
        }
        expect(product, settings.expected_version)?;
        lay_over(app, &settings, currency, product);
        product.updated_at = now;
        Ok(())
    })
    .await
}

/// Takes a product out of the library; its number may be given to another. Harmless to repeat.
pub async fn archive(app: &App, tenant: Tenant, id: ProductId) -> Result<(), AppError> {
    let now = app.now();
    edit_unique::<Product>(app, tenant, id, "product", None, |product| {
        if product.archived_at.is_some() {
            return Err(AppError::NotFound("product"));
        }
        product.archived_at = Some(now);
        product.active = false;
        product.sku = None;
        product.updated_at = now;
        Ok(())
    })
    .await?;
    Ok(())
}

/// A product; another tenant's, or one that was archived, is not there.
pub async fn get(app: &App, tenant: Tenant, id: ProductId) -> Result<Product, AppError> {
    let found = app.store.for_org(tenant).get::<Product>(id).await?;
    found.filter(|product| product.archived_at.is_none()).ok_or(AppError::NotFound("product"))
}

/// A page of products, newest first.
pub async fn list(
    app: &App,
    tenant: Tenant,
    filter: &ProductFilter,
    page: &PageRequest,
) -> Result<Page<Product>, AppError> {
    let mut wanted: Document = doc! { "archivedAt": { "$exists": false } };
    if let Some(active) = filter.active {
        wanted.insert("active", active);
    }
    if let Some(sku) = &filter.sku {
        wanted.insert("sku", sku);
    }
    if let Some(part) = &filter.name {
        wanted.insert("name", doc! { "$regex": literally(part), "$options": "i" });
    }
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}

/// A pattern that fits nothing but the text itself.
fn literally(text: &str) -> String {
    let escape = |c: char| if c.is_ascii_punctuation() { vec!['\\', c] } else { vec![c] };
    text.chars().flat_map(escape).collect()
}

async fn wish_image(app: &App, tenant: Tenant, settings: &ProductSettings) -> Result<(), AppError> {
    match &settings.image_url {
        Some(Some(url)) => images::wish_again(app, tenant, url).await,
        _ => Ok(()),
    }
}

fn lay_over(app: &App, given: &ProductSettings, currency: Option<Currency>, product: &mut Product) {
    if let Some(name) = &given.name {
        name.trim().clone_into(&mut product.name);
    }
    if let Some(description) = &given.description {
        description.trim().clone_into(&mut product.description);
    }
    if let Some(sku) = &given.sku {
        product.sku.clone_from(sku);
    }
    if let Some(url) = &given.image_url {
        product.image_url.clone_from(url);
        product.image_id = url.as_ref().map(|url| images::image_id(app, product.tenant(), url));
    }
    product.unit_price = given.unit_price.unwrap_or(product.unit_price);
    product.currency = currency.unwrap_or(product.currency);
    product.vat_rate = given.vat_rate.unwrap_or(product.vat_rate);
    product.amount_type = given.amount_type.unwrap_or(product.amount_type);
    if let Some(item_type) = &given.item_type {
        product.item_type.clone_from(item_type);
    }
    if let Some(metadata) = &given.metadata {
        product.metadata = metadata.clone();
    }
    product.active = given.active.unwrap_or(product.active);
}

fn check(app: &App, given: &ProductSettings, problems: &mut Vec<Problem>) -> Option<Currency> {
    if given.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
        problems.push(Problem::new("name", "must not be empty"));
    }
    for (field, text) in [("name", &given.name), ("description", &given.description)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
            problems.push(Problem::new(field, "must be at most 500 characters"));
        }
    }
    let is_short = |text: &str| (1..=NAME_CHARS_MAX).contains(&text.chars().count());
    if let Some(Some(sku)) = &given.sku
        && (!is_short(sku) || sku.chars().any(char::is_control))
    {
        problems.push(Problem::new("sku", "must be 1 to 100 characters, without control characters"));
    }
    if given.item_type.as_ref().is_some_and(|text| text.chars().count() > 64) {
        problems.push(Problem::new("itemType", "must be at most 64 characters"));
    }
    if given.unit_price.is_some_and(|price| !(0..=AMOUNT_MAX).contains(&price)) {
        let most = match given.currency.as_deref().map(str::parse) {
            Some(Ok(currency)) => Money::new(AMOUNT_MAX, currency).to_string(),
            _ => format!("{AMOUNT_MAX} minor units"),
        };
        problems.push(Problem::new("unitPrice", format!("must be from 0 to {most}")));
    }
    if let Some(Some(rate)) = given.vat_rate
        && !(Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&rate)
    {
        problems.push(Problem::new("vatRate", "must be a percentage from 0 to 100"));
    }
    if let Some(metadata) = &given.metadata {
        check_metadata(metadata, problems);
    }
    if let Some(Some(url)) = &given.image_url {
        if url.len() > URL_BYTES_MAX {
            problems.push(Problem::new("imageUrl", "must be at most 2048 bytes"));
        } else if let Err(refusal) = parse_target(url, &app.targets) {
            problems.push(Problem::new("imageUrl", refusal.to_string()));
        }
    }
    match given.currency.as_deref().map(str::parse::<Currency>) {
        Some(Ok(currency)) => Some(currency),
        Some(Err(error)) => {
            problems.push(Problem::new("currency", error.to_string()));
            None
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_is_no_pattern() {
        assert_eq!(literally("a.b (c) é"), "a\\.b \\(c\\) é");
    }
}
