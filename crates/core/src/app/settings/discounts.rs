//! Discounts: what codes take off.

use mongodb::bson::{Bson, Document, doc};
use rust_decimal::Decimal;

use super::{App, AppError, NAME_CHARS_MAX, Problem, edit_unique, expect, finish, made_before, within};
use crate::{
    domain::{
        Currency, DiscountId, Money, ProductId, Tenant, Timestamp,
        discount::{
            CODE_CHARS_MAX, Discount, DiscountValue, PRODUCTS_MAX, REDEMPTIONS_MAX,
            REDEMPTIONS_PER_CUSTOMER_MAX, code_key,
        },
        money::AMOUNT_MAX,
        product::Product,
    },
    store::{
        StoreError,
        list::{Page, PageRequest},
    },
};

/// At most this many discounts in an organization and mode, archived ones included.
const DISCOUNTS_MAX: u64 = 100_000;
/// Most decimals of a percentage.
const PERCENT_SCALE_MAX: u32 = 4;

/// How a discount is reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A part.
    Percent,
    /// An amount.
    Amount,
}

/// What a discount is made or changed with; what is absent stays as it is, and `Some(None)` takes it out.
#[derive(Debug, Clone, Default)]
pub struct DiscountSettings {
    /// The id of a new discount, the same for every try of one request; made where absent.
    pub id: Option<DiscountId>,
    /// The version that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// What customers type.
    pub code: Option<String>,
    /// For the merchant's own eyes.
    pub name: Option<String>,
    /// How it is reckoned.
    pub kind: Option<Kind>,
    /// Above 0, at most 100.
    pub percent: Option<Decimal>,
    /// Minor units.
    pub amount: Option<i64>,
    /// ISO 4217, of `amount` and `minimum_amount`.
    pub currency: Option<Option<String>>,
    /// What an order must come to.
    pub minimum_amount: Option<Option<i64>>,
    /// How often it may be used in all.
    pub max_redemptions: Option<Option<i64>>,
    /// How often one customer may use it.
    pub max_redemptions_per_customer: Option<Option<i64>>,
    /// From when on it is accepted.
    pub starts_at: Option<Option<Timestamp>>,
    /// From when on it is no longer accepted.
    pub ends_at: Option<Option<Timestamp>>,
    /// The products that it reduces; the whole order when empty.
    pub product_ids: Option<Vec<ProductId>>,
    /// Whether it is accepted at all.
    pub active: Option<bool>,
}

/// Which discounts.
#[derive(Debug, Clone, Default)]
pub struct DiscountFilter {
    /// Active ones, or the others.
    pub active: Option<bool>,
    /// With this code; case does not count.
    pub code: Option<String>,
}

/// Makes a discount.
pub async fn create(app: &App, tenant: Tenant, settings: DiscountSettings) -> Result<Discount, AppError> {
    let store = app.store.for_org(tenant);
    if store.count::<Discount>(doc! {}, DISCOUNTS_MAX).await? >= DISCOUNTS_MAX {
        let text = "an organization takes at most 100,000 discounts";
        return Err(AppError::conflict("TOO_MANY_DISCOUNTS", text));
    }
    finish(problems(app, tenant, &settings, None).await?)?;
    let mut discount = blank(app, tenant, &settings);
    lay_over(&settings, &mut discount, &mut Vec::new());
    match store.insert(&discount).await {
        Ok(()) => Ok(discount),
        Err(StoreError::Duplicate) => made_before(&store, discount.id, Some("code")).await,
        Err(error) => Err(error.into()),
    }
}

/// What is wrong with settings, all at once: of a new discount, or of a change to `stored`.
pub async fn problems(
    app: &App,
    tenant: Tenant,
    settings: &DiscountSettings,
    stored: Option<&Discount>,
) -> Result<Vec<Problem>, AppError> {
    let (mut discount, mut problems) = match stored {
        Some(stored) => (stored.clone(), Vec::new()),
        None => (blank(app, tenant, settings), missing(settings)),
    };
    check_products(app, tenant, settings, &mut problems).await?;
    lay_over(settings, &mut discount, &mut problems);
    if stored.is_none() && settings.kind.is_none() {
        // Nobody can know yet what it must say.
        problems.retain(|problem| !["percent", "amount"].contains(&problem.field.as_str()));
    }
    Ok(problems)
}

/// What a new discount cannot do without.
fn missing(settings: &DiscountSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    if settings.code.is_none() {
        problems.push(Problem::new("code", "is required"));
    }
    if settings.kind.is_none() {
        problems.push(Problem::new("kind", "is required: percent or amount"));
    }
    problems
}

