//! Which of its pages a checkout shows: a function of the checkout and its transactions.

use gateway_core::app::start_payment::{Unpayable, payable};
use gateway_core::app::{App, AppError, customer};
use gateway_core::domain::ProviderId;
use gateway_core::domain::checkout::Checkout;
use gateway_core::domain::transaction::{Transaction, TransactionStatus};

/// How far a checkout has come.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// Nothing was tried, or what was tried (with this provider) is over: choose a method.
    Choose(Option<ProviderId>),
    /// A payment was begun; the provider has heard nothing of the money yet.
    Begun(Box<Transaction>),
    /// The money is on its way.
    Pending(Box<Transaction>),
    /// Reserved.
    Authorized(Box<Transaction>),
    /// Money was taken; what became of it since is in the transaction.
    Paid(Box<Transaction>),
    /// The newest try failed, and another may follow.
    Failed(Box<Transaction>),
    /// Nothing can be paid here any more.
    Over(Unpayable),
}

impl Stage {
    /// Works it out. Money counts for more than the checkout's own state: a debit that is on its way when
    /// the checkout expires is still on its way.
    pub(super) async fn of(app: &App, checkout: &Checkout) -> Result<Self, AppError> {
        let mut transactions = customer::transactions_of(app, checkout).await?;
        let paying = |t: &Transaction| checkout.paid_by == Some(t.id) || t.succeeded_at.is_some();
        if let Some(index) = transactions.iter().position(paying) {
            return Ok(Self::Paid(Box::new(transactions.swap_remove(index))));
        }
        let open = transactions.iter().position(|t| t.status.is_open());
        let open = open.map(|index| Box::new(transactions.swap_remove(index)));
        let over = payable(app, checkout).await?.err();
        Ok(match (open, over) {
            (Some(open), over) if is_on_its_way(&open, over) => Self::Pending(open),
            (Some(open), _) if open.status == TransactionStatus::Authorized => Self::Authorized(open),
            (_, Some(reason)) => Self::Over(reason),
            (Some(open), None) => Self::Begun(open),
            (None, None) => match transactions.into_iter().next() {
                Some(newest) if newest.status == TransactionStatus::Failed => Self::Failed(Box::new(newest)),
                newest => Self::Choose(newest.and_then(|newest| newest.provider_id)),
            },
        })
    }

    /// The word that tells pages apart while they wait: a waiting page reloads when it changes.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Choose(_) => "open",
            Self::Begun(t) | Self::Pending(t) | Self::Authorized(t) | Self::Paid(t) | Self::Failed(t) => {
                t.status.as_str()
            }
            Self::Over(Unpayable::Paid) => "paid",
            Self::Over(Unpayable::Expired) => "expired",
            Self::Over(Unpayable::Cancelled) => "cancelled",
            Self::Over(Unpayable::Superseded) => "superseded",
        }
    }

    /// Whether a page that shows it has nothing to wait for.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(self, Self::Choose(_) | Self::Begun(_) | Self::Pending(_))
    }
}

/// Money on its way counts whatever the checkout says. A transfer that nobody has seen anything of outlives its
/// checkout's time, which its customer was not given, but not its end by the shop or by a newer checkout.
fn is_on_its_way(open: &Transaction, over: Option<Unpayable>) -> bool {
    if open.status != TransactionStatus::Pending || open.was_declined() {
        return false;
    }
    !open.may_be_given_up() || matches!(over, None | Some(Unpayable::Expired))
}
