//! Queries of lists: pages and filters, and no parameter that would be overlooked.

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use gateway_core::{
    app::list::Span,
    domain::{ApiKeyId, Timestamp},
    store::{Entity, list},
};
use http::{Method, request};
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, Parameter, ParameterIn, ParameterStyle},
};
use web_kit::{ApiError, FieldProblem, Page, PageQuery};

/// Which parameters the query of each operation takes, by method and path. Operations that take none are not here, but
/// for lists: there is nothing in them that a wrong name could leave out.
pub(crate) struct Known(HashMap<(Method, String), Arc<BTreeSet<String>>>);

/// What a request's query may hold.
#[derive(Clone)]
struct Allowed(Arc<BTreeSet<String>>);

impl Known {
    /// From the document, in which every list stands.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut all = HashMap::new();
        for (method, path, operation) in operations(document) {
            let parameters = operation.parameters.iter().flatten();
            let names: BTreeSet<String> = parameters.filter_map(in_query).collect();
            let id = operation.operation_id.as_deref();
            if !names.is_empty() || id.is_some_and(|id| id.starts_with("list")) {
                all.insert((method, path.to_owned()), Arc::new(names));
            }
        }
        Self(all)
    }
}

/// Every operation of a document, with its method and path.
pub(crate) fn operations(document: &OpenApi) -> impl Iterator<Item = (Method, &str, &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let all = [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::PATCH, &item.patch),
            (Method::DELETE, &item.delete),
        ];
        all.into_iter()
            .filter_map(move |(method, operation)| Some((method, path.as_str(), operation.as_ref()?)))
    })
}

/// A parameter's name, where it stands in the query; of a map of pairs with `[key]` behind it.
fn in_query(parameter: &RefOr<Parameter>) -> Option<String> {
    let RefOr::T(one) = parameter else { return None };
    let is_map = one.style == Some(ParameterStyle::DeepObject);
    let name = if is_map { format!("{}[key]", one.name) } else { one.name.clone() };
    (one.parameter_in == ParameterIn::Query).then_some(name)
}

/// Around every route: notes what its query may hold. It is looked at once the caller is known.
pub(crate) async fn layer(State(known): State<Arc<Known>>, mut request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let template = matched.unwrap_or_default();
    let path = template.strip_prefix("/api/v1").or_else(|| template.strip_prefix("/v1")).unwrap_or(&template);
    if let Some(names) = known.0.get(&(request.method().clone(), path.to_owned())) {
        request.extensions_mut().insert(Allowed(Arc::clone(names)));
    }
    next.run(request).await
}

/// Refuses a parameter that the operation does not have: a filter that is misspelt would show everything.
pub(crate) fn refuse_unknown(parts: &request::Parts) -> Result<(), ApiError> {
    let Some(Allowed(names)) = parts.extensions.get() else { return Ok(()) };
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let given: BTreeSet<String> = pairs.map(|(name, _)| name.into_owned()).collect();
    let is_known = |name: &str| {
        let of_map = name.strip_suffix(']').and_then(|name| name.split_once('['));
        names.contains(name) || of_map.is_some_and(|(map, _)| names.contains(&format!("{map}[key]")))
    };
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let problem = match known.as_slice() {
        [] => "is not a parameter of this request, which takes none".to_owned(),
        known => format!("is not a parameter of this request; there are {}", known.join(", ")),
    };
    let unknown = given.iter().filter(|name| !is_known(name));
    let problems: Vec<FieldProblem> =
        unknown.map(|name| FieldProblem::new(name.as_str(), problem.as_str())).collect();
    if problems.is_empty() { Ok(()) } else { Err(ApiError::bad_request(problems)) }
}

/// The page asked for, as the store takes it.
pub(crate) fn page_request(query: &PageQuery) -> Result<list::PageRequest, ApiError> {
    let after = match &query.after {
        // Any id type would do: a cursor is the id of the last row, in hex.
        Some(cursor) => match cursor.parse::<ApiKeyId>() {
            Ok(id) => Some(id.bytes()),
            Err(_) => return Err(ApiError::bad_field("after", "must be a nextCursor of this list")),
        },
        None => None,
    };
    Ok(list::PageRequest { page: query.page.into(), limit: query.limit.into(), after })
}

