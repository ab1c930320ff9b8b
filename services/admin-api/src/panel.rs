//! The panel's listener: the API for the panel's own calls, and pages for the rest.

use axum::{Router, extract::Request, response::IntoResponse};
use tower::ServiceExt;
use web_kit::stack::{self, PageError, StackConfig};

/// `/api/*` and `/v1/*` as on the API's listener, all else a page.
pub(crate) fn router(api: Router, config: &StackConfig) -> Router {
    let api = stack::api(api, config);
    let pages = stack::pages(Router::new(), config, error_page);
    Router::new().fallback(async move |request: Request| {
        let path = request.uri().path();
        let is_api = ["/api/", "/v1/"].iter().any(|prefix| path.starts_with(prefix));
        let chosen = if is_api { api } else { pages };
        chosen.oneshot(request).await.into_response()
    })
}

fn error_page(error: &PageError<'_>) -> String {
    let title = match error.status.as_u16() {
        404 => "There is no such page",
        _ => "That did not work",
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1><p>Request {}</p></body></html>\n",
        error.body.request_id
    )
}
