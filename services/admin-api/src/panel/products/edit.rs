//! `…/products/new` and `…/products/{id}/edit`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::products::{self, ProductSettings},
    },
    domain::{Currency, checkout::AmountType, product::Product},
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH};
use crate::panel::{
    act,
    form::{FormData, major_units},
    pairs::{as_lines, of_lines},
    shell::{self, Ctx, Shell},
};

#[derive(Template)]
#[template(path = "panel/product_form.html")]
struct FormPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    amount_types: [(&'static str, &'static str); 2],
    /// Whether the metadata can be written as lines; else the form leaves it alone.
    has_metadata: bool,
    /// The product's page; `None` for a new one.
    path: Option<String>,
}

pub(super) async fn new(ctx: Ctx) -> Result<Response, ApiError> {
    let form = FormData::of([("active", "true".to_owned()), ("metadata", String::new())]);
    Ok(page(&ctx, None, form, None, StatusCode::OK))
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let settings = ProductSettings { id: form.new_id(), ..settings(&mut form) };
    form.also(products::problems(ctx.app(), &settings, true));
    if !form.is_good() {
        return Ok(page(&ctx, None, form, None, StatusCode::UNPROCESSABLE_ENTITY));
    }
    match products::create(ctx.app(), ctx.tenant(), settings).await {
        Ok(product) => Ok(ctx.see(&format!("{PATH}/{}", product.id), "created")),
        Err(error) => {
            let alert = form.refused(error)?;
            Ok(page(&ctx, None, form, alert, StatusCode::UNPROCESSABLE_ENTITY))
        }
    }
}

pub(super) async fn edit(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let product = products::get(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(page(&ctx, Some(&product), stored(&product), None, StatusCode::OK))
}

pub(super) async fn update(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let settings = settings(&mut form);
    form.also(products::problems(ctx.app(), &settings, false));
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let product = products::get(ctx.app(), ctx.tenant(), one.id).await?;
        let on = Some(("products", id.as_str()));
        let is_stale =
            act::changed_meanwhile(&ctx, &mut form, &stored(&product), "updateProduct", on).await?;
        if is_stale || !form.is_good() {
            return Ok(page(&ctx, Some(&product), form, None, StatusCode::UNPROCESSABLE_ENTITY));
        }
        let settings = ProductSettings { expected_version: Some(product.version), ..settings.clone() };
        match products::update(ctx.app(), ctx.tenant(), one.id, settings).await {
            Ok(_) => return Ok(ctx.see(&format!("{PATH}/{id}"), "saved")),
            Err(AppError::Stale) => {}
            Err(error) => {
                let alert = form.refused(error)?;
                return Ok(page(&ctx, Some(&product), form, alert, StatusCode::UNPROCESSABLE_ENTITY));
            }
        }
    }
    Err(AppError::Busy.into())
}

fn page(
    ctx: &Ctx,
    product: Option<&Product>,
    form: FormData,
    alert: Option<String>,
    status: StatusCode,
) -> Response {
    let title = product.map_or_else(|| "New product".to_owned(), |product| format!("Edit {}", product.name));
    let page = FormPage {
        shell: ctx.shell(PATH, title),
        amount_types: [("gross", "The price holds the tax"), ("net", "Tax comes on top")],
        has_metadata: form.has("metadata"),
        form,
        alert,
        path: product.map(|product| format!("{PATH}/{}", product.id)),
    };
    shell::page_with(status, &page)
}

fn stored(product: &Product) -> FormData {
    let fields = [
        ("name", product.name.clone()),
        ("description", product.description.clone()),
        ("sku", product.sku.clone().unwrap_or_default()),
        ("unitPrice", major_units(product.unit_price, product.currency)),
        ("currency", product.currency.code().to_owned()),
        ("vatRate", product.vat_rate.map(|rate| rate.normalize().to_string()).unwrap_or_default()),
        ("amountType", amount_type(product.amount_type).to_owned()),
        ("itemType", product.item_type.clone()),
        ("imageUrl", product.image_url.clone().unwrap_or_default()),
        ("active", if product.active { "true".to_owned() } else { String::new() }),
    ];
    let metadata = as_lines(&product.metadata).map(|lines| ("metadata", lines));
    FormData::of_stored(fields.into_iter().chain(metadata))
}

const fn amount_type(amount_type: AmountType) -> &'static str {
    match amount_type {
        AmountType::Gross => "gross",
        AmountType::Net => "net",
    }
}

fn settings(form: &mut FormData) -> ProductSettings {
    let currency: Option<Currency> = form.parsed("currency");
    if form.text("currency").is_none() {
        form.problem("currency", "is required");
    }
    form.required("unitPrice");
    let unit_price = currency.and_then(|currency| form.amount("unitPrice", currency));
    ProductSettings {
        id: None,
        expected_version: None,
        name: Some(form.required("name")),
        description: Some(form.value("description").to_owned()),
        sku: Some(form.text("sku")),
        image_url: Some(form.text("imageUrl")),
        unit_price,
        currency: currency.map(|currency| currency.code().to_owned()),
        vat_rate: Some(form.percent("vatRate")),
        amount_type: Some(if form.is("amountType", "net") { AmountType::Net } else { AmountType::Gross }),
        item_type: Some(form.value("itemType").trim().to_owned()),
        metadata: form.has("metadata").then(|| of_lines(form)),
        active: Some(form.is("active", "true")),
    }
}
