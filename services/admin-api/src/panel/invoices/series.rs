//! `…/invoice-series`: where numbers come from.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::settings::invoicing::{self, SeriesSettings},
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
    let new = SeriesSettings { kind: kind_of(&form), ..read(&mut form) };
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
    let form = FormData::of([
        ("name", series.name.clone()),
        ("prefix", series.prefix.clone()),
        ("period", series.period.as_str().to_owned()),
        ("start", series.start.to_string()),
        ("padding", series.padding.to_string()),
        ("default", if series.default { "true".to_owned() } else { String::new() }),
    ]);
    Ok(shell::page(&page(&ctx, Some(&series), form, None)))
}

pub(super) async fn save(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let series = invoicing::series(ctx.app(), ctx.tenant(), one.id).await?;
    let read = read(&mut form);
    // The form of a series that has given numbers does not hold what is settled.
    let new = if series.used {
        SeriesSettings { name: read.name, default: read.default, ..SeriesSettings::default() }
    } else {
        read
    };
    let done = if form.is_good() {
        invoicing::update_series(ctx.app(), ctx.tenant(), one.id, new).await.map(drop)
    } else {
        Ok(())
    };
    let alert = match done {
        Ok(()) if form.is_good() => return Ok(ctx.see(SETTINGS, "saved")),
        Ok(()) => None,
        Err(error) => act::refused(&mut form, error)?,
    };
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&ctx, Some(&series), form, alert)))
}

fn read(form: &mut FormData) -> SeriesSettings {
    SeriesSettings {
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
