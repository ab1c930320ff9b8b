//! Goes to every page that a page leads to, and types an attacker's words into every field of every form that it
//! meets. What there is to fill is read off the pages, so that a new field is filled by being there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use reqwest::Method;

use super::{
    super::fresh_key,
    html::{self, Field, Form, Piece},
    payload::{NEXT, PAYLOADS, inspect, inspect_csv},
};

/// Pages of one shape that are looked at: what was filled in different ways looks different.
const OF_A_SHAPE_MAX: usize = 9;

/// Somebody with a browser that runs nothing.
pub struct Walker {
    base: String,
    cookie: String,
    /// Beginnings of the paths that are walked.
    within: Vec<String>,
    client: reqwest::Client,
    queue: VecDeque<String>,
    queued: BTreeSet<String>,
    of_a_shape: BTreeMap<String, usize>,
    /// How often a form was filled, by its shape.
    filled: BTreeMap<String, usize>,
    /// What a field took, by the form's shape and the field's name: the payload, or one of [`NEXT`].
    taken: BTreeMap<(String, String), usize>,
    /// The forms that were taken at least once.
    pub accepted: BTreeSet<String>,
    /// The pages that were shown, newest last, with how often an attacker's words stood there.
    pub pages: Vec<(String, usize)>,
}

/// An answer, read whole.
struct Answer {
    status: u16,
    kind: String,
    location: Option<String>,
    text: String,
}

