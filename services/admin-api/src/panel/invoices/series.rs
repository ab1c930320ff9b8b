//! `…/invoice-series`: where numbers come from.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        settings::invoicing::{self, SeriesSettings},
    },
    domain::{
        SeriesId,
        invoice::{PaperKind, Series, SeriesPeriod},
        scope::Scope,
    },
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{SETTINGS, kinds};
use crate::panel::{
    act,
    form::FormData,
    shell::{self, Ctx, Shell, words},
};

#[derive(Deserialize)]
pub(super) struct One {
    id: SeriesId,
}

#[derive(Template)]
#[template(path = "panel/invoice_series.html")]
struct SeriesPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    path: String,
    /// A new one has none.
    stored: Option<Stored>,
    kinds: Vec<(&'static str, String)>,
    periods: Vec<(&'static str, &'static str)>,
}

struct Stored {
    kind: String,
    example: String,
    /// Whether it has given numbers: then what they look like is settled.
    used: bool,
    is_default: bool,
}

pub(super) async fn new(ctx: Ctx) -> Result<Response, ApiError> {
    let form = FormData::of([
        ("kind", "invoice".to_owned()),
        ("period", "year".to_owned()),
        ("start", "1".to_owned()),
        ("padding", "5".to_owned()),
    ]);
    Ok(shell::page(&page(&ctx, None, form, None)))
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let new = SeriesSettings { id: form.new_id(), kind: kind_of(&form), ..read(&mut form) };
    if !form.is_good() {
        return Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&ctx, None, form, None)));
    }
    match invoicing::create_series(ctx.app(), ctx.tenant(), new).await {
        Ok(_) => Ok(ctx.see(SETTINGS, "created")),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&ctx, None, form, alert)))
        }
    }
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let series = invoicing::series(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(shell::page(&page(&ctx, Some(&series), stored(&series), None)))
}

/// A series as its form shows it.
fn stored(series: &Series) -> FormData {
    FormData::of_stored([
        ("name", series.name.clone()),
        ("prefix", series.prefix.clone()),
        ("period", series.period.as_str().to_owned()),
        ("start", series.start.to_string()),
        ("padding", series.padding.to_string()),
        ("default", if series.default { "true".to_owned() } else { String::new() }),
    ])
}

pub(super) async fn save(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let read = read(&mut form);
    let id = one.id.to_string();
    for _ in 0..act::EDIT_TRIES {
        let (series, version) = invoicing::versioned_series(ctx.app(), ctx.tenant(), one.id).await?;
        let on = Some(("invoice-series", id.as_str()));
        let is_stale =
            act::changed_meanwhile(&ctx, &mut form, &stored(&series), "updateInvoiceSeries", on).await?;
        let mut alert = None;
        if !is_stale && form.is_good() {
            // The form of a series that has given numbers does not hold what is settled.
            let new = if series.used {
                SeriesSettings { name: read.name.clone(), default: read.default, ..SeriesSettings::default() }
            } else {
                read.clone()
            };
            let new = SeriesSettings { expected_version: Some(version), ..new };
            match invoicing::update_series(ctx.app(), ctx.tenant(), one.id, new).await {
                Ok(_) => return Ok(ctx.see(SETTINGS, "saved")),
                Err(AppError::Stale) => continue,
                Err(error) => alert = act::refused(&mut form, error)?,
            }
        }
        let page = page(&ctx, Some(&series), form, alert);
        return Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    Err(AppError::Busy.into())
}

fn read(form: &mut FormData) -> SeriesSettings {
    SeriesSettings {
        id: None,
        expected_version: None,
        kind: None,
        name: Some(form.value("name").to_owned()),
        prefix: form.text("prefix"),
        period: SeriesPeriod::ALL.iter().copied().find(|period| form.is("period", period.as_str())),
        start: form.parsed("start"),
        padding: form.parsed("padding"),
        default: form.is("default", "true").then_some(true),
    }
}

fn kind_of(form: &FormData) -> Option<PaperKind> {
    PaperKind::ALL.iter().copied().find(|kind| form.is("kind", kind.as_str()))
}

fn page(ctx: &Ctx, series: Option<&Series>, form: FormData, alert: Option<String>) -> SeriesPage {
    let title = series.map_or("New series".to_owned(), |series| format!("Series {}", series.prefix));
    SeriesPage {
        shell: ctx.shell(SETTINGS, title),
        form,
        alert,
        path: series
            .map_or("/invoice-series/new".to_owned(), |series| format!("/invoice-series/{}", series.id)),
        stored: series.map(|series| Stored {
            kind: words(series.kind.as_str()),
            example: series.next(None, "2030-01-31").number,
            used: series.used,
            is_default: series.default,
        }),
        kinds: kinds(),
        periods: vec![("year", "Each year"), ("month", "Each month"), ("none", "Never")],
    }
}
