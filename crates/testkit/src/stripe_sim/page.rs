//! The hosted payment page: plain forms, one button for each way a payment can go.

use std::fmt::Write;

use super::objects::Session;
use super::state::Stripe;
use crate::sim::{ApiRequest, Page, SimError, escape_html};

/// What Stripe replaces in the success URL.
const PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";

impl Stripe {
    pub(super) fn hosted_page(&mut self, request: &ApiRequest) -> Option<Page> {
        let segments = request.segments();
        let ["pay", id, rest @ ..] = segments.as_slice() else { return None };
        let Some(session) = self.sessions.get(*id).cloned() else {
            return Some(Page::Html(404, document("Not found", "<p>There is no such session.</p>")));
        };
        Some(match (request.method.as_str(), rest) {
            ("GET", []) => Page::Html(200, document("Pay", &self.session_page(&session))),
            ("GET", ["3ds"]) => Page::Html(200, document("Authenticate", &bank_page(&session))),
            ("POST", [action]) => self.press(&session, action),
            _ => Page::Html(404, document("Not found", "<p>There is no such page.</p>")),
        })
    }

    fn press(&mut self, session: &Session, action: &str) -> Page {
        let id = session.id.as_str();
        let home = format!("/pay/{id}");
        let success = || Page::Redirect(session.success_url.replace(PLACEHOLDER, id));
        let pressed: Result<Page, SimError> = match action {
            "pay" => self.pay(id).map(|_| success()),
            "later" => self.processing(id).map(|_| success()),
            "decline" => self.decline(id).map(|_| Page::Redirect(home)),
            "authenticate" => self.require_action(id).map(|_| Page::Redirect(format!("{home}/3ds"))),
            "async-success" => self.async_succeed(id).map(|_| Page::Redirect(home)),
            "async-failure" => self.async_fail(id).map(|_| Page::Redirect(home)),
            _ => return Page::Html(404, document("Not found", "<p>There is no such button.</p>")),
        };
        pressed.unwrap_or_else(|error| {
            let text = format!("<p role=\"alert\">{}</p>", escape_html(&error.to_string()));
            Page::Html(409, document("Not possible", &text))
        })
    }

    fn session_page(&self, session: &Session) -> String {
        let intent = session.payment_intent.as_ref().and_then(|id| self.intents.get(id));
        let mut page = format!(
            "<p>{} {} (minor units)</p>\n",
            session.total(),
            escape_html(&session.currency.to_ascii_uppercase())
        );
        if session.status == "open" && intent.is_some_and(|intent| intent.last_payment_error.is_some()) {
            page.push_str("<p role=\"alert\">Your card was declined. Try another one.</p>\n");
        }
        let waiting = intent.is_some_and(|intent| intent.status == "processing");
        let buttons: &[(&str, &str)] = match (session.status, waiting) {
            ("open", _) => &[
                ("pay", "Pay"),
                ("authenticate", "Pay with 3-D Secure"),
                ("later", "Pay later (confirmed by the bank)"),
                ("decline", "Card is declined"),
            ],
            ("complete", true) => {
                &[("async-success", "The bank confirms"), ("async-failure", "The bank refuses")]
            }
            _ => &[],
        };
        if buttons.is_empty() {
            let _ = writeln!(page, "<p>This session is {}, {}.</p>", session.status, session.payment_status);
        }
        for (action, label) in buttons {
            page.push_str(&button(&session.id, action, label));
        }
        if let Some(back) = &session.cancel_url {
            let _ =
                writeln!(page, "<p><a id=\"back\" href=\"{}\">Back to the shop</a></p>", escape_html(back));
        }
        page
    }
}

fn bank_page(session: &Session) -> String {
    let mut page = "<p>Your bank asks whether this is you.</p>\n".to_owned();
    page.push_str(&button(&session.id, "pay", "It is me"));
    page.push_str(&button(&session.id, "decline", "It is not me"));
    page
}

fn button(session: &str, action: &str, label: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/pay/{session}/{action}\"><button id=\"{action}\">{label}</button></form>\n"
    )
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} (simulated Stripe)</title>\
         </head>\n<body><h1>Simulated Stripe checkout</h1>\n{body}</body></html>\n"
    )
}
