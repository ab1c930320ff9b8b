//! Where each screen of the panel's table is to be seen: those with an id are found as people find them, by the
//! links of other pages.

use std::collections::{BTreeMap, BTreeSet};

use admin_api::panel::{
    self,
    screens::{Needs, Screen},
};
use gateway_core::app::people::session::{self, Client};
use reqwest::{Method, StatusCode, header};

use super::super::hand::origin;
use super::rows::Filled;
use crate::cluster::Cluster;

/// A page for people.
#[derive(Debug, Clone)]
pub struct Page {
    /// Names its pictures.
    pub name: String,
    /// Path and query.
    pub path: String,
    /// Whether it is looked at by somebody who is not signed in.
    pub is_open: bool,
}

/// Walks through the panel over HTTP.
pub struct Walk<'a> {
    cluster: &'a Cluster,
    cookie: String,
    links: BTreeSet<String>,
}

/// What a screen answers with.
enum Answer {
    Page,
    /// It leads on, or is a file.
    Other,
}

impl<'a> Walk<'a> {
    pub async fn of(cluster: &'a Cluster, filled: &Filled) -> Self {
        let (token, _) = session::open(&cluster.app, &filled.person, &Client::default()).await.unwrap();
        let links = filled.mailed.iter().cloned().collect();
        Self { cluster, cookie: format!("tollgate={}", token.expose()), links }
    }

    /// Every page of the table, and those that are worth a look beside. Fails for a screen that nothing leads to.
    pub async fn pages(mut self, filled: &Filled) -> Vec<Page> {
        let tenant = filled.seed.tenant;
        let home = format!("/o/{}/{}", tenant.organization, tenant.mode.as_str());
        let mut pages = Vec::new();
        for (name, path) in &filled.also {
            let page = Page { name: (*name).to_owned(), path: format!("{home}{path}"), is_open: false };
            self.visit(&page).await;
            pages.push(page);
        }
        // Set-up is over here: it has an installation of its own.
        let is_wanted = |screen: &Screen| screen.method == Method::GET && screen.path != "/setup/{token}";
        let mut open: Vec<Screen> = panel::table().into_iter().filter(is_wanted).collect();
        while !open.is_empty() {
            let before = open.len();
            for screen in std::mem::take(&mut open) {
                let Some(path) = self.address(&screen.path, &home) else {
                    open.push(screen);
                    continue;
                };
                let is_open = screen.needs == Needs::Nobody;
                let page = Page { name: name(&screen.path), path, is_open };
                if matches!(self.visit(&page).await, Answer::Page) {
                    pages.push(page);
                }
            }
            let left: Vec<&str> = open.iter().map(|screen| screen.path.as_str()).collect();
            assert!(open.len() < before, "no page leads to {left:?}: put such a thing into screens/rows.rs");
        }
        pages
    }

    /// A screen's address; one with an id by a link that was seen.
    fn address(&self, pattern: &str, home: &str) -> Option<String> {
        let path = pattern.replace("/o/{org}/{mode}", home);
        if !path.contains('{') {
            return Some(path);
        }
        // "new" beside an id is a page of its own.
        let fits =
            |link: &&String| {
                let (mut wanted, mut found) = (path.split('/'), link.split('/'));
                let is_id =
                    |part: &str| part.len() >= 24 && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
                wanted.by_ref().zip(found.by_ref()).all(|(wanted, found)| {
                    if wanted.starts_with('{') { is_id(found) } else { wanted == found }
                }) && path.split('/').count() == link.split('/').count()
            };
        self.links.iter().find(fits).cloned()
    }

    /// Asks for a page, looks at what only its answer shows, and remembers where it leads.
    async fn visit(&mut self, page: &Page) -> Answer {
        let request = self.cluster.http.get(format!("{}{}", origin(&self.cluster.app), page.path));
        let request = if page.is_open { request } else { request.header(header::COOKIE, &self.cookie) };
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_redirection() {
            return Answer::Other;
        }
        assert_eq!(status, StatusCode::OK, "{}", page.path);
        let is_html = headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html");
        let body = answer.bytes().await.unwrap();
        if !is_html {
            assert!(!body.is_empty(), "{} is an empty file", page.path);
            return Answer::Other;
        }
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        is_strict(policy, &page.path);
        let html = String::from_utf8(body.to_vec()).unwrap();
        let is_empty = html.contains("class=\"empty\"") || html.contains("card empty");
        let may_be_empty = page.name.ends_with("none-found");
        assert_eq!(is_empty, may_be_empty, "{} shows nothing: fill it in screens/rows.rs", page.path);
        let addresses = html.split("href=\"/").skip(1).chain(html.split("src=\"/").skip(1));
        for part in addresses {
            let link = part.split(['"', '?', '#']).next().unwrap();
            self.links.insert(format!("/{link}"));
        }
        Answer::Page
    }
}

/// Nothing but our own, and no script or style without the page's nonce.
pub fn is_strict(policy: &str, path: &str) {
    let directives: BTreeMap<&str, &str> =
        policy.split("; ").map(|part| part.split_once(' ').unwrap_or((part, ""))).collect();
    for (name, wanted) in [
        ("default-src", "'none'"),
        ("connect-src", "'self'"),
        ("form-action", "'self'"),
        ("frame-ancestors", "'none'"),
        ("base-uri", "'none'"),
        ("img-src", "'self' data:"),
    ] {
        assert_eq!(directives.get(name), Some(&wanted), "{name} of {path}: {policy}");
    }
    for name in ["script-src", "style-src"] {
        let source = directives[name];
        let is_nonce = source.starts_with("'nonce-") && !source.contains(' ') && source.len() > 24;
        assert!(is_nonce, "{name} of {path}: {policy}");
    }
}

/// `/o/{org}/{mode}/invoices/{id}/pdf` → `invoices-id-pdf`.
fn name(pattern: &str) -> String {
    let path = pattern.strip_prefix("/o/{org}/{mode}").unwrap_or(pattern);
    let words: Vec<&str> = path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "dashboard".to_owned() } else { words.join("-") }
}
