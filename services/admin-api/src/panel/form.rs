//! Posted forms: read once by the guard, shown again with what was wrong beside each field.

use std::{
    fmt::Write as _,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::FromRequestParts,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_core::{
    app::Problem,
    domain::{Currency, EntityId, FormSubmissionId, Money, Timestamp, money::AMOUNT_MAX},
};
use http::{HeaderMap, header, request};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use web_kit::{ApiError, FieldProblem, Lang, country};

/// Largest form, in bytes: templates and notes of people, and a logo.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// Most fields of a form: the longest, an invoice's, has some 1,400. Each is looked for among all.
const FIELDS_MAX: usize = 2_000;

/// The name of the field that holds the session's token.
pub(crate) const CSRF_FIELD: &str = "csrf";

/// The name of the field that holds the form's own key, by which it does its work once.
pub(crate) const KEY_FIELD: &str = "key";

/// The name of the field that says what an edit form was loaded with.
pub(crate) const SEEN_FIELD: &str = "seen";

/// Bytes of a hash that tell a field's value from another.
const SEEN_BYTES: usize = 6;

/// What problems begin with that go on after the name of their field.
const VERBS: &[&str] = &[
    "must", "is", "are", "belongs", "names", "has", "may", "cannot", "needs", "holds", "says", "does",
    "comes",
];

/// Refusals that are about a field, though they are no mistake of the request's form.
const AT_FIELD: &[(&str, &str)] = &[
    ("REFUND_EXCEEDS_BALANCE", "amount"),
    ("CREDIT_EXCEEDS_BALANCE", "amount"),
    ("PAYMENT_EXCEEDS_BALANCE", "amount"),
];

/// A form's fields as they were sent, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormData {
    pairs: Vec<(String, String)>,
    problems: Vec<FieldProblem>,
    /// The last part of the address that it was sent to: which of a page's forms it is.
    act: String,
    /// The id of what it makes, the same however often it is sent.
    new_id: Option<FormSubmissionId>,
    /// What it was loaded with.
    seen: String,
    /// What somebody else has changed since: field, and what is stored now.
    meanwhile: Vec<(String, String)>,
    /// Who has, and when.
    changed_by: String,
    /// What the page calls its fields, learnt while the page is rendered.
    labels: Arc<Mutex<Labels>>,
}

/// Fields in the order of the page, with what stands beside them.
#[derive(Debug, Default)]
struct Labels {
    known: Vec<(String, String)>,
    /// What the fields that follow belong to, such as "Line 2".
    within: String,
}

/// A field at fault, as the page calls it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AtFault {
    pub(crate) field: String,
    pub(crate) label: String,
}

