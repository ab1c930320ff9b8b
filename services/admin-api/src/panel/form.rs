//! Posted forms: read once by the guard, shown again with what was wrong beside each field.

use std::str::FromStr;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::FromRequestParts,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_core::{
    app::AppError,
    domain::{Currency, Timestamp, money::AMOUNT_MAX},
};
use http::{HeaderMap, header, request};
use rust_decimal::Decimal;
use subtle::ConstantTimeEq;
use web_kit::{ApiError, FieldProblem};

/// Largest form, in bytes: templates and notes of people, and a logo.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// Most fields of a form: the longest, an invoice's, has some 1,400. Each is looked for among all.
const FIELDS_MAX: usize = 2_000;

/// The name of the field that holds the session's token.
pub(crate) const CSRF_FIELD: &str = "csrf";

/// A form's fields as they were sent, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormData {
    pairs: Vec<(String, String)>,
    problems: Vec<FieldProblem>,
}

impl FormData {
    /// A form with these fields: one that shows what is stored.
    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { pairs, problems: Vec::new() }
    }

    /// The fields of a query: the search form of a list.
    pub(crate) fn of_query(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self { pairs: pairs.map(|(k, v)| (k.into_owned(), v.into_owned())).collect(), problems: Vec::new() }
    }

    /// Every field, in the order in which they were sent.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, ApiError> {
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let has_files = multer::parse_boundary(kind).ok();
        let plain = kind.split(';').next().unwrap_or_default().trim();
        if has_files.is_none() && !plain.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let problem = "must be sent as application/x-www-form-urlencoded or multipart/form-data";
            return Err(ApiError::bad_field("form", problem));
        }
        let bytes = to_bytes(body, FORM_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| ApiError::bad_field("form", "is too large"))?;
        let pairs: Vec<(String, String)> = match has_files {
            Some(boundary) => parts(bytes, boundary).await?,
            None => url::form_urlencoded::parse(&bytes).into_owned().take(FIELDS_MAX + 1).collect(),
        };
        if pairs.len() > FIELDS_MAX {
            return Err(ApiError::bad_field("form", format!("must have at most {FIELDS_MAX} fields")));
        }
        // What browsers send between the lines of a text area becomes what everybody else writes.
        let pairs = pairs.into_iter().map(|(name, value)| (name, value.replace("\r\n", "\n"))).collect();
        Ok(Self { pairs, problems: Vec::new() })
    }

    /// Refuses a form without the session's token.
    pub(super) fn must_carry(&self, token: &str) -> Result<(), ApiError> {
        let given = self.value(CSRF_FIELD);
        if bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "This form is from another log-in. Go back, load the page anew and send it again.",
        ))
    }

    /// What a field holds; empty where it is absent.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.pairs.iter().rev().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether a field was there at all, empty or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// Every value of a field that can be there several times, such as check boxes.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a check box or choice is set.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.values(name).any(|one| one == value)
    }

    /// A field's text without blanks around it; `None` where it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = self.value(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A field's text, which must be there.
    pub(crate) fn required(&mut self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.problem(name, "is required");
            String::new()
        })
    }

    /// A field of a type; `None` where it is empty or wrong.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Option<T> {
        match self.text(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(name, error.to_string());
                None
            }
        }
    }

    /// An amount as people write it (`12.50`, `12,50`, `1200`), in minor units; `None` where it is empty or wrong.
    pub(crate) fn amount(&mut self, name: &str, currency: Currency) -> Option<i64> {
        self.amount_of(name, currency, |text| minor_units(text, currency))
    }

    /// The same for what may be taken off, too: `-12.50`.
    pub(crate) fn signed_amount(&mut self, name: &str, currency: Currency) -> Option<i64> {
        self.amount_of(name, currency, |text| match text.strip_prefix('-') {
            Some(amount) => minor_units(amount, currency).map(|minor| -minor),
            None => minor_units(text, currency),
        })
    }

    fn amount_of(
        &mut self,
        name: &str,
        currency: Currency,
        read: impl FnOnce(&str) -> Option<i64>,
    ) -> Option<i64> {
        let text = self.text(name)?;
        let minor = read(&text);
        if minor.is_none() {
            let digits = match currency.exponent() {
                0 => "such as 12".to_owned(),
                digits => format!("with at most {digits} decimals, such as 12.{:0>1$}", 5, digits as usize),
            };
            self.problem(name, format!("must be an amount in {}, {digits}", currency.code()));
        }
        minor
    }

    /// A percentage as people write it (`23`, `5.5`, `5,5`); `None` where it is empty or wrong.
    pub(crate) fn percent(&mut self, name: &str) -> Option<Decimal> {
        let text = self.text(name)?;
        let read = Decimal::from_str_exact(&text.replace(',', ".")).ok();
        if read.is_none() {
            self.problem(name, "must be a percentage such as 23 or 5.5");
        }
        read
    }

    /// A moment as `<input type=datetime-local>` sends it, meant in UTC; `None` where it is empty or wrong.
    pub(crate) fn moment(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let seconds = if text.len() == "2030-01-31T12:00".len() { ":00" } else { "" };
        let read = Timestamp::parse(&format!("{text}{seconds}Z"));
        if read.is_none() {
            self.problem(name, "must be a date and time such as 2030-01-31T12:00");
        }
        read
    }

    /// A day as `<input type=date>` sends it, from its beginning in UTC; `None` where it is empty or wrong.
    pub(crate) fn day(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let read = Timestamp::parse(&format!("{text}T00:00:00Z"));
        if read.is_none() {
            self.problem(name, "must be a day such as 2030-01-31");
        }
        read
    }

    /// The lines of a text area that hold anything, without blanks around them.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.value(name).lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    /// What stood against a form: beside the fields that it names, else as a text for the top of the page. What
    /// is not there, and our own failures, have pages of their own.
    pub(crate) fn refused(&mut self, error: AppError) -> Result<Option<String>, ApiError> {
        let mut error = ApiError::from(error);
        if error.status.is_server_error() || error.status == 404 {
            return Err(error);
        }
        error.details.iter_mut().for_each(name_the_entry);
        Ok(if self.take(&error) { None } else { Some(error.message.into_owned()) })
    }

    /// Moves problems of a list's entries (`address[1]`) to the one text area that holds them, a line each.
    pub(crate) fn name_lines(&mut self, name: &str) {
        let entry = |field: &str| -> Option<usize> {
            field.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
        };
        for problem in &mut self.problems {
            if let Some(index) = entry(&problem.field) {
                problem.problem = format!("in line {} {}", index + 1, problem.problem);
                name.clone_into(&mut problem.field);
            }
        }
    }

    /// Gives problems the names that their fields have on this page, where `name` knows one.
    pub(crate) fn rename(&mut self, name: impl Fn(&str) -> Option<String>) {
        for problem in &mut self.problems {
            if let Some(known) = name(&problem.field) {
                problem.field = known;
            }
        }
    }

    /// Notes what is wrong with a field.
    pub(crate) fn problem(&mut self, name: &str, problem: impl Into<String>) {
        self.problems.push(FieldProblem::new(name, problem.into()));
    }

    /// Takes over what a use case found wrong. `false` where the error is of another kind.
    pub(crate) fn take(&mut self, error: &ApiError) -> bool {
        self.problems.extend(error.details.iter().cloned());
        !error.details.is_empty()
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// What is wrong with a field, for the line below it.
    pub(crate) fn error(&self, name: &str) -> Option<&str> {
        self.problems.iter().find(|problem| problem.field == name).map(|problem| problem.problem.as_str())
    }

    /// What is wrong in all, for the summary on top.
    pub(crate) fn problems(&self) -> &[FieldProblem] {
        &self.problems
    }
}

