//! Accessibility: axe-core's rules for WCAG 2.2 AA on every page, in both themes, on a phone and on a desktop.

use std::{fmt::Write as _, path::Path, sync::LazyLock};

use axum::{Router, extract::Path as Segment, response::Html, routing::get};
use fantoccini::Client;
use main_backend::checkout::pages;
use serde_json::{Value, json};
use web_kit::locale::Lang;

use crate::{
    browser::{DESKTOP, Device, browse, fits},
    tools::{install, npm},
};

/// 1280 px at 400 %, which WCAG's reflow asks for.
pub const SMALL_PHONE: Device = Device { width: 320, height: 640, ..DESKTOP };
/// 1280 px at 200 %.
const ZOOMED: Device = Device { width: 640, height: 400, ..DESKTOP };

static SOURCE: LazyLock<String> = LazyLock::new(|| {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("axe");
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let folder = install("axe", &sources, &files, npm).unwrap_or_else(|missing| panic!("{missing}"));
    std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).unwrap()
});

const RUN: &str = "
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    window.axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })
      .then((result) => done(result), (error) => done({ error: String(error) }));
";

/// Fails when the page that is shown breaks a rule.
pub async fn audit(client: &Client, what: &str) {
    client.execute(&SOURCE, vec![]).await.unwrap();
    let result = client.execute_async(RUN, vec![]).await.unwrap();
    assert!(result["error"].is_null(), "{what}: {}", result["error"]);
    let passed = result["passes"].as_array().map_or(0, Vec::len);
    assert!(passed > 5, "{what}: only {passed} rules had something to look at");
    let mut told = String::new();
    for violation in result["violations"].as_array().unwrap() {
        let _ = writeln!(told, "{}: {}", violation["id"], violation["help"]);
        for node in violation["nodes"].as_array().unwrap() {
            let _ = writeln!(told, "  {} {}", node["html"], node["failureSummary"]);
        }
    }
    assert!(told.is_empty(), "{what}:\n{told}");
}

/// Serves the samples in a language; answers the address and the samples' names.
pub async fn samples(lang: Lang) -> (String, Vec<String>) {
    let names = pages::samples(lang).into_iter().map(|(name, _, _)| name).collect();
    let show = async move |Segment(wanted): Segment<String>| {
        let found = pages::samples(lang).into_iter().find(|(name, _, _)| *name == wanted);
        // A page that goes on by itself would be gone before it is looked at.
        found
            .map(|(_, _, html)| Html(html.replace("http-equiv=\"refresh\"", "name=\"refresh\"")))
            .ok_or(axum::http::StatusCode::NOT_FOUND)
    };
    let router = Router::new().route("/{name}", get(show)).merge(pages::static_files().router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, names)
}

async fn prefers_dark(client: &Client) -> Value {
    client.execute("return matchMedia('(prefers-color-scheme: dark)').matches", vec![]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_the_checkout_is_accessible_in_both_themes() {
    let (address, names) = samples(Lang::En).await;
    assert!(names.len() > 20);
    let look = async |device: Device| {
        browse(device, async |client| {
            for name in &names {
                client.goto(&format!("{address}/{name}")).await.unwrap();
                let what = format!("{name} at {} px, dark: {}", device.width, device.dark);
                assert_eq!(prefers_dark(&client).await, json!(device.dark), "{what}");
                fits(&client, &what).await;
                audit(&client, &what).await;
            }
        })
        .await;
    };
    for device in [SMALL_PHONE, DESKTOP] {
        futures::join!(look(device), look(Device { dark: true, ..device }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_language_makes_a_page_scroll_sideways_or_lose_anything_when_zoomed() {
    for device in [SMALL_PHONE, ZOOMED] {
        browse(device, async |client| {
            for lang in Lang::ALL {
                let (address, names) = samples(lang).await;
                for name in names {
                    client.goto(&format!("{address}/{name}")).await.unwrap();
                    fits(&client, &format!("{name} in {} at {} px", lang.code(), device.width)).await;
                }
            }
        })
        .await;
    }
}