impl FormData {
    /// A form with these fields: one that shows what is stored.
    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { pairs, ..Self::default() }
    }

    /// The form of something that is stored. It remembers what it shows, so that what others change meanwhile is not
    /// lost without a word.
    pub(crate) fn of_stored<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let form = Self::of(pairs);
        Self { seen: form.digest(), ..form }
    }

    /// The fields of a query: the search form of a list.
    pub(crate) fn of_query(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self { pairs: pairs.map(|(k, v)| (k.into_owned(), v.into_owned())).collect(), ..Self::default() }
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
        Ok(Self { pairs, ..Self::default() })
    }

    /// Notes where it was sent to.
    pub(super) fn sent_to(&mut self, path: &str) {
        path.rsplit('/').next().unwrap_or_default().clone_into(&mut self.act);
        self.seen = self.value(SEEN_FIELD).to_owned();
    }

    /// Notes under which id it is to make what it makes.
    pub(super) fn makes(&mut self, id: FormSubmissionId) {
        self.new_id = Some(id);
    }

    /// The id for what the form makes: however often it is sent, it makes one.
    pub(crate) fn new_id<I: EntityId>(&self) -> Option<I> {
        self.new_id.map(|id| I::from_bytes(id.bytes()))
    }

    /// The form where it is the one that was sent to this address, else an empty one: a page has several forms, and
    /// each shows its own mistakes.
    pub(crate) fn of_act(&self, act: &str) -> Self {
        if self.act == act { self.clone() } else { Self::default() }
    }

    /// Whether it was sent to this address.
    pub(crate) fn is_act(&self, act: &str) -> bool {
        self.act == act
    }

    /// What it was loaded with, for the hidden field; nothing for a form that makes something new.
    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }

    /// Each field with a hash of what it holds.
    fn digest(&self) -> String {
        let mut names: Vec<&str> = self.pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut text = String::new();
        for name in names {
            let mut hash = Sha256::new();
            for value in self.values(name) {
                hash.update(value.as_bytes());
                hash.update([0]);
            }
            let _ = write!(text, "{name}={} ", hex::encode(&hash.finalize()[..SEEN_BYTES]));
        }
        text.trim_end().to_owned()
    }

    /// Whether what is stored has changed since the form was loaded. From then on the form says what is stored now,
    /// and sent once more it goes over that.
    pub(crate) fn was_changed(&mut self, stored: &Self) -> Result<bool, ApiError> {
        if self.seen.is_empty() {
            return Err(ApiError::bad_field(SEEN_FIELD, "is missing: reload the page and try again"));
        }
        let hashes = |text: &str| -> Vec<(String, String)> {
            let parts = text.split(' ').filter_map(|part| part.rsplit_once('='));
            parts.map(|(name, hash)| (name.to_owned(), hash.to_owned())).collect()
        };
        let (then, now) = (hashes(&self.seen), hashes(&stored.seen));
        let changed = now.iter().filter(|field| !then.contains(field)).map(|(name, _)| name);
        let gone =
            then.iter().map(|(name, _)| name).filter(|name| !now.iter().any(|(known, _)| known == *name));
        let shown = |name: &String| {
            let values: Vec<&str> = stored.values(name).filter(|value| !value.is_empty()).collect();
            (name.clone(), values.join(", "))
        };
        self.meanwhile = changed.chain(gone).map(shown).collect();
        self.seen.clone_from(&stored.seen);
        Ok(!self.meanwhile.is_empty())
    }

    /// What others have changed since the form was loaded: what the page calls it, and what is stored now.
    pub(crate) fn meanwhile(&self) -> Vec<(String, String)> {
        const SHOWN_CHARS: usize = 200;
        let labels = self.labels();
        let mut changed: Vec<_> = self
            .meanwhile
            .iter()
            .map(|(name, value)| {
                let place = labels.known.iter().position(|(known, _)| known == name);
                let label = place.map_or_else(|| name.clone(), |place| labels.known[place].1.clone());
                let mut shown: String = value.chars().take(SHOWN_CHARS).collect();
                if shown.len() < value.len() {
                    shown.push('…');
                }
                (place.unwrap_or(usize::MAX), label, shown)
            })
            .collect();
        changed.sort();
        // What the page has no words for is told only where there is nothing else to tell.
        if changed.first().is_some_and(|(place, ..)| *place < usize::MAX) {
            changed.retain(|(place, ..)| *place < usize::MAX);
        }
        changed.into_iter().map(|(_, label, value)| (label, value)).collect()
    }

    /// Notes who has changed it meanwhile.
    pub(crate) fn note_changed_by(&mut self, who: String) {
        self.changed_by = who;
    }

    /// Who has changed it meanwhile.
    pub(crate) fn changed_by(&self) -> &str {
        if self.changed_by.is_empty() { "somebody" } else { &self.changed_by }
    }

    /// Whether sending it goes over what somebody else has changed.
    pub(crate) fn goes_over(&self) -> bool {
        !self.meanwhile.is_empty()
    }

    fn labels(&self) -> MutexGuard<'_, Labels> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the page calls a field. Said where the label is printed; the summary above the form repeats it.
    pub(crate) fn label<'a>(&self, name: &str, label: &'a str) -> &'a str {
        let mut labels = self.labels();
        let full =
            if labels.within.is_empty() { label.to_owned() } else { format!("{}, {label}", labels.within) };
        if !labels.known.iter().any(|(known, _)| known == name) {
            labels.known.push((name.to_owned(), full));
        }
        label
    }

    /// What the fields that follow belong to: "Line 2", or nothing any more.
    pub(crate) fn within(&self, group: &str) -> &'static str {
        group.clone_into(&mut self.labels().within);
        ""
    }

    /// The same for a line of several.
    pub(crate) fn within_line(&self, number: usize) -> &'static str {
        self.within(&format!("Line {number}"))
    }

    /// Countries by name, for a choice. What the field holds and no country is, stays a choice of its own.
    pub(crate) fn countries(&self, name: &str) -> Vec<(String, String)> {
        let known = countries();
        let held = self.value(name).trim();
        let is_known = held.is_empty() || known.iter().any(|(code, _)| *code == held);
        let none = std::iter::once((String::new(), "–".to_owned()));
        let stray = (!is_known).then(|| (held.to_owned(), format!("“{held}”, which is no country")));
        let known = known.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned()));
        none.chain(stray).chain(known).collect()
    }

    /// The fields at fault in the order of the page. A page is rendered twice before this is known.
    pub(crate) fn at_fault(&self) -> Vec<AtFault> {
        let labels = self.labels();
        let is_wrong = |name: &String| self.problems.iter().any(|problem| problem.field == *name);
        let known = labels.known.iter().filter(|(name, _)| is_wrong(name));
        known.map(|(field, label)| AtFault { field: field.clone(), label: label.clone() }).collect()
    }

    /// What is wrong and has no field on the page: it is told in full above the form.
    pub(crate) fn elsewhere(&self) -> Vec<String> {
        let is_shown = |name: &str| self.labels().known.iter().any(|(known, _)| known == name);
        let hidden = self.problems.iter().filter(|problem| !is_shown(&problem.field));
        hidden.map(|problem| self.said(&format!("{} {}", problem.field, problem.problem))).collect()
    }

    /// What is wrong with a field, as a sentence for the line below it.
    pub(crate) fn sentence(&self, name: &str) -> Option<String> {
        let problem = self.error(name)?;
        let label = {
            let labels = self.labels();
            let known = labels.known.iter().find(|(known, _)| known == name);
            known.map_or_else(|| "This".to_owned(), |(_, label)| label.clone())
        };
        // "Name is required", and "Amount: at most €5.00 can be refunded".
        let verb = problem.split(' ').next().unwrap_or_default();
        let joint = if VERBS.contains(&verb) { " " } else { ": " };
        Some(self.said(&format!("{label}{joint}{problem}")))
    }

    /// A text of a use case as a sentence of this page: fields by their labels.
    pub(crate) fn said(&self, text: &str) -> String {
        let labels = self.labels();
        let is_word = |c: char| c.is_alphanumeric() || c == '.' || c == '_';
        let mut out = String::with_capacity(text.len() + 1);
        for word in text.split_inclusive(|c: char| !is_word(c)) {
            let bare = word.trim_end_matches(|c: char| !is_word(c)).trim_end_matches('.');
            let is_name = bare.chars().any(|c| c.is_ascii_uppercase()) || bare.contains('.');
            let label = labels.known.iter().find(|(name, _)| is_name && name == bare).map(|(_, label)| label);
            match label {
                Some(label) => {
                    let _ = write!(out, "“{label}”{}", &word[bare.len()..]);
                }
                None => out.push_str(word),
            }
        }
        sentence(&out)
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
        if minor.is_some_and(|minor| minor.unsigned_abs() > AMOUNT_MAX.unsigned_abs()) {
            self.problem(name, format!("must be at most {}", Money::new(AMOUNT_MAX, currency)));
            return None;
        }
        if minor.is_none() {
            let digits = match currency.exponent() {
                0 => "without decimals, such as 12".to_owned(),
                digits => format!("with at most {digits} decimals, such as 12.{:0<1$}", 5, digits as usize),
            };
            self.problem(name, format!("must be an amount in {} {digits}", currency.code()));
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
    pub(crate) fn refused(&mut self, error: impl Into<ApiError>) -> Result<Option<String>, ApiError> {
        let error = error.into();
        if error.status.is_server_error() || error.status == 404 {
            return Err(error);
        }
        if let Some((_, field)) = AT_FIELD.iter().find(|(code, field)| *code == error.code && self.has(field))
        {
            self.problem(field, error.message.into_owned());
            return Ok(None);
        }
        Ok(if self.take(&error) { None } else { Some(self.said(&error.message)) })
    }

    /// The same form with other fields: rows were taken out, or added.
    pub(crate) fn having<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { pairs, ..self.clone() }
    }

    /// What was found wrong so far, for the use case to add what it finds.
    pub(crate) fn wrong(&self) -> Vec<Problem> {
        self.problems.iter().map(|one| Problem::new(one.field.clone(), one.problem.clone())).collect()
    }

    /// Gives problems the names that their fields have on this page, where `name` knows one.
    pub(crate) fn rename(&mut self, name: impl Fn(&str) -> Option<String>) {
        for problem in &mut self.problems {
            if let Some(known) = name(&problem.field) {
                problem.field = known;
            }
        }
    }

    /// Notes what is wrong with a field. The first that is found counts: what is empty is not also too short.
    pub(crate) fn problem(&mut self, name: &str, problem: impl Into<String>) {
        let mut problem = FieldProblem::new(name, problem.into());
        name_the_entry(&mut problem);
        if !self.problems.iter().any(|known| known.field == problem.field) {
            self.problems.push(problem);
        }
    }

    /// Notes what a use case would find wrong, so that all of it is told at once.
    pub(crate) fn also(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            self.problem(&problem.field, problem.problem);
        }
    }

    /// Takes over what a use case found wrong. `false` where the error is of another kind.
    pub(crate) fn take(&mut self, error: &ApiError) -> bool {
        for problem in &error.details {
            self.problem(&problem.field, problem.problem.clone());
        }
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

    #[cfg(test)]
    pub(crate) fn problems(&self) -> &[FieldProblem] {
        &self.problems
    }
}

