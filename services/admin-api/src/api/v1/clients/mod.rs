//! Clients: a merchant's customers, and what they may ask for: a copy of what is held about them, and its end.

mod create;
mod delete;
mod erase;
mod export;
mod get;
mod list;
mod update;

pub(crate) use export::answer as export_answer;

use gateway_core::domain::{
    checkout::Address,
    client::{Client, ClientProfile},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_clients, create::create_client))
        .routes(routes!(get::get_client, update::update_client, delete::delete_client))
        .routes(routes!(export::export_client))
        .routes(routes!(erase::erase_client))
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientBody {
    /// Its id: the `clientId` of its checkouts.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// Your own id of it.
    pub reference: Option<String>,
    /// A person's name.
    pub name: Option<String>,
    /// A company's name.
    pub company: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Tax number, or VAT identification number.
    pub tax_number: Option<String>,
    /// Billing address.
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    pub billing_address: Option<Address>,
    /// What your people wrote down.
    pub notes: Option<String>,
    /// Your own pairs.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl ClientBody {
    fn of((client, profile): (Client, ClientProfile)) -> Self {
        Self {
            id: client.id.to_string(),
            mode: client.mode.as_str(),
            metadata: profile.metadata.to_json(),
            reference: client.reference,
            name: profile.name,
            company: profile.company,
            email: profile.email,
            phone: profile.phone,
            tax_number: profile.tax_number,
            billing_address: profile.billing_address,
            notes: profile.notes,
            created_at: client.created_at.to_string(),
            updated_at: client.updated_at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::jobs::render;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn exports_tell_a_client_as_the_api_shows_it() {
        let (id, at) = ("0123456789abcdef01234567", "2026-01-01T00:00:00.000Z");
        let client: Client = serde_json::from_value(json!({
            "_id": id, "org": id, "mode": "test", "reference": "c-1", "version": 1, "createdAt": at,
            "updatedAt": at,
        }))
        .unwrap();
        let profile: ClientProfile = serde_json::from_value(json!({
            "name": "Ana", "company": "Example Lda", "email": "ana@example.com", "phone": "1", "taxNumber": "2",
            "billingAddress": { "city": "Lisboa" }, "notes": "Likes blue", "m": [{ "k": "a.b", "v": "1" }],
        }))
        .unwrap();
        let told = render::client(&client, &profile);
        assert_eq!(serde_json::to_value(ClientBody::of((client, profile))).unwrap(), told);
        assert!(told.as_object().unwrap().values().all(|value| *value != Value::Null));
    }
}
