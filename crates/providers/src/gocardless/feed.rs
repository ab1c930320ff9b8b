//! `GoCardless`'s own list of events.

use gateway_core::provider::{Account, EventsPage, EventsQuery, ProviderError};

use super::{GoCardless, incoming};

/// Events per page: the most that `GoCardless` gives.
const PAGE_LIMIT: &str = "500";

impl GoCardless {
    /// A page of events, newest first. The list takes no filter by several resources, so all of them come.
    pub(super) async fn list_events(
        &self,
        account: &Account,
        query: EventsQuery<'_>,
    ) -> Result<EventsPage, ProviderError> {
        let since = query.since.to_string();
        let mut parameters = vec![("limit", PAGE_LIMIT), ("created_at[gte]", since.as_str())];
        if let Some(after) = query.after {
            parameters.push(("after", after));
        }
        let (events, next, _) = self.list_raw(account, "events", &parameters).await?;
        Ok(EventsPage { events: events.iter().map(|raw| incoming(raw)).collect(), next })
    }
}
