//! Lists: filters that live in the address, and pages of rows.

use gateway_core::{
    app::list::Span,
    domain::Timestamp,
    store::{Entity, list},
};
use web_kit::{ApiError, PageQuery};

use super::{
    form::{FormData, sentence},
    shell::Ctx,
};
use crate::api::query::{Filters, page_request};

/// Rows on a screen.
const ROWS: u32 = 50;

/// What the address asks of a list.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The filters, as fields of the search form.
    pub(crate) filters: FormData,
    query: PageQuery,
}

/// What the filter forms call their fields; others are called by their names.
const LABELS: &[(&str, &str)] = &[
    ("from", "From"),
    ("to", "To"),
    ("status", "Status"),
    ("state", "State"),
    ("kind", "Kind"),
    ("active", "State"),
    ("siteId", "Site"),
    ("providerId", "Provider"),
    ("endpointId", "Endpoint"),
    ("actor", "Who"),
    ("channel", "Through"),
    ("outcome", "Outcome"),
    ("operation", "Operation"),
    ("needsReview", "Needs a look"),
    ("sku", "SKU"),
    ("q", "Search"),
];

impl Asked {
    /// What stands against a filter, in the words of its form.
    pub(crate) fn problem(error: &ApiError) -> String {
        let label = |name: &str| {
            let known = LABELS.iter().find(|(known, _)| *known == name);
            known.map_or_else(|| name.to_owned(), |(_, label)| (*label).to_owned())
        };
        let all = error.details.iter().map(|one| sentence(&format!("{} {}", label(&one.field), one.problem)));
        let all: Vec<String> = all.collect();
        if all.is_empty() { sentence(&error.message) } else { all.join(" ") }
    }

    /// Reads the page's query.
    pub(crate) fn of(ctx: &Ctx) -> Result<Self, ApiError> {
        let query = PageQuery { limit: ROWS, ..PageQuery::parse(ctx.query())? };
        Ok(Self { filters: FormData::of_query(ctx.query()), query })
    }

    /// The page, as the store takes it.
    pub(crate) fn page(&self) -> Result<list::PageRequest, ApiError> {
        page_request(&self.query)
    }

    /// Whether anything but the page is asked for.
    pub(crate) fn is_filtered(&self) -> bool {
        self.filters.pairs().any(|(name, value)| !PAGE_FIELDS.contains(&name) && !value.is_empty())
    }

    /// The filters alone, as a query.
    pub(crate) fn filter_query(&self) -> String {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.filters.pairs() {
            if !PAGE_FIELDS.contains(&name) && !value.is_empty() {
                out.append_pair(name, value);
            }
        }
        out.finish()
    }

    /// The ways to the pages before and after.
    pub(crate) fn pager<E: Entity>(&self, ctx: &Ctx, path: &str, found: &list::Page<E>) -> Pager {
        let filters = self.filter_query();
        let joint = if filters.is_empty() { "" } else { "&" };
        let at = |page: String| ctx.url(&format!("{path}?{filters}{joint}{page}"));
        let (number, by_number) = (u64::from(self.query.page), self.query.after.is_none());
        let reach = (number + 1) * u64::from(ROWS) <= web_kit::pagination::TOTAL_CAP;
        let older = found.next_cursor.as_ref().filter(|_| found.has_more).map(|cursor| {
            at(if by_number && reach { format!("page={}", number + 1) } else { format!("after={cursor}") })
        });
        let newer = if by_number {
            (number > 1).then(|| at(format!("page={}", number - 1)))
        } else {
            Some(at("page=1".to_owned()))
        };
        let more = if found.total_is_capped { "more than " } else { "" };
        let noun = if found.total == 1 { "entry" } else { "entries" };
        Pager { summary: format!("{more}{} {noun}", found.total), newer, older }
    }
}

/// Fields of a query that are no filters.
const PAGE_FIELDS: &[&str] = &["page", "limit", "after", "done"];

impl FormData {
    /// Whether anything but the search field of this name filters: then what filters is shown open.
    pub(crate) fn narrows(&self, search: &str) -> bool {
        let mut filters = self.pairs().filter(|(name, _)| *name != search && !PAGE_FIELDS.contains(name));
        filters.any(|(_, value)| !value.is_empty())
    }
}

/// The foot of a list.
#[derive(Debug, Default)]
pub(crate) struct Pager {
    pub(crate) summary: String,
    pub(crate) newer: Option<String>,
    pub(crate) older: Option<String>,
}

/// `from` and `to` as people mean them: the last day whole.
pub(crate) fn days(filters: &mut Filters) -> Span {
    let mut span = filters.span();
    if let (Some(to), Some(text)) = (span.to, filters.text("to"))
        && !text.contains('T')
    {
        span.to = Some(Timestamp::from_seconds(to.seconds() + 24 * 3600));
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_alone_opens_no_filters() {
        let narrows = |query: &str| FormData::of_query(query).narrows("q");
        assert!(!narrows("q=ORD-1&status=&page=2"));
        assert!(narrows("q=&status=paid"));
    }

    #[test]
    fn the_last_day_is_meant_whole() {
        let to = |query: &str| days(&mut Filters::of(Some(query))).to.unwrap().to_string();
        assert_eq!(to("to=2030-01-31"), "2030-02-01T00:00:00.000Z");
        assert_eq!(to("to=2030-01-31T12:00:00Z"), "2030-01-31T12:00:00.000Z");
    }
}
