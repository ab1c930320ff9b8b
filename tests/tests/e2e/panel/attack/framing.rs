//! Our pages inside somebody else's: browsers are told not to, and do not.

use std::net::Ipv4Addr;

use admin_api::panel;
use axum::{Router, response::Html, routing::get};
use fantoccini::Locator;
use gateway_core::domain::role::Role;
use reqwest::{Method, header::HeaderMap};

use super::{Arena, Operator};
use crate::{
    browser::{DESKTOP, browse, console},
    panel::guard::address,
};

/// Fails where the answer may be shown inside a page of somebody else.
fn stands_alone(headers: &HeaderMap, what: &str) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{what}: {headers:?}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_can_be_put_into_a_frame() {
    let arena = Arena::start().await;
    let operator = Operator::of(&arena.door, &arena.shop, Role::Admin).await;
    for screen in panel::table().iter().filter(|screen| screen.method == Method::GET) {
        let path = address(&operator, screen);
        let answer = arena.door.send(operator.request(Method::GET, &path)).await;
        stands_alone(&answer.headers, &path);
    }
    let lost = arena.door.send(operator.request(Method::GET, "/no-such-page")).await;
    stands_alone(&lost.headers, "a page that is not there");
    let reference = arena.door.send(arena.door.request(Method::GET, "/api/v1/docs")).await;
    stands_alone(&reference.headers, "the reference");
    let checkout = arena.checkout(0).await;
    let checkout = format!("/checkout/{}", checkout.short_code);
    for path in [checkout.as_str(), "/checkout/nothing", "/"] {
        stands_alone(&arena.front.open(path).await.headers, path);
    }

    let panel = arena.door.panel.replace("127.0.0.1", "localhost");
    let framed = [
        format!("{panel}/login"),
        format!("{panel}{}", operator.path("/transactions")),
        arena.front.page(&checkout),
        format!("{}/api/v1/docs", arena.door.api),
    ];
    let trap = framed.each_ref().map(|url| format!("<iframe src=\"{url}\"></iframe>")).concat();
    let (elsewhere, empty) = serve(trap).await;
    browse(DESKTOP, async |client| {
        client.goto(&elsewhere).await.unwrap();
        for index in 0..u16::try_from(framed.len()).unwrap() {
            client.enter_frame(index).await.unwrap();
            let ours = client.find_all(Locator::Css("form, nav, .button")).await.unwrap();
            assert!(ours.is_empty(), "{} is shown in a frame", framed[usize::from(index)]);
            client.enter_parent_frame().await.unwrap();
        }
        let told = console(&client).await.to_string();
        assert!(told.matches("frame-ancestors").count() >= framed.len(), "{told}");
        // The page with the frames does show what lets itself be shown.
        client.goto(&empty).await.unwrap();
        client.enter_frame(0).await.unwrap();
        assert!(client.find(Locator::Css("form")).await.is_ok());
    })
    .await;
}

/// Somebody else's page with these frames, and one with a frame that may be shown.
async fn serve(frames: String) -> (String, String) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let page = move |inside: String| Html(format!("<!doctype html><title>Elsewhere</title>{inside}"));
    let with_frames = page(frames);
    let router = Router::new()
        .route("/", get(async move || with_frames.clone()))
        .route("/form", get(async || Html("<form></form>")))
        .route("/empty", get(async move || page("<iframe src=\"/form\"></iframe>".to_owned())));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (origin.clone(), format!("{origin}/empty"))
}
