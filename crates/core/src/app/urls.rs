//! The addresses that customers follow.

use url::Url;

use super::App;
use crate::domain::ProviderId;
use crate::domain::provider_account::ProviderKind;

impl App {
    /// `paymentUrl` of a checkout.
    pub fn payment_url(&self, short_code: &str) -> Url {
        self.checkout_url(short_code, "")
    }

    /// Where a provider sends a customer who finished.
    pub fn return_url(&self, short_code: &str) -> Url {
        self.checkout_url(short_code, "/return")
    }

    /// Where a provider sends a customer who gave up.
    pub fn back_url(&self, short_code: &str) -> Url {
        self.checkout_url(short_code, "/back")
    }

    /// The webhook address to register at a provider.
    pub fn webhook_url(&self, kind: ProviderKind, id: ProviderId) -> Url {
        let mut url = self.urls.main_backend.clone();
        url.set_path(&format!("/hooks/{kind}/{id}"));
        url
    }

    fn checkout_url(&self, short_code: &str, rest: &str) -> Url {
        let mut url = self.urls.main_frontend.clone();
        url.set_path(&format!("/checkout/{short_code}{rest}"));
        url
    }
}
