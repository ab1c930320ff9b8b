//! What the audit log calls the panel's forms: as the API calls the same operation.

use http::Method;

use super::screens::TENANT;

/// Forms that leave no entry: a challenge for a passkey, of which nothing comes unless it is answered.
pub const NOT_RECORDED: &[&str] = &["/login/passkey/begin", "/account/passkeys/begin"];

/// By the path without its tenant. One that is missing here is called by its path, and recorded all the same.
const NAMES: &[(&str, &str)] = &[
    ("/login", "login"),
    ("/login/code", "codeLogin"),
    ("/login/code/send", "sendLoginCode"),
    ("/login/passkey", "passkeyLogin"),
    ("/logout", "logout"),
    ("/setup/{token}", "setUp"),
    ("/invitation/{token}", "acceptInvitation"),
    ("/invitation/{token}/accept", "acceptInvitation"),
    ("/reset/{token}", "resetPassword"),
    ("/account/name", "updateAccount"),
    ("/account/password", "changePassword"),
    ("/account/sessions/{handle}/end", "endSession"),
    ("/account/factor/begin", "beginSecondFactor"),
    ("/account/factor/confirm", "confirmSecondFactor"),
    ("/account/factor/remove", "removeSecondFactor"),
    ("/account/factor/recovery", "renewRecoveryCodes"),
    ("/account/passkeys", "addPasskey"),
    ("/account/passkeys/{id}/remove", "removePasskey"),
    ("/people/invite", "createInvitation"),
    ("/people/invitations/{id}/revoke", "revokeInvitation"),
    ("/people/{id}/role", "updatePerson"),
    ("/people/{id}/remove", "removePerson"),
    ("/settings/name", "updateOrganization"),
    ("/settings/organizations", "createOrganization"),
    ("/transactions/{id}/refund", "refundTransaction"),
    ("/transactions/{id}/refunds/{refund}/cancel", "cancelRefund"),
    ("/transactions/{id}/capture", "captureTransaction"),
    ("/transactions/{id}/cancel", "cancelTransaction"),
    ("/transactions/{id}/confirm", "confirmTransaction"),
    ("/transactions/{id}/confirm-manual", "confirmTransactionManually"),
    ("/transactions/{id}/confirmations/{confirmation}/reverse", "reverseConfirmation"),
    ("/transactions/{id}/refunds/record", "recordRefund"),
    ("/transactions/{id}/resolve", "resolveTransactionReview"),
    ("/transactions/{id}/notifications/{delivery}/resend", "resendNotification"),
    ("/transactions/{id}/invoice", "createInvoice"),
    ("/transactions.csv", "exportTransactions"),
    ("/checkouts/new", "createCheckout"),
    ("/checkouts/example", "createExampleCheckout"),
    ("/checkouts/{id}/cancel", "cancelCheckout"),
    ("/checkouts.csv", "exportCheckouts"),
    ("/invoices/new", "createInvoice"),
    ("/invoices/{id}/edit", "updateInvoice"),
    ("/invoices/{id}/duplicate", "duplicateInvoice"),
    ("/invoices/{id}/issue", "issueInvoice"),
    ("/invoices/{id}/void", "voidInvoice"),
    ("/invoices/{id}/credit", "creditInvoice"),
    ("/invoices/{id}/send", "sendInvoice"),
    ("/invoices/{id}/record-payment", "recordInvoicePayment"),
    ("/invoices/{id}/render", "renderInvoice"),
    ("/invoices/{id}/resolve", "resolveInvoiceReview"),
    ("/invoice-series/new", "createInvoiceSeries"),
    ("/invoice-series/{id}", "updateInvoiceSeries"),
    ("/invoice-settings", "putInvoiceSettings"),
    ("/providers/new", "createProvider"),
    ("/providers/{id}/edit", "updateProvider"),
    ("/providers/{id}/toggle", "toggleProvider"),
    ("/providers/{id}/test", "testProvider"),
    ("/providers/{id}/catch-up", "catchUpProvider"),
    ("/providers/{id}/delete", "deleteProvider"),
    ("/clients/new", "createClient"),
    ("/clients/{id}/edit", "updateClient"),
    ("/clients/{id}/delete", "deleteClient"),
    ("/clients/{id}/erase", "eraseClient"),
    ("/clients/{id}/export.json", "exportClient"),
    ("/products/new", "createProduct"),
    ("/products/{id}/edit", "updateProduct"),
    ("/products/{id}/archive", "deleteProduct"),
    ("/discounts/new", "createDiscount"),
    ("/discounts/{id}/edit", "updateDiscount"),
    ("/discounts/{id}/archive", "deleteDiscount"),
    ("/sites/new", "createSite"),
    ("/sites/{id}/edit", "updateSite"),
    ("/sites/{id}/secret", "getSiteWebhookSecret"),
    ("/sites/{id}/new-secret", "regenerateSiteWebhookSecret"),
    ("/sites/{id}/test", "sendTestIpn"),
    ("/sites/{id}/domains", "createDomain"),
    ("/sites/{id}/domains/{domain}/check", "checkDomain"),
    ("/sites/{id}/domains/{domain}/delete", "deleteDomain"),
    ("/webhooks/new", "createWebhookEndpoint"),
    ("/webhooks/{id}", "updateWebhookEndpoint"),
    ("/webhooks/{id}/delete", "deleteWebhookEndpoint"),
    ("/webhooks/{id}/disable", "disableWebhookEndpoint"),
    ("/webhooks/{id}/enable", "enableWebhookEndpoint"),
    ("/webhooks/{id}/rotate", "rotateWebhookEndpointSecret"),
    ("/api-keys/new", "createApiKey"),
    ("/api-keys/{id}/rotate", "rotateApiKey"),
    ("/api-keys/{id}/revoke", "revokeApiKey"),
    ("/deliveries/recover", "recoverDeliveries"),
    ("/deliveries/{id}/resend", "resendDelivery"),
    ("/events/{id}/replay", "replayEvent"),
];

/// What a screen is called in the audit log.
pub(super) fn name(path: &str) -> String {
    let path = path.strip_prefix(TENANT).unwrap_or(path);
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == path) {
        return (*name).to_owned();
    }
    let words = path.split('/').filter(|word| !word.is_empty() && !word.starts_with('{'));
    words.collect::<Vec<_>>().join(".")
}

/// Whether a screen leaves an entry whatever comes of it. Exports read, and take everything with them; a page that
/// reads a secret says so itself, in the use case that opens it.
pub(super) fn is_recorded(method: &Method, path: &str) -> bool {
    match *method {
        Method::POST => !NOT_RECORDED.contains(&path),
        _ => path.rsplit('/').next().is_some_and(|last| last.contains(".csv")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_have_the_names_of_the_api_and_exports_are_recorded() {
        assert_eq!(name("/o/{org}/{mode}/transactions/{id}/refund"), "refundTransaction");
        assert_eq!(name("/o/{org}/{mode}/somethings/{id}/new-act"), "somethings.new-act");
        assert!(is_recorded(&Method::GET, "/o/{org}/{mode}/transactions.csv"));
        assert!(!is_recorded(&Method::GET, "/o/{org}/{mode}/transactions/{id}"));
        assert!(is_recorded(&Method::POST, "/o/{org}/{mode}/anything"));
        assert!(!is_recorded(&Method::POST, "/login/passkey/begin"));
    }
}
