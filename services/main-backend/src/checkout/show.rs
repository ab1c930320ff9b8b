//! `GET /checkout/{code}`: the page that fits how far the checkout has come.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use gateway_core::app::start_payment::{Unpayable, offered_providers, settle_free};
use gateway_core::domain::checkout::CheckoutStatus;
use gateway_core::domain::transaction::{Transaction, TransactionStatus};
use gateway_core::domain::{ProviderId, Timestamp};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use web_kit::headers::Nonce;
use web_kit::{ApiError, Path, Query};

use super::methods;
use super::pages::{
    AlreadyPaidPage, AuthorizedPage, CancelledPage, DisputedPage, ExpiredPage, FailedPage, Live, PaidPage,
    RefundedPage, Retry, SupersededPage, WaitingPage,
};
use super::stage::Stage;
use super::transfer;
use super::view::{Browser, View};
use crate::gateway::Shared;

/// After this a paid checkout says "already paid" instead of "thank you" and sends nobody to the shop.
const FRESHLY_PAID: Duration = Duration::from_mins(10);

/// How long a customer who came back waits for the provider's word before they may choose again.
const RETURN_PATIENCE: Duration = Duration::from_mins(2);

/// What our own redirects say to the page. Anything unreadable counts as absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ShowQuery {
    /// When the customer came back from the provider, in Unix seconds.
    #[serde(default)]
    returned: Option<String>,
    /// Present: show the methods even though the newest try failed.
    #[serde(default)]
    choose: Option<String>,
    /// `stopped`: say that the customer stopped at the provider.
    #[serde(default)]
    notice: Option<String>,
    /// Present: ask for the billing address, though one is known.
    #[serde(default)]
    address: Option<String>,
    /// Present: the customer wants to pay although another payment of the order is there.
    #[serde(default)]
    second: Option<String>,
}

impl ShowQuery {
    /// Whether the methods are asked for, whatever became of the newest try.
    fn is_choice(&self) -> bool {
        let asked = [&self.choose, &self.notice, &self.address, &self.second];
        asked.iter().any(|asked| asked.is_some())
    }
}

/// Shows a checkout.
pub(super) async fn show(
    State(gateway): State<Shared>,
    Path(code): Path<String>,
    Query(query): Query<ShowQuery>,
    nonce: Nonce,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut view = View::by_code(&gateway, &code, Browser { nonce, headers }).await?;
    view.second = query.second.is_some();
    if view.checkout.amount == 0 && view.checkout.status == CheckoutStatus::Open {
        settle_free(&gateway.app, &view.checkout).await?;
        view.refresh().await?;
    }
    let mut stage = Stage::of(&gateway.app, &view.checkout).await?;
    let is_back = just_returned(query.returned.as_deref(), gateway.app.now());
    if let (true, Stage::Begun(transaction)) = (is_back, &stage) {
        gateway.confirm(transaction).await;
        view.refresh().await?;
        stage = Stage::of(&gateway.app, &view.checkout).await?;
    }
    match &stage {
        Stage::Begun(transaction) if is_back => waiting(&view, &stage, transaction).await,
        Stage::Begun(transaction) => choose(&view, transaction.provider_id, &query).await,
        Stage::Choose(last) => choose(&view, *last, &query).await,
        Stage::Failed(failed) if query.is_choice() => choose(&view, failed.provider_id, &query).await,
        Stage::Failed(failed) => failed_page(&view, failed).await,
        Stage::Pending(waiting) if query.is_choice() && waiting.may_be_given_up() && view.is_payable() => {
            choose(&view, waiting.provider_id, &query).await
        }
        Stage::Pending(transaction) if transaction.awaits_transfer() => {
            match transfer::page(&view, &stage, transaction).await? {
                Some(page) => Ok(page),
                None => waiting(&view, &stage, transaction).await,
            }
        }
        Stage::Pending(transaction) => waiting(&view, &stage, transaction).await,
        Stage::Authorized(transaction) => authorized(&view, transaction).await,
        Stage::Paid(transaction) => paid(&view, transaction).await,
        Stage::Over(reason) => over(&view, *reason).await,
    }
}

fn just_returned(returned: Option<&str>, now: Timestamp) -> bool {
    let at = returned.and_then(|text| text.parse().ok()).map(Timestamp::from_seconds);
    at.is_some_and(|at| now.since(at) < RETURN_PATIENCE)
}

