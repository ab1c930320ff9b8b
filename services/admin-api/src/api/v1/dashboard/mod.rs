//! The dashboard: what the payments of the last days came to.

mod get;

use gateway_core::app::dashboard::{Compared, Dashboard, Figures};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get::get_dashboard))
}

/// What payments came to. A figure belongs to the day (UTC) on which its payment was begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardBody {
    /// Days in the period, today included.
    pub days: i64,
    /// The period's first moment.
    pub from: String,
    /// Its end: now.
    pub to: String,
    /// ISO 4217, of all amounts; absent where nothing was ever begun.
    pub currency: Option<String>,
    /// Every currency of the period and the one before, the most used first.
    pub currencies: Vec<String>,
    /// The period.
    pub total: FiguresBody,
    /// As many days before it.
    pub before: FiguresBody,
    /// Each day of the period, the oldest first.
    pub by_day: Vec<DayBody>,
    /// By provider, the largest first.
    pub by_provider: Vec<PartBody>,
    /// By site, the largest first.
    pub by_site: Vec<PartBody>,
    /// What a person should look at, in any currency; counted to 1000.
    pub needs_look: NeedsLookBody,
}

/// Sums of payments, amounts in minor units.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FiguresBody {
    /// Payments begun.
    pub begun: i64,
    /// Of these: paid, whatever became of the money later.
    pub paid: i64,
    /// Of these: failed, cancelled or expired.
    pub unpaid: i64,
    /// Paid ones in a thousand that have ended; absent where none has.
    pub success_per_mille: Option<i64>,
    /// Taken.
    pub volume: i64,
    /// Given back.
    pub refunded: i64,
    /// Lost in disputes.
    pub lost: i64,
    /// `volume` without `refunded` and `lost`. Providers' fees are not known here.
    pub net: i64,
}

/// A day.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayBody {
    /// Such as 2030-01-31.
    pub date: String,
    /// What its payments came to.
    #[serde(flatten)]
    pub figures: FiguresBody,
}

/// A provider's or site's part.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartBody {
    /// Its id; absent for payments without a provider, where nothing was to be taken.
    pub id: Option<String>,
    /// The period.
    pub total: FiguresBody,
    /// As many days before it.
    pub before: FiguresBody,
}

/// What a person should look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct NeedsLookBody {
    /// Transactions that are flagged.
    pub reviews: u64,
    /// Open disputes.
    pub disputes: u64,
    /// Providers' events that could not be applied.
    pub events: u64,
    /// Messages to the shop that did not arrive, of this period.
    pub deliveries: u64,
}

impl From<&Figures> for FiguresBody {
    fn from(of: &Figures) -> Self {
        Self {
            begun: of.begun,
            paid: of.paid,
            unpaid: of.unpaid,
            success_per_mille: of.success_per_mille(),
            volume: of.volume,
            refunded: of.refunded,
            lost: of.lost,
            net: of.net(),
        }
    }
}

fn part(id: Option<String>, of: &Compared) -> PartBody {
    PartBody { id, total: (&of.now).into(), before: (&of.before).into() }
}

impl From<&Dashboard> for DashboardBody {
    fn from(of: &Dashboard) -> Self {
        let date =
            |at: gateway_core::domain::Timestamp| at.to_string().get(..10).unwrap_or_default().to_owned();
        Self {
            days: of.period.days(),
            from: of.from.to_string(),
            to: of.to.to_string(),
            currency: of.currency.map(|currency| currency.to_string()),
            currencies: of.currencies.iter().map(ToString::to_string).collect(),
            total: (&of.total.now).into(),
            before: (&of.total.before).into(),
            by_day: of
                .days
                .iter()
                .map(|(day, figures)| DayBody { date: date(*day), figures: (&figures.now).into() })
                .collect(),
            by_provider: of
                .providers
                .iter()
                .map(|(id, figures)| part(id.map(|id| id.to_string()), figures))
                .collect(),
            by_site: of.sites.iter().map(|(id, figures)| part(Some(id.to_string()), figures)).collect(),
            needs_look: NeedsLookBody {
                reviews: of.attention.reviews,
                disputes: of.attention.disputes,
                events: of.attention.events,
                deliveries: of.attention.deliveries,
            },
        }
    }
}
