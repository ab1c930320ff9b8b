//! `…/discounts/new` and `…/discounts/{id}/edit`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::{
            discounts::{self, DiscountSettings, Kind},
            products::{self, ProductFilter},
        },
    },
    domain::{
        Currency, ProductId,
        discount::{Discount, DiscountValue, PRODUCTS_MAX},
    },
    store::list::PageRequest,
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH};
use crate::panel::{
    act,
    form::{FormData, local_moment, major_units},
    shell::{self, Ctx, Shell},
};

/// Products that are looked up to be shown by SKU.
const SKUS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "panel/discount_form.html")]
struct FormPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    kinds: [(&'static str, &'static str); 2],
    /// The discount's page; `None` for a new one.
    path: Option<String>,
}

pub(super) async fn new(ctx: Ctx) -> Result<Response, ApiError> {
    let form = FormData::of([("kind", "percent".to_owned()), ("active", "true".to_owned())]);
    Ok(page(&ctx, None, form, None, StatusCode::OK))
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let settings = DiscountSettings { id: form.new_id(), ..settings(&ctx, &mut form).await? };
    form.also(discounts::problems(ctx.app(), ctx.tenant(), &settings, None).await?);
    if !form.is_good() {
        return Ok(page(&ctx, None, form, None, StatusCode::UNPROCESSABLE_ENTITY));
    }
    match discounts::create(ctx.app(), ctx.tenant(), settings).await {
        Ok(discount) => Ok(ctx.see(&format!("{PATH}/{}", discount.id), "created")),
        Err(error) => {
            let alert = form.refused(error)?;
            Ok(page(&ctx, None, form, alert, StatusCode::UNPROCESSABLE_ENTITY))
        }
    }
}

pub(super) async fn edit(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let discount = discounts::get(ctx.app(), ctx.tenant(), one.id).await?;
    let products = lines(&ctx, &discount).await?;
    Ok(page(&ctx, Some(&discount), stored(&discount, products), None, StatusCode::OK))
}

pub(super) async fn update(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let settings = settings(&ctx, &mut form).await?;
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let discount = discounts::get(ctx.app(), ctx.tenant(), one.id).await?;
        form.also(discounts::problems(ctx.app(), ctx.tenant(), &settings, Some(&discount)).await?);
        let stored = stored(&discount, lines(&ctx, &discount).await?);
        let on = Some(("discounts", id.as_str()));
        let is_stale = act::changed_meanwhile(&ctx, &mut form, &stored, "updateDiscount", on).await?;
        if is_stale || !form.is_good() {
            return Ok(page(&ctx, Some(&discount), form, None, StatusCode::UNPROCESSABLE_ENTITY));
        }
        let settings = DiscountSettings { expected_version: Some(discount.version), ..settings.clone() };
        match discounts::update(ctx.app(), ctx.tenant(), one.id, settings).await {
            Ok(_) => return Ok(ctx.see(&format!("{PATH}/{id}"), "saved")),
            Err(AppError::Stale) => {}
            Err(error) => {
                let alert = form.refused(error)?;
                return Ok(page(&ctx, Some(&discount), form, alert, StatusCode::UNPROCESSABLE_ENTITY));
            }
        }
    }
    Err(AppError::Busy.into())
}

fn page(
    ctx: &Ctx,
    discount: Option<&Discount>,
    form: FormData,
    alert: Option<String>,
    status: StatusCode,
) -> Response {
    let title =
        discount.map_or_else(|| "New discount".to_owned(), |discount| format!("Edit {}", discount.code));
    let page = FormPage {
        shell: ctx.shell(PATH, title),
        form,
        alert,
        kinds: [("percent", "A percentage"), ("amount", "An amount")],
        path: discount.map(|discount| format!("{PATH}/{}", discount.id)),
    };
    shell::page_with(status, &page)
}