async fn choose(view: &View, chosen: Option<ProviderId>, query: &ShowQuery) -> Result<Response, ApiError> {
    if let Some(asks) = view.asks().await? {
        return view.ask(asks).await;
    }
    let mut page = view.pay_page(chosen).await?;
    if query.address.is_some() {
        page.address = view.address_form();
    }
    if query.notice.as_deref() == Some("stopped") {
        page.alert = Some(view.text().reason_cancelled.to_owned());
    }
    let mut response = view.respond(&page);
    // Here an alert is news, not a refused form.
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

async fn waiting(view: &View, stage: &Stage, transaction: &Transaction) -> Result<Response, ApiError> {
    let is_pending = transaction.status == TransactionStatus::Pending;
    let path = view.path();
    // Leaving makes sense once the provider has the order to pay.
    let shop_url = if is_pending { view.return_link(Some(transaction)).await? } else { None };
    Ok(view.respond(&WaitingPage {
        shell: view.shell(),
        amount: view.total(),
        receipt: view.receipt(transaction),
        takes_days: is_pending && transaction.provider_kind.is_some_and(methods::takes_days),
        live: Live {
            status_url: format!("{path}/status"),
            events_url: Some(format!("{path}/events")),
            current: stage.word().to_owned(),
        },
        url: format!("{path}/return"),
        choose_url: (!is_pending).then_some(path),
        shop_url,
    }))
}

async fn authorized(view: &View, transaction: &Transaction) -> Result<Response, ApiError> {
    Ok(view.respond(&AuthorizedPage {
        shell: view.shell(),
        amount: view.total(),
        receipt: view.receipt(transaction),
        return_url: view.return_link(Some(transaction)).await?,
    }))
}

async fn paid(view: &View, transaction: &Transaction) -> Result<Response, ApiError> {
    let (shell, amount, receipt) =
        (view.shell(), view.amount(transaction.captured), view.receipt(transaction));
    let link = view.return_link(Some(transaction)).await?;
    match transaction.status {
        TransactionStatus::Refunded | TransactionStatus::PartiallyRefunded => {
            let refunded = view.amount(transaction.refunded);
            let partly = transaction.status == TransactionStatus::PartiallyRefunded;
            Ok(view.respond(&RefundedPage { shell, amount, refunded, partly, receipt, shop_url: link }))
        }
        TransactionStatus::Disputed | TransactionStatus::Lost => {
            Ok(view.respond(&DisputedPage { shell, amount, receipt, shop_url: link }))
        }
        TransactionStatus::Failed => Ok(view.respond(&FailedPage {
            shell,
            reason: methods::reason(transaction),
            amount: view.total(),
            retry: None,
            choose_url: None,
            receipt: Some(receipt),
            shop_url: view.cancel_link().await?,
        })),
        _ => {
            let now = view.gateway.app.now();
            let is_fresh = transaction.succeeded_at.is_none_or(|at| now.since(at) < FRESHLY_PAID);
            Ok(if is_fresh {
                view.respond(&PaidPage { shell, amount, receipt, return_url: link })
            } else {
                view.respond(&AlreadyPaidPage { shell, amount, receipt, shop_url: link })
            })
        }
    }
}

async fn failed_page(view: &View, transaction: &Transaction) -> Result<Response, ApiError> {
    if let Some(asks) = view.asks().await? {
        return view.ask(asks).await;
    }
    let offered = offered_providers(&view.gateway.app, &view.checkout).await?;
    let failed = offered.iter().find(|offered| Some(offered.id) == transaction.provider_id);
    let retry = failed.map(|provider| Retry {
        form_action: view.pay_path(),
        session_public_id: view.checkout.public_id.clone(),
        provider: provider.id.to_string(),
        minor: view.checkout.amount,
    });
    // The page with all methods says nothing new where there is one, and it has just been shown to fail.
    let has_choice = retry.is_none() || offered.len() > 1 || view.checkout.has_entered_code();
    Ok(view.respond(&FailedPage {
        shell: view.shell(),
        reason: methods::reason(transaction),
        amount: view.total(),
        retry,
        choose_url: has_choice.then(|| format!("{}?choose=1", view.path())),
        receipt: None,
        shop_url: view.cancel_link().await?,
    }))
}

async fn over(view: &View, reason: Unpayable) -> Result<Response, ApiError> {
    let shell = view.shell();
    Ok(match reason {
        Unpayable::Paid => view.respond(&AlreadyPaidPage {
            shell,
            amount: view.total(),
            receipt: super::pages::Receipt::default(),
            shop_url: view.return_link(None).await?,
        }),
        Unpayable::Expired => view.respond(&ExpiredPage { shell, shop_url: view.cancel_link().await? }),
        Unpayable::Cancelled => view.respond(&CancelledPage { shell, shop_url: view.cancel_link().await? }),
        Unpayable::Superseded => view.respond(&SupersededPage { shell, shop_url: view.cancel_link().await? }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_is_remembered_for_two_minutes() {
        let now = Timestamp::from_seconds(1_700_000_000);
        assert!(just_returned(Some("1699999990"), now));
        assert!(!just_returned(Some("1699999000"), now));
        assert!(!just_returned(Some("soon"), now));
        assert!(!just_returned(None, now));
    }
}