/// A page as the API answers it; `data` are its rows, turned into what is shown.
pub(crate) fn page_of<E: Entity, T>(query: &PageQuery, found: &list::Page<E>, data: Vec<T>) -> Page<T> {
    Page {
        data,
        page: query.page,
        limit: query.limit,
        total: found.total,
        total_is_capped: found.total_is_capped,
        has_more: found.has_more,
        next_cursor: found.next_cursor.clone(),
    }
}

/// The same for rows that are shown without opening anything.
pub(crate) fn plain_page<E, T>(query: &PageQuery, found: &list::Page<E>) -> Page<T>
where
    E: Entity,
    for<'a> T: From<&'a E>,
{
    let data = found.rows.iter().map(T::from).collect();
    page_of(query, found, data)
}

/// Reads a query parameter by parameter and gathers what is wrong. Empty ones are skipped; unknown ones were refused
/// before.
pub(crate) struct Filters {
    pairs: Vec<(String, String)>,
    problems: Vec<FieldProblem>,
}

impl Filters {
    pub(crate) fn of(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let pairs =
            pairs.filter(|(_, value)| !value.is_empty()).map(|(k, v)| (k.into_owned(), v.into_owned()));
        Self { pairs: pairs.collect(), problems: Vec::new() }
    }

    /// The text of a parameter; the last one counts.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// A parameter of a type.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Option<T> {
        match self.text(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(FieldProblem::new(name, error.to_string()));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.word(name, &[true, false], |yes| if yes { "true" } else { "false" })
    }

    /// One of a closed list of words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        text: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        self.words(name, all, text).first().copied()
    }

    /// Some of a closed list of words, separated by commas or in repeated parameters.
    pub(crate) fn words<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        text: impl Fn(T) -> &'static str,
    ) -> Vec<T> {
        let mut found = Vec::new();
        let given = self.pairs.iter().filter(|(key, _)| key == name);
        for word in given.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|w| !w.is_empty()) {
            if let Some(one) = all.iter().find(|one| text(**one) == word) {
                found.push(*one);
            } else {
                let known: Vec<&str> = all.iter().map(|one| text(*one)).collect();
                let problem = format!("must be one of {}", known.join(", "));
                self.problems.push(FieldProblem::new(name, problem));
                break;
            }
        }
        found
    }

    /// A time; a date alone is its first moment.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let read = Timestamp::parse(&text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
        if read.is_none() {
            let problem = "must be an ISO 8601 time or date, such as 2030-01-31T12:00:00Z";
            self.problems.push(FieldProblem::new(name, problem));
        }
        read
    }

    /// `from` and `to`.
    pub(crate) fn span(&mut self) -> Span {
        Span { from: self.time("from"), to: self.time("to") }
    }

    /// Every `metadata[key]=value`.
    pub(crate) fn metadata(&mut self) -> Vec<(String, String)> {
        let key_of = |name: &str| Some(name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned());
        let pairs = self.pairs.iter().filter_map(|(name, value)| Some((key_of(name)?, value.clone())));
        let pairs: Vec<_> = pairs.collect();
        if pairs.len() > 5 {
            self.problems.push(FieldProblem::new("metadata", "must be at most 5 pairs in one query"));
        }
        pairs
    }

    /// The end: 400 if anything was wrong.
    pub(crate) fn finish<T>(self, filter: T) -> Result<T, ApiError> {
        if self.problems.is_empty() { Ok(filter) } else { Err(ApiError::bad_request(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::domain::{SiteId, transaction::TransactionStatus};

    #[test]
    fn filters_are_read_and_what_is_wrong_is_named() {
        let mut filters = Filters::of(Some(
            "status=succeeded,failed&status=pending&from=2030-01-31&metadata%5Ba.b%5D=1&siteId=&other=1",
        ));
        let statuses = filters.words("status", TransactionStatus::ALL, TransactionStatus::as_str);
        assert_eq!(statuses.len(), 3);
        assert_eq!(filters.span().from.unwrap().to_string(), "2030-01-31T00:00:00.000Z");
        assert_eq!(filters.metadata(), [("a.b".to_owned(), "1".to_owned())]);
        assert_eq!(filters.parsed::<SiteId>("siteId"), None);
        assert!(filters.finish(()).is_ok());

        let mut filters = Filters::of(Some("status=paid&siteId=7&to=tomorrow"));
        filters.words("status", TransactionStatus::ALL, TransactionStatus::as_str);
        filters.parsed::<SiteId>("siteId");
        filters.span();
        let error = filters.finish(()).unwrap_err();
        let fields: Vec<_> = error.details.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["status", "siteId", "to"]);
    }
}
