//! The look-ups that have no tenant yet. They stand here and nowhere else.

use futures::TryStreamExt;
use mongodb::bson::doc;

use super::{Store, StoreError, codec::oid};
use crate::domain::{
    ApiKeyId, OrganizationId, ProviderEventId, ProviderId, SiteId, Timestamp, TransactionId, api_key::ApiKey,
    checkout::Checkout, custom_domain::CustomDomain, organization::Organization,
    provider_account::ProviderAccount, provider_event::ProviderEvent, transaction::Transaction,
};

impl Store {
    /// A key by the id that its bearer presents.
    pub async fn lookup_api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.collection::<ApiKey>().find_one(doc! { "_id": oid(id) }).await?)
    }

    /// A provider account by the id in a webhook's path.
    pub async fn lookup_provider(&self, id: ProviderId) -> Result<Option<ProviderAccount>, StoreError> {
        Ok(self.collection::<ProviderAccount>().find_one(doc! { "_id": oid(id) }).await?)
    }

    /// Who has verified a host.
    pub async fn lookup_verified_domain(&self, host: &str) -> Result<Option<CustomDomain>, StoreError> {
        let filter = doc! { "host": host, "state": "verified" };
        Ok(self.collection::<CustomDomain>().find_one(filter).await?)
    }

    /// A checkout by the code in its `paymentUrl`.
    pub async fn lookup_checkout_by_code(&self, short_code: &str) -> Result<Option<Checkout>, StoreError> {
        Ok(self.collection::<Checkout>().find_one(doc! { "shortCode": short_code }).await?)
    }

    /// A checkout by its public id.
    pub async fn lookup_checkout_by_public_id(
        &self,
        public_id: &str,
    ) -> Result<Option<Checkout>, StoreError> {
        Ok(self.collection::<Checkout>().find_one(doc! { "publicId": public_id }).await?)
    }

    /// The checkout that holds an idempotency slot, as a majority has it.
    pub async fn lookup_checkout_by_slot(&self, slot: &[u8; 16]) -> Result<Option<Checkout>, StoreError> {
        let filter = doc! { "idem.slot": super::codec::binary::to_bson(slot) };
        Ok(self.collection::<Checkout>().find_one(filter).read_concern(super::majority()).await?)
    }

    /// A transaction by the id that a customer's page names; the caller compares the session's proof.
    pub async fn lookup_transaction(&self, id: TransactionId) -> Result<Option<Transaction>, StoreError> {
        Ok(self.collection::<Transaction>().find_one(doc! { "_id": oid(id) }).await?)
    }

    /// An event in the inbox.
    pub async fn lookup_event(&self, id: ProviderEventId) -> Result<Option<ProviderEvent>, StoreError> {
        Ok(self.collection::<ProviderEvent>().find_one(doc! { "_id": oid(id) }).await?)
    }

    /// Events whose time has come.
    pub async fn due_events(&self, now: Timestamp, limit: i64) -> Result<Vec<ProviderEvent>, StoreError> {
        let collection = self.collection::<ProviderEvent>();
        let found = collection.find(doc! { "due": { "$lte": now } });
        Ok(found.sort(doc! { "due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Transactions that the reconciler should look at.
    pub async fn due_reconciles(&self, now: Timestamp, limit: i64) -> Result<Vec<Transaction>, StoreError> {
        let collection = self.collection::<Transaction>();
        let found = collection.find(doc! { "reconcile.due": { "$lte": now } });
        Ok(found.sort(doc! { "reconcile.due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Payments under way of these orders, each a site and its reference. A site belongs to one tenant.
    pub async fn open_transactions_of(
        &self,
        orders: &[(SiteId, &str)],
    ) -> Result<Vec<Transaction>, StoreError> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let of_order =
            |(site, reference)| doc! { "siteId": site, "externalReference": reference, "open": true };
        let filters: Vec<_> = orders.iter().copied().map(of_order).collect();
        let collection = self.collection::<Transaction>();
        Ok(collection.find(doc! { "$or": filters }).await?.try_collect().await?)
    }

    /// Checkouts whose time has run out.
    pub async fn due_expiries(&self, now: Timestamp, limit: i64) -> Result<Vec<Checkout>, StoreError> {
        let collection = self.collection::<Checkout>();
        let found = collection.find(doc! { "expiryDue": { "$lte": now } });
        Ok(found.sort(doc! { "expiryDue": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Checkouts with something to relay, as a majority has them: what a fail-over takes back was never said.
    pub async fn due_checkout_outboxes(
        &self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Checkout>, StoreError> {
        let collection = self.collection::<Checkout>();
        let found = collection.find(doc! { "outbox.due": { "$lte": now } });
        let found = found.read_concern(super::majority());
        Ok(found.sort(doc! { "outbox.due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Transactions with something to relay, as a majority has them.
    pub async fn due_transaction_outboxes(
        &self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Transaction>, StoreError> {
        let collection = self.collection::<Transaction>();
        let found = collection.find(doc! { "outbox.due": { "$lte": now } });
        let found = found.read_concern(super::majority());
        Ok(found.sort(doc! { "outbox.due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Takes expired idempotency records out of checkouts; answers how many.
    pub async fn sweep_idempotency(&self, now: Timestamp) -> Result<u64, StoreError> {
        let filter = doc! { "idem.expiresAt": { "$lte": now } };
        let collection = self.collection::<Checkout>();
        let done = collection.update_many(filter, doc! { "$unset": { "idem": "" } });
        Ok(done.await?.modified_count)
    }

    /// An organization.
    pub async fn lookup_organization(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        let collection = self.database().collection::<Organization>(ORGANIZATIONS);
        Ok(collection.find_one(doc! { "_id": oid(id) }).await?)
    }

    /// Every organization.
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let collection = self.database().collection::<Organization>(ORGANIZATIONS);
        Ok(collection.find(doc! {}).await?.try_collect().await?)
    }

    /// Makes an organization.
    pub async fn insert_organization(&self, organization: &Organization) -> Result<(), StoreError> {
        self.database().collection::<Organization>(ORGANIZATIONS).insert_one(organization).await?;
        Ok(())
    }
}

/// The collection of organizations.
pub const ORGANIZATIONS: &str = "organizations";

impl Store {
    /// An organization's providers of a kind, oldest first: for the webhook address `_`.
    pub async fn providers_of_kind(
        &self,
        organization: OrganizationId,
        kind: crate::domain::provider_account::ProviderKind,
    ) -> Result<Vec<ProviderAccount>, StoreError> {
        let filter = doc! { "org": organization, "type": kind.as_str() };
        let collection = self.collection::<ProviderAccount>();
        Ok(collection.find(filter).sort(doc! { "_id": 1 }).limit(10).await?.try_collect().await?)
    }
}
