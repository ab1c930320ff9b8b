//! The hosted authorisation page: approve or go back.

use super::state::GoCardless;
use crate::sim::{ApiRequest, Page, escape_html};

impl GoCardless {
    pub(super) fn hosted_page(&mut self, request: &ApiRequest) -> Option<Page> {
        let segments = request.segments();
        let ["flow", id, rest @ ..] = segments.as_slice() else { return None };
        let Some(flow) = self.flows.get(*id).cloned() else {
            return Some(Page::Html(404, document("<p>There is no such flow.</p>")));
        };
        if flow.is_over(self.now_ms) {
            return Some(Page::Html(410, document("<p>This link has expired.</p>")));
        }
        let billing_request = flow.billing_request.as_str();
        let there = |address: Option<&String>, otherwise: &str| match address {
            Some(address) => Page::Redirect(address.clone()),
            None => Page::Html(200, document(&format!("<p>{otherwise}</p>"))),
        };
        Some(match (request.method.as_str(), rest) {
            ("GET", []) => Page::Html(200, document(&self.flow_page(id, billing_request))),
            ("POST", ["approve"]) => match self.fulfil(billing_request) {
                Ok(_) => there(flow.redirect_uri.as_ref(), "Thank you, you can close this page."),
                Err(error) => {
                    let text = format!("<p role=\"alert\">{}</p>", escape_html(&error.to_string()));
                    Page::Html(409, document(&text))
                }
            },
            ("POST", ["cancel"]) => {
                self.exit_flow(id, billing_request);
                there(flow.exit_uri.as_ref().or(flow.redirect_uri.as_ref()), "You can close this page.")
            }
            _ => Page::Html(404, document("<p>There is no such page.</p>")),
        })
    }

    fn flow_page(&self, flow: &str, billing_request: &str) -> String {
        let Some(request) = self.billing_requests.get(billing_request) else { return String::new() };
        if request.status != "pending" {
            return format!("<p>This request is {}.</p>", request.status);
        }
        let what = match &request.payment_request {
            Some(payment) => format!("{} {} (minor units)", payment.amount, payment.currency),
            None => "A mandate for later payments".to_owned(),
        };
        format!(
            "<p>{}</p>\n\
             <form method=\"post\" action=\"/flow/{flow}/approve\"><button id=\"approve\">Approve</button></form>\n\
             <form method=\"post\" action=\"/flow/{flow}/cancel\"><button id=\"cancel\">Go back</button></form>",
            escape_html(&what)
        )
    }
}

fn document(body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Simulated GoCardless</title></head>\n\
         <body><h1>Simulated GoCardless authorisation</h1>\n{body}\n</body></html>\n"
    )
}