/// Its products, one in a line: by SKU where there is one, as people know them. Beyond [`SKUS_MAX`] by id.
async fn lines(ctx: &Ctx, discount: &Discount) -> Result<String, ApiError> {
    let (first, rest) = discount.product_ids.split_at(discount.product_ids.len().min(SKUS_MAX));
    let mut lines = Vec::with_capacity(discount.product_ids.len());
    for id in first {
        let sku = match products::get(ctx.app(), ctx.tenant(), *id).await {
            Ok(product) => product.sku.filter(|sku| sku.trim() == sku),
            Err(AppError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        lines.push(sku.unwrap_or_else(|| id.to_string()));
    }
    lines.extend(rest.iter().map(ToString::to_string));
    Ok(lines.join("\n"))
}

fn stored(discount: &Discount, products: String) -> FormData {
    let currency = discount.currency.unwrap_or(Currency::EUR);
    let (kind, percent, amount) = match discount.value {
        DiscountValue::Percent { percent } => ("percent", percent.normalize().to_string(), String::new()),
        DiscountValue::Amount { amount } => ("amount", String::new(), major_units(amount, currency)),
    };
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    FormData::of_stored([
        ("code", discount.code.clone()),
        ("name", discount.name.clone()),
        ("kind", kind.to_owned()),
        ("percent", percent),
        ("amount", amount),
        ("currency", discount.currency.map(|currency| currency.code().to_owned()).unwrap_or_default()),
        (
            "minimumAmount",
            discount.minimum_amount.map(|least| major_units(least, currency)).unwrap_or_default(),
        ),
        ("maxRedemptions", number(discount.max_redemptions)),
        ("maxRedemptionsPerCustomer", number(discount.max_redemptions_per_customer)),
        ("startsAt", discount.starts_at.map(local_moment).unwrap_or_default()),
        ("endsAt", discount.ends_at.map(local_moment).unwrap_or_default()),
        ("productIds", products),
        ("active", if discount.active { "true".to_owned() } else { String::new() }),
    ])
}

/// What the form wishes for. Of percentage and amount the one of the other kind does not count.
async fn settings(ctx: &Ctx, form: &mut FormData) -> Result<DiscountSettings, ApiError> {
    let kind = if form.is("kind", "amount") { Kind::Amount } else { Kind::Percent };
    let currency: Option<Currency> = form.parsed("currency");
    let (mut percent, mut amount) = (None, None);
    match kind {
        Kind::Percent => {
            form.required("percent");
            percent = form.percent("percent");
        }
        Kind::Amount => {
            form.required("amount");
            amount = in_currency(form, "amount", currency);
        }
    }
    let minimum_amount = in_currency(form, "minimumAmount", currency);
    let needs_currency = kind == Kind::Amount || form.text("minimumAmount").is_some();
    if needs_currency && form.text("currency").is_none() {
        form.problem("currency", "is required with an amount");
    }
    Ok(DiscountSettings {
        id: None,
        expected_version: None,
        code: Some(form.required("code")),
        name: Some(form.value("name").to_owned()),
        kind: Some(kind),
        percent,
        amount,
        currency: Some(currency.map(|currency| currency.code().to_owned())),
        minimum_amount: Some(minimum_amount),
        max_redemptions: Some(whole(form, "maxRedemptions")),
        max_redemptions_per_customer: Some(whole(form, "maxRedemptionsPerCustomer")),
        starts_at: Some(form.moment("startsAt")),
        ends_at: Some(form.moment("endsAt")),
        product_ids: Some(products_of(ctx, form).await?),
        active: Some(form.is("active", "true")),
    })
}

fn in_currency(form: &mut FormData, name: &str, currency: Option<Currency>) -> Option<i64> {
    currency.and_then(|currency| form.amount(name, currency))
}

fn whole(form: &mut FormData, name: &str) -> Option<i64> {
    let text = form.text(name)?;
    let read = text.parse().ok();
    if read.is_none() {
        form.problem(name, "must be a whole number");
    }
    read
}

/// The products that the lines name, by id or by SKU.
async fn products_of(ctx: &Ctx, form: &mut FormData) -> Result<Vec<ProductId>, ApiError> {
    let lines = form.lines("productIds");
    if lines.len() > PRODUCTS_MAX {
        form.problem("productIds", format!("must be at most {PRODUCTS_MAX}"));
        return Ok(Vec::new());
    }
    let one = PageRequest { page: 1, limit: 1, after: None };
    let mut ids = Vec::with_capacity(lines.len());
    for line in lines {
        let filter = ProductFilter { sku: Some(line.clone()), ..ProductFilter::default() };
        // The SKU first: it is the merchant's own word, and may look like an id.
        let found = products::list(ctx.app(), ctx.tenant(), &filter, &one).await?;
        let id = found.rows.first().map(|product| product.id).or_else(|| line.parse().ok());
        match id {
            Some(id) if ids.contains(&id) => {}
            Some(id) => ids.push(id),
            None => {
                form.problem("productIds", format!("must be SKUs or ids of products: “{line}” is none"));
                break;
            }
        }
    }
    Ok(ids)
}