/// Countries by their names: those of the list that EN 16931 uses, which documents are made with.
fn countries() -> Vec<(&'static str, &'static str)> {
    let mut all = country::countries(Lang::En).to_vec();
    // Each beside the neighbours that its name begins like.
    let beside = ["1A", "XI"].into_iter();
    for (code, name) in
        beside.filter_map(|code| Some((code, gateway_core::domain::country::name(code, "en")?)))
    {
        let place = all.iter().position(|(_, other)| *other > name && other.is_ascii());
        all.insert(place.unwrap_or(all.len()), (code, name));
    }
    all
}

/// A list is one text area here: `origins[2]` is the third entry of `origins`.
fn name_the_entry(problem: &mut FieldProblem) {
    let Some((name, rest)) = problem.field.split_once('[') else { return };
    let Some(index) = rest.strip_suffix(']').and_then(|digits| digits.parse::<usize>().ok()) else { return };
    problem.problem = format!("line {} {}", index + 1, problem.problem);
    problem.field = name.to_owned();
}

/// A text with a capital in front and a full stop behind.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let mut out: String =
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    if !out.is_empty() && !out.ends_with(['.', '!', '?', '…']) {
        out.push('.');
    }
    out
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
    // What is too large to be a number is too large an amount.
    Some(format!("{whole}{fraction:0<exponent$}").parse().unwrap_or(i64::MAX))
}

