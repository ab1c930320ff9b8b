//! `…/clients/new` and `…/clients/{id}/edit`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::clients::{self, ClientSettings},
    },
    domain::{
        ClientId,
        checkout::Address,
        client::{Client, ClientProfile},
    },
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH, title};
use crate::panel::{
    act,
    form::FormData,
    pairs::{as_lines, of_lines},
    shell::{self, Ctx, Shell},
};

#[derive(Template)]
#[template(path = "panel/client_form.html")]
struct FormPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    /// Whether the metadata can be written as lines; else the form leaves it alone.
    has_metadata: bool,
    /// The client's page; `None` for a new one.
    path: Option<String>,
}

pub(super) async fn new(ctx: Ctx) -> Result<Response, ApiError> {
    let form = FormData::of([("metadata", String::new())]);
    Ok(page(&ctx, None, form, None, StatusCode::OK))
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let settings = ClientSettings { id: form.new_id(), ..settings(&mut form) };
    form.also(clients::problems(ctx.app(), ctx.tenant(), &settings, None).await?);
    if !form.is_good() {
        return Ok(page(&ctx, None, form, None, StatusCode::UNPROCESSABLE_ENTITY));
    }
    match clients::create(ctx.app(), ctx.tenant(), settings).await {
        Ok((client, _)) => Ok(ctx.see(&format!("{PATH}/{}", client.id), "created")),
        Err(error) => {
            let alert = form.refused(error)?;
            Ok(page(&ctx, None, form, alert, StatusCode::UNPROCESSABLE_ENTITY))
        }
    }
}

pub(super) async fn edit(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let (client, profile) = clients::get(ctx.app(), ctx.tenant(), one.id).await?;
    let name = title(&profile, one.id);
    Ok(page(&ctx, Some((one.id, name)), stored(&client, &profile), None, StatusCode::OK))
}

pub(super) async fn update(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let settings = settings(&mut form);
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let (client, profile) = clients::get(ctx.app(), ctx.tenant(), one.id).await?;
        let known = Some((one.id, title(&profile, one.id)));
        form.also(clients::problems(ctx.app(), ctx.tenant(), &settings, Some((&client, &profile))).await?);
        let on = Some(("clients", id.as_str()));
        let stored = stored(&client, &profile);
        let is_stale = act::changed_meanwhile(&ctx, &mut form, &stored, "updateClient", on).await?;
        if is_stale || !form.is_good() {
            return Ok(page(&ctx, known, form, None, StatusCode::UNPROCESSABLE_ENTITY));
        }
        let settings = ClientSettings { expected_version: Some(client.version), ..settings.clone() };
        match clients::update(ctx.app(), ctx.tenant(), one.id, settings).await {
            Ok(_) => return Ok(ctx.see(&format!("{PATH}/{id}"), "saved")),
            Err(AppError::Stale) => {}
            Err(error) => {
                let alert = form.refused(error)?;
                return Ok(page(&ctx, known, form, alert, StatusCode::UNPROCESSABLE_ENTITY));
            }
        }
    }
    Err(AppError::Busy.into())
}

fn page(
    ctx: &Ctx,
    known: Option<(ClientId, String)>,
    form: FormData,
    alert: Option<String>,
    status: StatusCode,
) -> Response {
    let heading = known.as_ref().map_or_else(|| "New client".to_owned(), |(_, name)| format!("Edit {name}"));
    let page = FormPage {
        shell: ctx.shell(PATH, heading),
        has_metadata: form.has("metadata"),
        form,
        alert,
        path: known.map(|(id, _)| format!("{PATH}/{id}")),
    };
    shell::page_with(status, &page)
}

/// Names of the form's fields for an address, with what an address holds of each.
fn address_fields(address: &mut Address) -> [(&'static str, &mut Option<String>); 10] {
    [
        ("billingAddress.firstName", &mut address.first_name),
        ("billingAddress.lastName", &mut address.last_name),
        ("billingAddress.company", &mut address.company),
        ("billingAddress.address1", &mut address.address1),
        ("billingAddress.address2", &mut address.address2),
        ("billingAddress.postcode", &mut address.postcode),
        ("billingAddress.city", &mut address.city),
        ("billingAddress.country", &mut address.country),
        ("billingAddress.phone", &mut address.phone),
        ("billingAddress.vatId", &mut address.vat_id),
    ]
}

fn stored(client: &Client, profile: &ClientProfile) -> FormData {
    let mut address = profile.billing_address.clone().unwrap_or_default();
    let texts = [
        ("name", &profile.name),
        ("company", &profile.company),
        ("email", &profile.email),
        ("phone", &profile.phone),
        ("taxNumber", &profile.tax_number),
        ("reference", &client.reference),
        ("notes", &profile.notes),
    ];
    let texts = texts.map(|(name, text)| (name, text.clone().unwrap_or_default()));
    let address = address_fields(&mut address).map(|(name, text)| (name, text.take().unwrap_or_default()));
    let metadata = as_lines(&profile.metadata).map(|lines| ("metadata", lines));
    FormData::of_stored(texts.into_iter().chain(address).chain(metadata))
}

fn settings(form: &mut FormData) -> ClientSettings {
    let mut address = Address::default();
    for (name, text) in address_fields(&mut address) {
        *text = form.text(name);
    }
    ClientSettings {
        id: None,
        expected_version: None,
        reference: Some(form.text("reference")),
        name: Some(form.text("name")),
        company: Some(form.text("company")),
        email: Some(form.text("email")),
        phone: Some(form.text("phone")),
        tax_number: Some(form.text("taxNumber")),
        billing_address: Some(Some(address)),
        notes: Some(form.text("notes")),
        metadata: form.has("metadata").then(|| of_lines(form)),
    }
}
