//! The checkout page: how soon its first byte comes, and how much there is of it.

use std::collections::BTreeSet;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use super::create::{expect, shop_request};
use super::http::{Connection, request};
use super::report::{Aim, Latencies, ms};
use super::{Bench, Section};
use crate::Outcome;
use crate::settings::random_hex;

/// What the page and all that it loads may weigh on the wire, in bytes.
const BYTES_MAX: u64 = 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    short_code: String,
}

/// Measures.
pub async fn run(bench: &Bench) -> Outcome<Section> {
    println!("\nThe checkout page: GET /checkout/{{shortCode}}");
    let gateway = bench.stack.gateway();
    let mut api = Connection::open(super::address(&gateway.direct.urls.admin_api)?).await?;
    let reference = random_hex(8);
    let create = shop_request(gateway, "http://127.0.0.1:18080/ipn", &reference, &reference);
    let answer = api.ask(&create).await?;
    expect(answer.status, 200, &answer.body)?;
    let Created { short_code } = serde_json::from_slice(&answer.body)?;
    let path = format!("/checkout/{short_code}");
    let mut pages = Connection::open(super::address(&gateway.direct.urls.checkout)?).await?;

    let (plain, html) = weigh(&mut pages, &path, false).await?;
    let (compressed, _) = weigh(&mut pages, &path, true).await?;
    let mut latencies = Latencies::default();
    let page = get(&path, true);
    let times = if bench.quick { 100 } else { 1000 };
    for _ in 0..times {
        let sent = Instant::now();
        let answer = pages.ask(&page).await?;
        expect(answer.status, 200, b"")?;
        latencies.push(answer.first_byte - sent);
    }
    let [p50, p99] = latencies.percentiles([50, 99]);
    println!("  first byte p50 {}, p99 {} ({times} times, one after another, compressed)", ms(p50), ms(p99));
    println!("  HTML {plain} bytes, {compressed} compressed");

    let mut assets = Vec::new();
    let (mut total_plain, mut total) = (plain, compressed);
    for asset in loads(&String::from_utf8(html)?) {
        let (plain, content) = weigh(&mut pages, &asset, false).await?;
        let (compressed, _) = weigh(&mut pages, &asset, true).await?;
        println!("    {asset}: {plain} bytes, {compressed} compressed");
        total_plain += plain;
        total += compressed;
        if content.windows(6).any(|window| window == b"url(/\"" || window == b"url(\"/") {
            println!("    (a style sheet that loads more, which is not counted)");
        }
        assets.push(json!({ "path": asset, "bytes": plain, "compressedBytes": compressed }));
    }
    println!("  with all that it loads: {total_plain} bytes, {total} compressed");
    let figures = json!({
        "firstByte": latencies.json(), "htmlBytes": plain, "htmlCompressedBytes": compressed,
        "assets": assets, "totalBytes": total_plain, "totalCompressedBytes": total,
    });
    let bytes = |bytes: u64| format!("{bytes} B");
    let aims = vec![Aim::at_most("page with all that it loads, compressed", total, BYTES_MAX, bytes)];
    Ok(Section { name: "page", figures, aims })
}

fn get(path: &str, compressed: bool) -> Vec<u8> {
    let encoding = if compressed { "accept-encoding: gzip" } else { "accept-encoding: identity" };
    request("GET", path, &["accept: text/html", "accept-language: en", encoding], "")
}

/// Bytes of an answer's body, and the body.
async fn weigh(pages: &mut Connection, path: &str, compressed: bool) -> Outcome<(u64, Vec<u8>)> {
    let answer = pages.ask(&get(path, compressed)).await?;
    expect(answer.status, 200, &answer.body)?;
    Ok((u64::try_from(answer.body.len())?, answer.body.into_owned()))
}

/// What a browser loads with a page: addresses of our own in `link`, `script` and `img`.
fn loads(html: &str) -> BTreeSet<String> {
    let tags = html.split('<').filter(|tag| ["link ", "script ", "img "].iter().any(|t| tag.starts_with(t)));
    tags.filter_map(|tag| {
        let tag = tag.split('>').next()?;
        let value = [" href=\"", " src=\""].iter().find_map(|name| tag.split_once(name))?.1;
        let address = value.split('"').next()?;
        address.starts_with('/').then(|| address.to_owned())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_page_loads() {
        let html = r#"<link rel="stylesheet" href="/static/a.css"><a href="/x">x</a><script defer src="/static/b.js">
            </script><img alt="" src="/static/c.svg"><img src="https://example.com/d.png">"#;
        let found: Vec<_> = loads(html).into_iter().collect();
        assert_eq!(found, ["/static/a.css", "/static/b.js", "/static/c.svg"]);
    }
}
