//! `GET /api/v1/openapi.json`: the runtime as an OpenAPI document. It is written by hand; a test holds what is answered
//! to it.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use web_kit::ApiError;

use crate::gateway::Shared;

const DOCUMENT: &str = include_str!("openapi.json");

/// The document of an installation at an address.
pub(super) fn document(server: &str) -> Result<Value, serde_json::Error> {
    let mut document: Value = serde_json::from_str(DOCUMENT)?;
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document["servers"] =
        json!([{ "url": server.trim_end_matches('/'), "description": "This installation." }]);
    Ok(document)
}

/// Answers the document, to pages of every origin: it holds nothing of anybody.
pub(super) async fn open_api(State(gateway): State<Shared>) -> Result<Response, ApiError> {
    static BYTES: OnceCell<Bytes> = OnceCell::const_new();
    let write = async || {
        let document = document(gateway.app.urls.main_backend.as_str()).map_err(ApiError::internal)?;
        serde_json::to_vec(&document).map(Bytes::from).map_err(ApiError::internal)
    };
    let bytes = BYTES.get_or_try_init(write).await?.clone();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    Ok((headers, bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_part_is_used() {
        let document = document("https://pay.example.com/").unwrap();
        assert_eq!(document["servers"][0]["url"], "https://pay.example.com");
        let text = document.to_string();
        for (kind, parts) in document["components"].as_object().unwrap() {
            for name in parts.as_object().unwrap().keys() {
                assert!(text.contains(&format!("\"#/components/{kind}/{name}\"")), "nothing leads to {name}");
            }
        }
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn its_words_are_those_of_the_domain() {
        use gateway_core::domain::checkout::CheckoutStatus;
        use gateway_core::domain::provider_account::ProviderKind;
        use gateway_core::domain::transaction::TransactionStatus;
        let document = document("").unwrap();
        let words = |pointer: &str| document.pointer(pointer).unwrap().as_array().unwrap().clone();
        let schemas = "/components/schemas";
        let all: Vec<&str> = TransactionStatus::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words(&format!("{schemas}/TransactionStatus/enum")), all);
        let all: Vec<&str> = CheckoutStatus::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words(&format!("{schemas}/CheckoutStatus/enum")), all);
        let all: Vec<&str> = ProviderKind::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words(&format!("{schemas}/OfferedProvider/properties/type/enum")), all);
    }
}