/// A list is one text area here: `origins[2]` is the third entry of `origins`.
fn name_the_entry(problem: &mut FieldProblem) {
    let Some((name, rest)) = problem.field.split_once('[') else { return };
    let Some(index) = rest.strip_suffix(']').and_then(|digits| digits.parse::<usize>().ok()) else { return };
    problem.problem = format!("{} (entry {})", problem.problem, index + 1);
    problem.field = name.to_owned();
}

/// A moment as `<input type=datetime-local>` takes it, in UTC, and not more exact than it is.
pub(crate) fn local_moment(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.trim_end_matches('Z').trim_end_matches(".000");
    text.strip_suffix(":00").filter(|short| short.matches(':').count() == 1).unwrap_or(text).to_owned()
}

/// The parts of a form with files. A file arrives as its bytes in base64, and one that was not chosen as nothing.
async fn parts(bytes: Bytes, boundary: String) -> Result<Vec<(String, String)>, ApiError> {
    let unreadable = |_| ApiError::bad_field("form", "cannot be read");
    let whole = futures::stream::once(async { Ok::<_, std::convert::Infallible>(bytes) });
    let mut form = multer::Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let (true, Some(part)) = (pairs.len() <= FIELDS_MAX, form.next_field().await.map_err(unreadable)?) {
        let name = part.name().unwrap_or_default().to_owned();
        let is_file = part.file_name().is_some();
        let content = part.bytes().await.map_err(unreadable)?;
        let value = if is_file {
            STANDARD.encode(content)
        } else {
            String::from_utf8(content.into()).map_err(|_| ApiError::bad_field(&name, "must be text"))?
        };
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// No grouping: `1.200` would be read as one and a fifth here and as twelve hundred there.
fn minor_units(text: &str, currency: Currency) -> Option<i64> {
    let text = text.replace(',', ".");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let exponent = usize::try_from(currency.exponent()).ok()?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > exponent {
        return None;
    }
    let minor: i64 = format!("{whole}{fraction:0<exponent$}").parse().ok()?;
    (minor <= AMOUNT_MAX).then_some(minor)
}

/// Minor units as a field of a form shows them: `12.50`.
pub(crate) fn major_units(minor: i64, currency: Currency) -> String {
    let exponent = usize::try_from(currency.exponent()).unwrap_or(2);
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    let (sign, point) = (if minor < 0 { "-" } else { "" }, if exponent > 0 { "." } else { "" });
    format!("{sign}{whole}{point}{fraction}")
}

impl<S: Sync> FromRequestParts<S> for FormData {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .remove::<Self>()
            .ok_or_else(|| ApiError::internal("a form's handler without its guard"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let of = |text: &str, code: &str| minor_units(text, code.parse().unwrap());
        assert_eq!(of("12.50", "EUR"), Some(1250));
        assert_eq!(of("12,5", "EUR"), Some(1250));
        assert_eq!(of("12", "JPY"), Some(12));
        assert_eq!(of("0.005", "KWD"), Some(5));
        for (wrong, code) in [
            ("12.505", "EUR"),
            ("12.5", "JPY"),
            ("-1", "EUR"),
            ("1.200,00", "EUR"),
            (".5", "EUR"),
            ("x", "EUR"),
        ] {
            assert_eq!(of(wrong, code), None, "{wrong} {code}");
        }
        for (minor, code, text) in [(1250, "EUR", "12.50"), (5, "KWD", "0.005"), (12, "JPY", "12")] {
            let currency = code.parse().unwrap();
            assert_eq!(major_units(minor, currency), text);
            assert_eq!(minor_units(text, currency), Some(minor));
        }
    }

    #[tokio::test]
    async fn a_form_with_a_file_is_read_like_any_other() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=XX".parse().unwrap());
        let part = |about: &str, content: &str| {
            format!("--XX\r\nContent-Disposition: form-data; {about}\r\n\r\n{content}\r\n")
        };
        let body = [
            part("name=\"csrf\"", "t"),
            part("name=\"notes\"", "one\r\ntwo"),
            part("name=\"logo\"; filename=\"a.png\"", "\u{1}\u{2}"),
            part("name=\"none\"; filename=\"\"", ""),
            "--XX--\r\n".to_owned(),
        ];
        let form = FormData::read(&headers, Body::from(body.concat())).await.unwrap();
        assert!(form.must_carry("t").is_ok());
        assert_eq!(form.value("notes"), "one\ntwo");
        assert_eq!(form.value("logo"), "AQI=");
        assert_eq!(form.text("none"), None);
        let cut = FormData::read(&headers, Body::from("--XX\r\nContent-Disp")).await;
        assert!(cut.is_err(), "half a form is none");
    }

    #[tokio::test]
    async fn a_form_has_so_many_fields_and_no_more() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        let read = async |count: usize| FormData::read(&headers, Body::from("a&".repeat(count))).await;
        assert_eq!(read(FIELDS_MAX).await.unwrap().pairs.len(), FIELDS_MAX);
        let refused = read(FIELDS_MAX + 1).await.unwrap_err();
        assert_eq!(refused.details[0].problem, "must have at most 2000 fields");
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=X".parse().unwrap());
        let part = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
        let body = part.repeat(FIELDS_MAX + 1) + "--X--\r\n";
        assert!(FormData::read(&headers, Body::from(body)).await.is_err());
    }

    #[test]
    fn entries_of_a_list_are_lines_of_one_field() {
        let mut form = FormData::of([("notes", " one\n\ntwo ".to_owned()), ("price", "-1,5".to_owned())]);
        assert_eq!(form.lines("notes"), ["one", "two"]);
        assert_eq!(form.signed_amount("price", Currency::EUR), Some(-150));
        assert_eq!(form.amount("price", Currency::EUR), None);
        form.problem("notes[1]", "is too long");
        form.name_lines("notes");
        assert_eq!(form.error("notes"), Some("in line 2 is too long"));
    }

    #[test]
    fn moments_go_through_a_form_unchanged() {
        for (iso, local) in [
            ("2030-01-31T12:30:00.000Z", "2030-01-31T12:30"),
            ("2030-01-31T12:00:00.000Z", "2030-01-31T12:00"),
            ("2030-01-31T23:59:59.000Z", "2030-01-31T23:59:59"),
            ("2030-01-31T23:59:59.999Z", "2030-01-31T23:59:59.999"),
        ] {
            assert_eq!(local_moment(Timestamp::parse(iso).unwrap()), local);
            let mut form = FormData::of([("at", local.to_owned())]);
            assert_eq!(form.moment("at").unwrap().to_string(), iso);
        }
        let mut form = FormData::of([("at", "tomorrow".to_owned()), ("rate", "5,5".to_owned())]);
        assert_eq!((form.moment("at"), form.day("at")), (None, None));
        assert_eq!(form.problems().len(), 2);
        let mut day = FormData::of([("on", "2030-01-31".to_owned())]);
        assert_eq!(day.day("on").unwrap().to_string(), "2030-01-31T00:00:00.000Z");
        assert_eq!(form.percent("rate"), Some(Decimal::new(55, 1)));
    }

    #[test]
    fn what_is_wrong_in_a_list_is_found_by_its_entry() {
        let mut form = FormData::of([("origins", "a\n\n b \n".to_owned())]);
        assert_eq!(form.lines("origins"), ["a", "b"]);
        let alert = form.refused(AppError::field("origins[1]", "must be scheme and host")).unwrap();
        assert_eq!(alert, None);
        assert_eq!(form.error("origins"), Some("must be scheme and host (entry 2)"));
        let alert = form.refused(AppError::conflict("X", "not now")).unwrap();
        assert_eq!(alert.as_deref(), Some("not now"));
        assert!(form.refused(AppError::NotFound("site")).is_err());
    }

    #[test]
    fn fields_are_read_and_what_is_wrong_stands_beside_them() {
        let mut form = FormData::of([("name", " Shop ".to_owned()), ("amount", "x".to_owned())]);
        assert_eq!(form.text("name").as_deref(), Some("Shop"));
        assert_eq!(form.parsed::<i64>("amount"), None);
        assert_eq!(form.required("email"), "");
        assert!(form.error("amount").is_some());
        assert_eq!(form.error("email"), Some("is required"));
        assert!(!form.is_good());
        assert!(form.must_carry("t").is_err());
        assert!(FormData::of([(CSRF_FIELD, "t".to_owned())]).must_carry("t").is_ok());
    }
}
