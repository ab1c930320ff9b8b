//! `POST /v1/clients`.

use axum::extract::State;
use gateway_core::app::settings::clients::{self, ClientSettings};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::ClientBody;
use crate::{
    api::{
        body::{nullable, object_or_nothing},
        v1::checkouts::{NewAddress, Pairs},
    },
    authority::{Caller, ClientCreate},
    state::AppState,
};

/// A client. In a change, what is absent stays as it is and `null` takes a value out.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientInput {
    /// Your own id of it, at most 64 characters, unique among your clients. Checkouts that name it as their
    /// `clientId` are this client's. It is not encrypted: let it be a number rather than a name.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    reference: Option<Option<String>>,
    /// A person's name, whole, at most 500 characters. This, `company` or `email` is required.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// A company's name.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    company: Option<Option<String>>,
    /// E-mail address.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Telephone, at most 64 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// Tax number, or VAT identification number, at most 64 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    tax_number: Option<Option<String>>,
    /// Billing address. A change replaces all of it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<NewAddress>)]
    billing_address: Option<Option<NewAddress>>,
    /// For your people, at most 5,000 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    notes: Option<Option<String>>,
    /// Your own pairs: at most 50, keys of 40 and values of 500 characters. A change replaces all.
    #[serde(default, deserialize_with = "object_or_nothing")]
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    metadata: Option<Pairs>,
}

impl ClientInput {
    /// What the use case takes.
    pub fn into_settings(self) -> ClientSettings {
        ClientSettings {
            reference: self.reference,
            name: self.name,
            company: self.company,
            email: self.email,
            phone: self.phone,
            tax_number: self.tax_number,
            billing_address: self.billing_address.map(|address| address.and_then(NewAddress::into_address)),
            notes: self.notes,
            metadata: self.metadata.map(|pairs| pairs.0),
            ..ClientSettings::default()
        }
    }
}

/// Create a client.
///
/// Name it by its id as the `clientId` of checkouts: they take over the e-mail address and the billing address that
/// the request leaves out.
#[utoipa::path(
    post, path = "/clients", tag = "clients", operation_id = "createClient",
    request_body = ClientInput,
    responses((status = 201, description = "The client.", body = ClientBody)),
    extensions(("x-required-scope" = json!("client:create"))),
)]
pub async fn create_client(
    State(state): State<AppState>,
    caller: Caller<ClientCreate>,
    Json(input): Json<ClientInput>,
) -> Result<(StatusCode, Json<ClientBody>), ApiError> {
    let made = clients::create(&state.app, caller.tenant(), input.into_settings()).await?;
    Ok((StatusCode::CREATED, Json(ClientBody::of(made))))
}
