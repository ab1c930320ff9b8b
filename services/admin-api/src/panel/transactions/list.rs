//! `GET …/transactions`.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::list::{self, TransactionFilter},
    domain::{
        KnownCurrency, ProviderId, SiteId,
        provider_account::ProviderAccount,
        scope::Scope,
        site::Site,
        transaction::{Transaction, TransactionStatus},
    },
    store::list::PageRequest,
};
use web_kit::ApiError;

use super::{PATH, status_pill};
use crate::{
    api::query::Filters,
    panel::{
        form::FormData,
        list::{Asked, Pager, days},
        shell::{self, Ctx, Html, Pill, Shell, words},
    },
};

/// Most sites or providers in a choice.
const CHOICES_MAX: u64 = 100;

#[derive(Template)]
#[template(path = "panel/transactions.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    problem: Option<String>,
    statuses: Vec<(&'static str, String)>,
    sites: Vec<(String, String)>,
    providers: Vec<(String, String)>,
    rows: Vec<Row>,
    pager: Pager,
    export_url: String,
}

struct Row {
    url: String,
    at: Html,
    reference: String,
    site: String,
    provider: String,
    status: Pill,
    needs_review: bool,
    amount: String,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let names = Names::of(&ctx).await?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Transactions"),
        is_filtered: asked.is_filtered(),
        problem: None,
        statuses: TransactionStatus::ALL.iter().map(|s| (s.as_str(), words(s.as_str()))).collect(),
        sites: names.sites.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        providers: names.providers.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        rows: Vec::new(),
        pager: Pager::default(),
        export_url: ctx.url(&format!("/transactions.csv?{}", asked.filter_query())),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = list::transactions(ctx.app(), ctx.tenant(), &filter, &asked.page()?).await?;
            page.rows = found.rows.iter().map(|one| row(&ctx, &names, one)).collect();
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        // A filter that cannot be read: the page stays, and says so.
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

fn row(ctx: &Ctx, names: &Names, one: &Transaction) -> Row {
    let reference = [&one.external_reference, &one.invoice_number].into_iter().find(|text| !text.is_empty());
    Row {
        url: ctx.url(&format!("{PATH}/{}", one.id)),
        at: shell::moment(one.created_at),
        reference: reference.map_or_else(|| one.id.to_string(), Clone::clone),
        site: names.site(one.site_id),
        provider: names.provider(one.provider_id),
        status: status_pill(one.status),
        needs_review: one.needs_review.is_some(),
        amount: ctx.money(one.amount, one.currency),
    }
}

/// The list's filters: those of the API, and `q` for people. What holds an `@` is an address, what holds a `=` a
/// pair of the metadata, what is a transfer's reference one, all else a shop's reference.
pub(in crate::panel) fn filter(query: &str) -> Result<TransactionFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let mut filter = TransactionFilter {
        statuses: filters.words("status", TransactionStatus::ALL, TransactionStatus::as_str),
        currency: filters.parsed("currency").map(|KnownCurrency(currency)| currency),
        site: filters.parsed("siteId"),
        provider: filters.parsed("providerId"),
        client_id: filters.text("clientId"),
        checkout: filters.parsed("checkoutId"),
        needs_review: filters.flag("needsReview"),
        span: days(&mut filters),
        metadata: filters.metadata(),
        ..TransactionFilter::default()
    };
    match filters.text("q").map(|text| text.trim().to_owned()) {
        Some(text) if text.contains('@') => filter.email = Some(text),
        Some(text) => match (text.split_once('='), text.parse()) {
            (Some((key, value)), _) => filter.metadata.push((key.to_owned(), value.to_owned())),
            // Its check digits fit, which no order number's do by chance.
            (None, Ok(transfer)) => filter.transfer_reference = Some(transfer),
            (None, Err(_)) => filter.external_reference = Some(text),
        },
        None => {}
    }
    filters.finish(filter)
}

/// What sites and providers are called.
pub(in crate::panel) struct Names {
    pub(in crate::panel) sites: Vec<(SiteId, String)>,
    pub(in crate::panel) providers: Vec<(ProviderId, String)>,
    by_site: HashMap<SiteId, String>,
    by_provider: HashMap<ProviderId, String>,
}

impl Names {
    pub(in crate::panel) async fn of(ctx: &Ctx) -> Result<Self, ApiError> {
        let all = PageRequest { page: 1, limit: CHOICES_MAX, after: None };
        let (app, tenant) = (ctx.app(), ctx.tenant());
        let sites = list::all::<Site>(app, tenant, &all);
        let (sites, providers) = tokio::try_join!(sites, list::all::<ProviderAccount>(app, tenant, &all))?;
        let sites: Vec<_> = sites.rows.into_iter().map(|site| (site.id, site.name)).collect();
        let providers: Vec<_> = providers.rows.into_iter().map(|one| (one.id, one.name)).collect();
        let (by_site, by_provider) = (sites.iter().cloned().collect(), providers.iter().cloned().collect());
        Ok(Self { sites, providers, by_site, by_provider })
    }

    pub(in crate::panel) fn site(&self, id: SiteId) -> String {
        self.by_site.get(&id).cloned().unwrap_or_default()
    }

    pub(in crate::panel) fn provider(&self, id: Option<ProviderId>) -> String {
        id.and_then(|id| self.by_provider.get(&id).cloned()).unwrap_or_else(|| "–".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_search_field_finds_references_addresses_and_metadata() {
        assert_eq!(filter("q=ORD-1").unwrap().external_reference.as_deref(), Some("ORD-1"));
        assert_eq!(filter("q=a%40example.com").unwrap().email.as_deref(), Some("a@example.com"));
        assert_eq!(filter("q=plan%3Dgold").unwrap().metadata, [("plan".to_owned(), "gold".to_owned())]);
        let transfer = filter("q=rf18+5390+0754+7034").unwrap().transfer_reference.unwrap();
        assert_eq!(transfer.as_str(), "RF18539007547034");
        assert!(filter("q=RF19539007547034").unwrap().external_reference.is_some());
        let whole = filter("from=2030-01-31&to=2030-01-31").unwrap().span;
        assert_eq!(whole.to.unwrap().to_string(), "2030-02-01T00:00:00.000Z");
        assert!(filter("status=paid").is_err());
    }
}