/// Minor units as a field of a form shows them: `12.50`.
pub(crate) fn major_units(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).major()
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
    use gateway_core::app::AppError;

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
        form.label("notes", "Notes");
        assert_eq!(form.sentence("notes").as_deref(), Some("Notes: line 2 is too long."));
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
        assert_eq!(form.problems().len(), 1, "the first counts");
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
        assert_eq!(form.error("origins"), Some("line 2 must be scheme and host"));
        let alert = form.refused(AppError::conflict("X", "not now")).unwrap();
        assert_eq!(alert.as_deref(), Some("Not now."));
        assert!(form.refused(AppError::NotFound("site")).is_err());
    }

    #[test]
    fn problems_are_told_in_the_words_and_the_order_of_the_page() {
        let mut form = FormData::of([("name", String::new())]);
        form.problem("endsAt", "must be after startsAt");
        form.problem("name", "is required");
        form.problem("name", "must be short");
        form.problem("amount", format!("must be at most {}", Money::new(4900, Currency::EUR)));
        // What the page prints, twice: the summary above the fields knows them the second time.
        for _ in 0..2 {
            form.label("name", "Name");
            form.label("startsAt", "From");
            form.within("Line 2");
            form.label("endsAt", "Until");
            form.within("");
        }
        let labels: Vec<String> = form.at_fault().into_iter().map(|one| one.label).collect();
        assert_eq!(labels, ["Name", "Line 2, Until"]);
        assert_eq!(form.sentence("name").as_deref(), Some("Name is required."));
        assert_eq!(form.sentence("endsAt").as_deref(), Some("Line 2, Until must be after “From”."));
        assert_eq!(form.elsewhere(), ["Amount must be at most €49.00."]);
        assert_eq!(form.sentence("startsAt"), None);
    }

    #[test]
    fn what_others_change_meanwhile_is_found_field_by_field() {
        let stored = |name: &str, note: &str| {
            FormData::of_stored([
                ("name", name.to_owned()),
                ("note", note.to_owned()),
                ("on", "true".to_owned()),
            ])
        };
        let sent = |seen: &str| {
            let mut form = FormData::of([("name", "mine".to_owned()), (SEEN_FIELD, seen.to_owned())]);
            form.sent_to("/x/edit");
            form
        };
        let loaded = stored("a", "b");
        let mut form = sent(loaded.seen());
        assert!(!form.was_changed(&stored("a", "b")).unwrap() && !form.goes_over());
        let after = stored("a", "c");
        assert!(form.was_changed(&after).unwrap() && form.goes_over());
        form.label("note", "Note");
        assert_eq!(form.meanwhile(), [("Note".to_owned(), "c".to_owned())]);
        // Sent once more it goes over what it has shown.
        assert!(!sent(form.seen()).was_changed(&after).unwrap());
        assert!(sent("").was_changed(&after).is_err(), "a form that says nothing of it is not an edit form");
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
