//! `GET …/checkouts`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::list::{self, CheckoutFilter},
    domain::{
        checkout::{Checkout, CheckoutStatus},
        scope::Scope,
    },
};
use web_kit::ApiError;

use super::{PATH, status_pill};
use crate::{
    api::query::Filters,
    panel::{
        form::FormData,
        list::{Asked, Pager, days},
        shell::{self, Ctx, Html, Pill, Shell, words},
        transactions::Names,
    },
};

#[derive(Template)]
#[template(path = "panel/checkouts.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    problem: Option<String>,
    statuses: Vec<(&'static str, String)>,
    sites: Vec<(String, String)>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    at: Html,
    reference: String,
    site: String,
    status: Pill,
    ends: Option<Html>,
    amount: String,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let names = Names::of(&ctx).await?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Checkouts"),
        is_filtered: asked.is_filtered(),
        problem: None,
        statuses: CheckoutStatus::ALL.iter().map(|s| (s.as_str(), words(s.as_str()))).collect(),
        sites: names.sites.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = list::checkouts(ctx.app(), ctx.tenant(), &filter, &asked.page()?).await?;
            page.rows = found.rows.iter().map(|one| row(&ctx, &names, one)).collect();
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        // A filter that cannot be read: the page stays, and says so.
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

fn row(ctx: &Ctx, names: &Names, one: &Checkout) -> Row {
    let reference = [&one.external_reference, &one.invoice_number].into_iter().find(|text| !text.is_empty());
    Row {
        url: ctx.url(&format!("{PATH}/{}", one.id)),
        at: shell::moment(one.created_at),
        reference: reference.map_or_else(|| one.id.to_string(), Clone::clone),
        site: names.site(one.site_id),
        status: status_pill(one.status),
        ends: (one.status == CheckoutStatus::Open).then(|| shell::moment(one.expires_at)),
        amount: ctx.money(one.amount, one.currency),
    }
}

/// The list's filters: those of the API.
fn filter(query: &str) -> Result<CheckoutFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let trimmed = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = CheckoutFilter {
        statuses: filters.words("status", CheckoutStatus::ALL, CheckoutStatus::as_str),
        site: filters.parsed("siteId"),
        external_reference: filters.text("externalReference").and_then(trimmed),
        email: filters.text("email").and_then(trimmed),
        client_id: filters.text("clientId"),
        span: days(&mut filters),
        metadata: filters.metadata(),
    };
    filters.finish(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_those_of_the_api() {
        let read =
            filter("status=open&externalReference=+ORD-1+&email=a%40example.com&to=2030-01-31").unwrap();
        assert_eq!(read.statuses, [CheckoutStatus::Open]);
        assert_eq!(read.external_reference.as_deref(), Some("ORD-1"));
        assert_eq!(read.email.as_deref(), Some("a@example.com"));
        assert_eq!(
            read.span.to.unwrap().to_string(),
            "2030-02-01T00:00:00.000Z",
            "the last day is meant whole"
        );
        assert!(filter("status=succeeded").is_err());
    }
}
