//! `POST /v1/organizations`.

use axum::extract::State;
use gateway_core::app::organizations;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::get::OrganizationBody;
use crate::{authority::SomePerson, state::AppState};

/// An organization to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrganization {
    /// What people call it, at most 100 characters.
    name: String,
}

/// Make an organization and become its Admin.
///
/// Asks for the access token of a system administrator; refresh it for
/// the new organization afterwards.
#[utoipa::path(
    post, path = "/organizations", tag = "organizations", operation_id = "createOrganization",
    request_body = CreateOrganization,
    responses((status = 201, description = "The organization.", body = OrganizationBody)),
    extensions(("x-person" = json!(true))),
)]
pub async fn create_organization(
    State(state): State<AppState>,
    me: SomePerson,
    Json(input): Json<CreateOrganization>,
) -> Result<(StatusCode, Json<OrganizationBody>), ApiError> {
    let made = organizations::create(&state.app, me.person.id, &input.name).await?;
    Ok((StatusCode::CREATED, Json(OrganizationBody::from(&made))))
}