/// A discount of which nothing is said yet.
fn blank(app: &App, tenant: Tenant, settings: &DiscountSettings) -> Discount {
    let now = app.now();
    Discount {
        id: settings.id.unwrap_or_else(DiscountId::generate),
        org: tenant.organization,
        mode: tenant.mode,
        code: String::new(),
        code_key: None,
        name: String::new(),
        value: match settings.kind {
            Some(Kind::Amount) => DiscountValue::Amount { amount: 0 },
            _ => DiscountValue::Percent { percent: Decimal::ZERO },
        },
        currency: None,
        minimum_amount: None,
        max_redemptions: None,
        max_redemptions_per_customer: None,
        starts_at: None,
        ends_at: None,
        product_ids: Vec::new(),
        active: true,
        archived_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Changes a discount. Checkouts keep what was taken off when they were made; limits, and whether it is
/// active, count for payments that start from now on.
pub async fn update(
    app: &App,
    tenant: Tenant,
    id: DiscountId,
    settings: DiscountSettings,
) -> Result<Discount, AppError> {
    let mut found = Vec::new();
    check_products(app, tenant, &settings, &mut found).await?;
    let now = app.now();
    edit_unique::<Discount>(app, tenant, id, "discount", Some("code"), |discount| {
        if discount.archived_at.is_some() {
            return Err(AppError::NotFound("discount"));
        }
        expect(discount, settings.expected_version)?;
        let mut problems = found.clone();
        lay_over(&settings, discount, &mut problems);
        finish(problems)?;
        discount.updated_at = now;
        Ok(())
    })
    .await
}

/// Takes a discount out; its code may be given to another.
pub async fn archive(app: &App, tenant: Tenant, id: DiscountId) -> Result<(), AppError> {
    let now = app.now();
    edit_unique::<Discount>(app, tenant, id, "discount", None, |discount| {
        if discount.archived_at.is_some() {
            return Err(AppError::NotFound("discount"));
        }
        discount.archived_at = Some(now);
        discount.code_key = None;
        discount.updated_at = now;
        Ok(())
    })
    .await?;
    Ok(())
}

/// A discount; another tenant's, or one that was archived, is not there.
pub async fn get(app: &App, tenant: Tenant, id: DiscountId) -> Result<Discount, AppError> {
    let found = app.store.for_org(tenant).get::<Discount>(id).await?;
    found.filter(|discount| discount.archived_at.is_none()).ok_or(AppError::NotFound("discount"))
}

/// A page of discounts, newest first.
pub async fn list(
    app: &App,
    tenant: Tenant,
    filter: &DiscountFilter,
    page: &PageRequest,
) -> Result<Page<Discount>, AppError> {
    let mut wanted: Document = doc! { "archivedAt": { "$exists": false } };
    if let Some(active) = filter.active {
        wanted.insert("active", active);
    }
    if let Some(code) = &filter.code {
        wanted.insert("codeKey", code_key(code));
    }
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}

async fn check_products(
    app: &App,
    tenant: Tenant,
    given: &DiscountSettings,
    problems: &mut Vec<Problem>,
) -> Result<(), AppError> {
    let Some(ids) = given.product_ids.as_ref().filter(|ids| !ids.is_empty()) else { return Ok(()) };
    let ids = within("productIds", ids, PRODUCTS_MAX, "products", problems);
    if ids.is_empty() {
        return Ok(());
    }
    let list: Vec<Bson> = ids.iter().copied().map(Bson::from).collect();
    let filter = doc! { "_id": { "$in": list }, "archivedAt": { "$exists": false } };
    let known = app.store.for_org(tenant).ids::<Product>(filter).await?;
    for (index, _) in ids.iter().enumerate().filter(|(_, id)| !known.contains(id)) {
        let text = "is no product of this organization and mode";
        problems.push(Problem::new(format!("productIds[{index}]"), text));
    }
    Ok(())
}

/// Changes a discount and checks what it then is as a whole.
fn lay_over(given: &DiscountSettings, discount: &mut Discount, problems: &mut Vec<Problem>) {
    if let Some(code) = &given.code {
        code.trim().clone_into(&mut discount.code);
        discount.code_key = Some(code_key(code));
    }
    if let Some(name) = &given.name {
        name.trim().clone_into(&mut discount.name);
    }
    if let Some(currency) = &given.currency {
        discount.currency = match currency.as_deref().map(str::parse::<Currency>) {
            Some(Ok(currency)) => Some(currency),
            Some(Err(error)) => {
                problems.push(Problem::new("currency", error.to_string()));
                // Not missing, at any rate.
                discount.currency.or(Some(Currency::EUR))
            }
            None => None,
        };
    }
    discount.minimum_amount = given.minimum_amount.unwrap_or(discount.minimum_amount);
    discount.max_redemptions = given.max_redemptions.unwrap_or(discount.max_redemptions);
    discount.max_redemptions_per_customer =
        given.max_redemptions_per_customer.unwrap_or(discount.max_redemptions_per_customer);
    discount.starts_at = given.starts_at.unwrap_or(discount.starts_at);
    discount.ends_at = given.ends_at.unwrap_or(discount.ends_at);
    if let Some(ids) = &given.product_ids {
        discount.product_ids.clone_from(ids);
    }
    discount.active = given.active.unwrap_or(discount.active);
    lay_value_over(given, discount, problems);
    check(discount, problems);
}

fn lay_value_over(given: &DiscountSettings, discount: &mut Discount, problems: &mut Vec<Problem>) {
    let current = match discount.value {
        DiscountValue::Percent { .. } => Kind::Percent,
        DiscountValue::Amount { .. } => Kind::Amount,
    };
    let (old_percent, old_amount) = match discount.value {
        DiscountValue::Percent { percent } => (percent, 0),
        DiscountValue::Amount { amount } => (Decimal::ZERO, amount),
    };
    discount.value = match given.kind.unwrap_or(current) {
        Kind::Percent => {
            if given.amount.is_some() {
                problems.push(Problem::new("amount", "belongs to the kind amount"));
            }
            DiscountValue::Percent { percent: given.percent.unwrap_or(old_percent) }
        }
        Kind::Amount => {
            if given.percent.is_some() {
                problems.push(Problem::new("percent", "belongs to the kind percent"));
            }
            DiscountValue::Amount { amount: given.amount.unwrap_or(old_amount) }
        }
    };
}

fn check(discount: &Discount, problems: &mut Vec<Problem>) {
    let code = &discount.code;
    let is_writable = |c: char| !c.is_whitespace() && !c.is_control();
    if !(1..=CODE_CHARS_MAX).contains(&code.chars().count()) || !code.chars().all(is_writable) {
        let text = format!("must be 1 to {CODE_CHARS_MAX} characters, without white space");
        problems.push(Problem::new("code", text));
    }
    if discount.name.chars().count() > NAME_CHARS_MAX || discount.name.chars().any(char::is_control) {
        problems.push(Problem::new("name", "must be at most 100 characters, without control characters"));
    }
    let mut needs_currency = discount.minimum_amount.is_some();
    match discount.value {
        DiscountValue::Percent { percent } => {
            if percent <= Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
                problems.push(Problem::new("percent", "must be above 0 and at most 100"));
            } else if percent.normalize().scale() > PERCENT_SCALE_MAX {
                problems.push(Problem::new("percent", "must have at most 4 decimals"));
            }
        }
        DiscountValue::Amount { amount } => {
            needs_currency = true;
            if !(1..=AMOUNT_MAX).contains(&amount) {
                let most = in_words(AMOUNT_MAX, discount.currency);
                problems.push(Problem::new("amount", format!("must be from 1 to {most}")));
            }
        }
    }
    if needs_currency && discount.currency.is_none() {
        problems.push(Problem::new("currency", "is required with amount or minimumAmount"));
    }
    if discount.minimum_amount.is_some_and(|least| !(1..=AMOUNT_MAX).contains(&least)) {
        let most = in_words(AMOUNT_MAX, discount.currency);
        problems.push(Problem::new("minimumAmount", format!("must be from 1 to {most}")));
    }
    for (field, number, most) in [
        ("maxRedemptions", discount.max_redemptions, REDEMPTIONS_MAX),
        ("maxRedemptionsPerCustomer", discount.max_redemptions_per_customer, REDEMPTIONS_PER_CUSTOMER_MAX),
    ] {
        if number.is_some_and(|number| !(1..=most).contains(&number)) {
            problems.push(Problem::new(field, format!("must be from 1 to {most}")));
        }
    }
    if let (Some(from), Some(until)) = (discount.starts_at, discount.ends_at)
        && until <= from
    {
        problems.push(Problem::new("endsAt", "must be after startsAt"));
    }
}

/// An amount, in its currency where that is known.
fn in_words(minor: i64, currency: Option<Currency>) -> String {
    currency
        .map_or_else(|| format!("{minor} minor units"), |currency| Money::new(minor, currency).to_string())
}
