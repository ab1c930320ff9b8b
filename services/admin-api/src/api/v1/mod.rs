//! Version 1: a folder per resource, a file per operation.

pub mod audit_log;
pub mod auth;
pub mod checkouts;
pub mod clients;
pub mod credit_notes;
pub mod dashboard;
pub mod deliveries;
pub mod discounts;
pub mod domains;
pub mod events;
pub mod invitations;
pub mod invoice_series;
pub mod invoice_settings;
pub mod invoices;
pub mod orders;
pub mod organizations;
pub mod people;
pub mod products;
pub mod providers;
pub mod sites;
pub mod transactions;
pub mod webhook_endpoints;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every operation.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(checkouts::router())
        .merge(transactions::router())
        .merge(orders::router())
        .merge(dashboard::router())
        .merge(invoices::router())
        .merge(credit_notes::router())
        .merge(invoice_series::router())
        .merge(invoice_settings::router())
        .merge(sites::router())
        .merge(providers::router())
        .merge(clients::router())
        .merge(products::router())
        .merge(discounts::router())
        .merge(organizations::router())
        .merge(people::router())
        .merge(invitations::router())
        .merge(auth::router())
        .merge(audit_log::router())
        .merge(webhook_endpoints::router())
        .merge(deliveries::router())
        .merge(events::router())
        .merge(domains::router())
}
