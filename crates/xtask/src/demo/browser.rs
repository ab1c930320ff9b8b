//! As much of a browser as paying without JavaScript takes: pages, forms, redirects, cookies.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use url::Url;

use crate::Outcome;

/// More redirects in a row than this are a loop.
const REDIRECTS_MAX: usize = 10;

/// A browser with its cookies.
pub struct Browser {
    client: reqwest::Client,
    /// Per host and port, as strict as the demo needs.
    cookies: BTreeMap<(String, String), String>,
}

/// A page after all redirects.
pub struct Page {
    pub url: Url,
    pub html: String,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    action: String,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    value: String,
    hidden: bool,
}

impl Browser {
    pub fn new() -> Outcome<Self> {
        Ok(Self { client: super::client()?, cookies: BTreeMap::new() })
    }

    pub async fn get(&mut self, url: &str) -> Outcome<Page> {
        self.go(Url::parse(url)?, None, None).await
    }

    /// Submits `form` of `page` with its hidden fields and the one field that the customer has chosen.
    pub async fn submit(&mut self, page: &Page, form: Form, choice: (&str, &str)) -> Outcome<Page> {
        let mut fields: Vec<_> = form
            .fields
            .into_iter()
            .filter(|f| f.hidden && f.name != choice.0)
            .map(|f| (f.name, f.value))
            .collect();
        fields.push((choice.0.to_owned(), choice.1.to_owned()));
        let target = page.url.join(&form.action)?;
        self.go(target, Some(fields), Some(page.url.origin().ascii_serialization())).await
    }

    async fn go(
        &mut self,
        mut url: Url,
        mut form: Option<Vec<(String, String)>>,
        origin: Option<String>,
    ) -> Outcome<Page> {
        for _ in 0..REDIRECTS_MAX {
            let mut request = match form.take() {
                Some(fields) => self.client.post(reachable(&url)?).form(&fields),
                None => self.client.get(reachable(&url)?),
            };
            // Programs do not resolve *.localhost, so the address is dialled and the host named here.
            request = request.header("Host", host(&url)).header("Accept", "text/html");
            if let Some(origin) = &origin {
                request = request.header(ORIGIN, origin).header("Sec-Fetch-Site", "same-origin");
            }
            if let Some(cookies) = self.cookies_for(&url) {
                request = request.header(COOKIE, cookies);
            }
            let answer = request.send().await?;
            self.keep_cookies(&url, &answer);
            let status = answer.status();
            if let Some(location) = answer.headers().get(LOCATION).filter(|_| status.is_redirection()) {
                url = url.join(location.to_str()?)?;
                continue;
            }
            let html = answer.text().await?;
            if status.is_success() {
                return Ok(Page { url, html });
            }
            return Err(
                format!("{url} answered {status}: {}", html.chars().take(400).collect::<String>()).into()
            );
        }
        Err(format!("more than {REDIRECTS_MAX} redirects, the last one to {url}").into())
    }

    fn cookies_for(&self, url: &Url) -> Option<String> {
        let host = host(url);
        let cookies = self.cookies.iter().filter(|((of, _), _)| *of == host);
        let cookies: Vec<_> = cookies.map(|((_, name), value)| format!("{name}={value}")).collect();
        (!cookies.is_empty()).then(|| cookies.join("; "))
    }

    fn keep_cookies(&mut self, url: &Url, answer: &reqwest::Response) {
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().ok().and_then(|c| c.split(';').next()).and_then(|c| c.split_once('='));
            if let Some((name, value)) = pair {
                self.cookies.insert((host(url), name.trim().to_owned()), value.trim().to_owned());
            }
        }
    }
}

/// Host and port as a `Host` header names them.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// The same address with a `*.localhost` name replaced by loopback itself.
fn reachable(url: &Url) -> Outcome<Url> {
    let mut url = url.clone();
    if url.host_str().is_some_and(|host| host == "localhost" || host.ends_with(".localhost")) {
        url.set_host(Some("127.0.0.1"))?;
    }
    Ok(url)
}

impl Page {
    /// The first form that has a field of this name (and value, if one is given).
    pub fn form_with(&self, name: &str, value: Option<&str>) -> Outcome<Form> {
        let fits = |field: &Field| field.name == name && value.is_none_or(|value| field.value == value);
        let form = forms(&self.html).into_iter().find(|form| form.fields.iter().any(fits));
        form.ok_or_else(|| format!("the page at {} has no form with the field {name}", self.url).into())
    }
}

fn forms(html: &str) -> Vec<Form> {
    let forms = html.split("<form").skip(1).filter_map(|rest| rest.split("</form").next());
    forms
        .map(|form| {
            let (head, body) = form.split_once('>').unwrap_or((form, ""));
            let action = attribute(head, "action").unwrap_or_default();
            let tags = body.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("button"));
            let fields = tags.filter_map(|tag| {
                let tag = tag.split('>').next()?;
                Some(Field {
                    name: attribute(tag, "name")?,
                    value: attribute(tag, "value").unwrap_or_default(),
                    hidden: attribute(tag, "type").as_deref() == Some("hidden"),
                })
            });
            Form { action, fields: fields.collect() }
        })
        .collect()
}

/// The value of a quoted attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = format!(" {name}=\"");
    let tag = tag.replace(['\n', '\t'], " ");
    let value = tag.split_once(&start)?.1.split('"').next()?;
    Some(unescape(value))
}

fn unescape(text: &str) -> String {
    let mut parts = text.split('&');
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let decoded = part.split_once(';').and_then(|(entity, rest)| Some((character(entity)?, rest)));
        if let Some((character, rest)) = decoded {
            result.push(character);
            result.push_str(rest);
        } else {
            result.push('&');
            result.push_str(part);
        }
    }
    result
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "lt" => Some('<'),
        "gt" => Some('>'),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_a_browser_reads_them() {
        let html = r#"<form method="post" action="/a?x=1&#38;y=2"><input type="hidden" name="csrf" value="a&amp;b">
            <button name="provider" value="p1">Card</button><button
              name="provider" value="p2">Sandbox</button></form>
            <form action=""><input name="other"></form>"#;
        let page = Page {
            url: Url::parse("http://pay.localhost:8080/checkout/abc").unwrap(),
            html: html.to_owned(),
        };
        let form = page.form_with("provider", Some("p2")).unwrap();
        assert_eq!(form.action, "/a?x=1&y=2");
        let hidden: Vec<_> = form.fields.iter().filter(|f| f.hidden).map(|f| f.value.as_str()).collect();
        assert_eq!(hidden, ["a&b"]);
        assert!(page.form_with("provider", Some("p3")).is_err());
        assert!(page.form_with("other", None).is_ok());
    }

    #[test]
    fn localhost_names_are_dialled_on_loopback() {
        let url = Url::parse("http://pay.localhost:8080/x").unwrap();
        assert_eq!(reachable(&url).unwrap().as_str(), "http://127.0.0.1:8080/x");
        assert_eq!(host(&url), "pay.localhost:8080");
    }
}
