//! Pages of lists: `page` and `limit`, or `after=<cursor>` for the long way.

use axum::extract::FromRequestParts;
use http::request;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, FieldProblem};

/// Rows on a page where the caller does not say.
pub const LIMIT_DEFAULT: u32 = 50;
/// Most rows on a page.
pub const LIMIT_MAX: u32 = 100;
/// Totals are counted up to here; pages by number reach no further.
pub const TOTAL_CAP: u64 = 10_000;
/// Longest cursor, in bytes.
const CURSOR_LENGTH_MAX: usize = 256;

/// Which part of a list is asked for. As an extractor it reads its three parameters and leaves all others be.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Page number, from 1.
    #[param(required = false, default = 1, minimum = 1)]
    pub page: u32,
    /// Rows on a page.
    #[param(required = false, default = 50, minimum = 1, maximum = 100)]
    pub limit: u32,
    /// Cursor of the page before (`nextCursor`); reaches any depth. Not together with `page`.
    #[param(required = false)]
    pub after: Option<String>,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self { page: 1, limit: LIMIT_DEFAULT, after: None }
    }
}

impl PageQuery {
    /// Reads a raw query string.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let mut read = Self::default();
        let mut page_given = false;
        let mut problems = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "page" => {
                    page_given = true;
                    number(&mut read.page, "page", &value, u32::MAX, &mut problems);
                }
                "limit" => number(&mut read.limit, "limit", &value, LIMIT_MAX, &mut problems),
                "after" if value.is_empty() => {}
                "after" if value.len() > CURSOR_LENGTH_MAX => {
                    problems.push(FieldProblem::new("after", "must be a nextCursor of this list"));
                }
                "after" => read.after = Some(value.into_owned()),
                _ => {}
            }
        }
        if page_given && read.after.is_some() {
            problems.push(FieldProblem::new("after", "must not be combined with page"));
        }
        if problems.is_empty() && u64::from(read.page - 1) * u64::from(read.limit) >= TOTAL_CAP {
            let problem = format!("pages reach {TOTAL_CAP} rows; go on with after=<nextCursor>");
            problems.push(FieldProblem::new("page", problem));
        }
        if problems.is_empty() { Ok(read) } else { Err(ApiError::bad_request(problems)) }
    }

    /// Rows before this page; 0 with a cursor.
    pub fn skip(&self) -> u64 {
        if self.after.is_some() { 0 } else { u64::from(self.page.saturating_sub(1)) * u64::from(self.limit) }
    }

    /// Rows to fetch: one more than the page holds, which tells whether there are more.
    pub fn fetch(&self) -> u64 {
        u64::from(self.limit) + 1
    }
}

fn number(into: &mut u32, field: &str, text: &str, max: u32, problems: &mut Vec<FieldProblem>) {
    match text.parse::<u32>() {
        Ok(number) if (1..=max).contains(&number) => *into = number,
        _ if max == u32::MAX => problems.push(FieldProblem::new(field, "must be a whole number from 1")),
        _ => problems.push(FieldProblem::new(field, format!("must be a whole number from 1 to {max}"))),
    }
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// The page's number; 1 when it was reached by a cursor.
    pub page: u32,
    /// Rows a page holds.
    pub limit: u32,
    /// Rows in the list, exact up to 10,000.
    pub total: u64,
    /// Whether there are more rows than `total` says.
    pub total_is_capped: bool,
    /// Whether another page follows.
    pub has_more: bool,
    /// Cursor for `after`, where another page follows.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page from up to [`PageQuery::fetch`] rows and a count.
    ///
    /// `counted` is the number of rows found when counting stopped at [`TOTAL_CAP`] + 1 at the latest;
    /// `cursor_of` makes the cursor of a row.
    pub fn new(
        query: &PageQuery,
        mut rows: Vec<T>,
        counted: u64,
        cursor_of: impl FnOnce(&T) -> String,
    ) -> Self {
        let limit = query.limit as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if has_more { rows.last().map(cursor_of) } else { None };
        Self {
            data: rows,
            page: query.page,
            limit: query.limit,
            total: counted.min(TOTAL_CAP),
            total_is_capped: counted > TOTAL_CAP,
            has_more,
            next_cursor,
        }
    }

    /// The same page with every row turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(turn).collect(),
            page: self.page,
            limit: self.limit,
            total: self.total,
            total_is_capped: self.total_is_capped,
            has_more: self.has_more,
            next_cursor: self.next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_other_parameters() {
        assert_eq!(PageQuery::parse("").unwrap(), PageQuery::default());
        let read = PageQuery::parse("status=1&metadata%5Border%5D=7&page=3&limit=20").unwrap();
        assert_eq!((read.skip(), read.fetch()), (40, 21));
        let read = PageQuery::parse("after=abc&limit=20").unwrap();
        assert_eq!((read.skip(), read.after.as_deref()), (0, Some("abc")));
    }

    #[test]
    fn the_parameter_at_fault_is_named() {
        let fields = |query| {
            let error = PageQuery::parse(query).unwrap_err();
            error.details.into_iter().map(|detail| detail.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("limit=101"), ["limit"]);
        assert_eq!(fields("limit=0&page=-1"), ["limit", "page"]);
        assert_eq!(fields("limit=ten"), ["limit"]);
        assert_eq!(fields("page=2&after=abc"), ["after"]);
        assert_eq!(fields("page=101&limit=100"), ["page"]);
        assert!(PageQuery::parse("page=100&limit=100").is_ok());
    }

    #[test]
    fn one_row_too_many_means_more() {
        let query = PageQuery { limit: 2, ..PageQuery::default() };
        let page = Page::new(&query, vec![1, 2, 3], 3, ToString::to_string);
        assert_eq!((page.data, page.has_more, page.next_cursor.as_deref()), (vec![1, 2], true, Some("2")));
        let page = Page::new(&query, vec![1, 2], 10_001, ToString::to_string);
        assert_eq!(
            (page.has_more, page.next_cursor, page.total, page.total_is_capped),
            (false, None, 10_000, true)
        );
    }

    #[test]
    fn envelope_has_the_contract_s_names() {
        let page = Page::new(&PageQuery::default(), vec![1], 1, ToString::to_string);
        assert_eq!(
            serde_json::to_value(page).unwrap(),
            serde_json::json!({"data": [1], "page": 1, "limit": 50, "total": 1, "totalIsCapped": false,
                "hasMore": false, "nextCursor": null})
        );
    }
}