impl Walker {
    pub fn new(base: &str, cookie: &str, within: &[String]) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self {
            base: base.trim_end_matches('/').to_owned(),
            cookie: cookie.to_owned(),
            within: within.to_vec(),
            client: client.build().unwrap(),
            queue: VecDeque::new(),
            queued: BTreeSet::new(),
            of_a_shape: BTreeMap::new(),
            filled: BTreeMap::new(),
            taken: BTreeMap::new(),
            accepted: BTreeSet::new(),
            pages: Vec::new(),
        }
    }

    /// Takes a page on, if its like was not seen often enough.
    pub fn go(&mut self, address: &str) {
        let path = address.strip_prefix(self.base.as_str()).unwrap_or(address);
        let path = path.split('#').next().unwrap_or_default();
        if !self.within.iter().any(|start| path.starts_with(start.as_str())) || self.queued.contains(path) {
            return;
        }
        let count = self.of_a_shape.entry(shape(path)).or_default();
        if *count < OF_A_SHAPE_MAX {
            *count += 1;
            self.queued.insert(path.to_owned());
            self.queue.push_back(path.to_owned());
        }
    }

    /// Walks until there is nothing new.
    pub async fn walk(&mut self) {
        while let Some(path) = self.queue.pop_front() {
            let answer = self.ask(self.request(Method::GET, &path)).await;
            self.look(&path, answer).await;
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        request
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header("accept-language", "en")
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (status, kind, location) =
            (response.status().as_u16(), header("content-type").unwrap_or_default(), header("location"));
        // Files of the look and documents are no text.
        let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        Answer { status, kind, location, text }
    }

    /// Inspects an answer, and takes on what it leads to.
    async fn look(&mut self, path: &str, answer: Answer) {
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text);
        if let Some(to) = &answer.location {
            self.go(to);
            return;
        }
        if answer.kind.starts_with("text/csv") {
            let shown = inspect_csv(&answer.text, path);
            self.pages.push((path.to_owned(), shown));
        }
        if !answer.kind.starts_with("text/html") {
            return;
        }
        let shown = inspect(&answer.text, path);
        if answer.status != 200 {
            return;
        }
        self.pages.push((path.to_owned(), shown));
        let pieces = html::parse(&answer.text);
        for piece in &pieces {
            if let Piece::Open(tag) = piece
                && tag.name == "a"
                && let Some(to) = tag.get("href")
            {
                let to =
                    if to.starts_with('?') { format!("{}{to}", before_query(path)) } else { to.to_owned() };
                self.go(&to);
            }
        }
        for form in html::forms(&pieces) {
            if form.fields.iter().any(Field::is_typed) {
                Box::pin(self.fill(path, &form)).await;
            }
        }
    }

    /// Fills a form once for each payload.
    async fn fill(&mut self, page: &str, form: &Form) {
        let action = if form.action.is_empty() { page } else { form.action.as_str() };
        let shape = format!("{} {}", if form.is_post { "POST" } else { "GET" }, shape(action));
        // A page that is met again is filled again, so that edits of each of its kind are tried.
        while self.filled.get(&shape).copied().unwrap_or_default() < PAYLOADS.len() {
            let round = self.filled.entry(shape.clone()).or_default();
            *round += 1;
            let round = *round - 1;
            if form.is_post {
                self.post(page, &shape, form, round).await;
            } else {
                let fields = self.fields(&shape, form, round);
                let query: String =
                    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                let path = format!("{}?{query}", before_query(action));
                let answer = self.ask(self.request(Method::GET, &path)).await;
                inspect(&answer.text, &path);
                assert!(answer.status < 500, "{path}: {}", answer.text);
            }
        }
    }

    /// Sends it again and again, each time with something else in the fields that were refused.
    async fn post(&mut self, page: &str, shape: &str, form: &Form, round: usize) {
        let action = if form.action.is_empty() { page } else { form.action.as_str() };
        for _ in 0..=NEXT.len() {
            let form = &self.anew(page, form).await;
            let fields = self.fields(shape, form, round);
            let answer = self.ask(self.request(Method::POST, action).form(&fields)).await;
            let refused = at_fault(&answer.text, form);
            if answer.status < 400 {
                self.accepted.insert(shape.to_owned());
                self.look(action, answer).await;
                return;
            }
            assert!(answer.status < 500, "{action}: {}", answer.text);
            inspect(&answer.text, action);
            if refused.is_empty() {
                return;
            }
            for name in refused {
                *self.taken.entry((shape.to_owned(), name)).or_default() += 1;
            }
        }
    }

    /// The form as its page has it now: with a key of its own, and knowing what is stored.
    async fn anew(&self, page: &str, form: &Form) -> Form {
        let answer = self.ask(self.request(Method::GET, page)).await;
        let forms = html::forms(&html::parse(&answer.text));
        let mut form =
            forms.into_iter().find(|one| one.action == form.action).unwrap_or_else(|| form.clone());
        for field in form.fields.iter_mut().filter(|field| field.name == "key") {
            field.value = fresh_key();
        }
        form
    }

    /// What a browser would send after an attacker has typed into every field.
    fn fields(&self, shape: &str, form: &Form, round: usize) -> Vec<(String, String)> {
        let tried = |field: &Field| {
            self.taken.get(&(shape.to_owned(), field.name.clone())).copied().unwrap_or_default()
        };
        // A choice that was asked for is made.
        let is_sent = |field: &Field| field.is_sent || field.is_choice() && tried(field) > 0;
        let fields = form.fields.iter().enumerate().filter(|(_, field)| !field.name.is_empty());
        let sent = fields.filter(|(_, field)| is_sent(field));
        sent.map(|(index, field)| {
            let value = match tried(field) {
                _ if !field.is_typed() => field.value.clone(),
                0 => PAYLOADS[(index + round) % PAYLOADS.len()].to_owned(),
                next => NEXT.get(next - 1).map_or_else(|| field.value.clone(), |text| (*text).to_owned()),
            };
            (field.name.clone(), value)
        })
        .collect()
    }
}

/// The fields of a form that its page complains of.
fn at_fault(html: &str, form: &Form) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for piece in html::parse(html) {
        let Piece::Open(tag) = piece else { continue };
        let of_link = tag.get("href").and_then(|href| href.strip_prefix("#f-")).map(str::to_owned);
        let marked = tag.get("aria-invalid").and_then(|_| tag.get("name")).map(str::to_owned);
        found.extend([of_link, marked].into_iter().flatten());
    }
    found.retain(|name| {
        form.fields.iter().any(|one| &one.name == name && (one.is_typed() || one.is_choice()))
    });
    found
}

fn before_query(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

/// A path without what names one thing, with the names of its query.
pub fn shape(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_id = |part: &str| {
        !part.is_empty() && (part.bytes().all(is_digit) || part.len() >= 16 && part.bytes().any(is_digit))
    };
    let parts = path.split('/').map(|part| if is_id(part) { "{}" } else { part });
    let names: BTreeSet<String> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    format!("{}?{}", parts.collect::<Vec<_>>().join("/"), names.join("&"))
}
