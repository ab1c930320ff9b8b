//! The look-ups that have no tenant yet. They stand here and nowhere else.

use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Binary, Document, doc},
    options::{Hint, ReturnDocument},
};

use super::{
    Store, StoreError,
    codec::{binary, oid},
};
use crate::{
    crypto::TokenHash,
    domain::{
        ApiKeyId, ImageId, Mode, OrganizationId, PersonId, ProviderEventId, ProviderId, SiteId, Timestamp,
        TransactionId,
        api_key::ApiKey,
        checkout::Checkout,
        custom_domain::CustomDomain,
        discount::DiscountClaim,
        image::ProductImage,
        invoice::{DocumentMail, Invoice},
        organization::Organization,
        provider_account::ProviderAccount,
        provider_event::ProviderEvent,
        session::Session,
        transaction::Transaction,
    },
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
        let filter = doc! { "idem.slot": binary::to_bson(slot) };
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

    /// How many documents of any tenant fit, counted along an index and no further than `limit`: for metrics.
    pub async fn count_waiting(
        &self,
        collection: &str,
        filter: Document,
        index: &str,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let collection = self.database().collection::<Document>(collection);
        let hint = Hint::Name(index.to_owned());
        Ok(collection.count_documents(filter).hint(hint).limit(limit).await?)
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

    /// Invoices with something to relay, as a majority has them.
    pub async fn due_invoice_outboxes(&self, now: Timestamp, limit: i64) -> Result<Vec<Invoice>, StoreError> {
        let collection = self.collection::<Invoice>();
        let found = collection.find(doc! { "outbox.due": { "$lte": now } });
        let found = found.read_concern(super::majority());
        Ok(found.sort(doc! { "outbox.due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Drafts that wait for their number.
    pub async fn due_numberings(&self, now: Timestamp, limit: i64) -> Result<Vec<Invoice>, StoreError> {
        let collection = self.collection::<Invoice>();
        let found = collection.find(doc! { "issueDue": { "$lte": now } });
        Ok(found.sort(doc! { "issueDue": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Takes the lane of a series, unless somebody holds it.
    pub async fn claim_numbering_lane(
        &self,
        lane: &str,
        token: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut filter = doc! { "_id": lane, "until": { "$lte": now } };
        if !crate::fault::Recovery::LeaseExpiry.is_on() {
            filter.insert("token", doc! { "$exists": false });
        }
        let lanes = self.database().collection::<mongodb::bson::Document>(NUMBERING_LANES);
        let update = doc! { "$set": { "token": token, "until": until } };
        let claimed = lanes.update_one(filter, update).upsert(true).await.map_err(StoreError::from);
        match claimed {
            Ok(_) => Ok(true),
            // It is there and held: the upsert met its id.
            Err(StoreError::Duplicate) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets the lane of a series go, if it is still the holder's.
    pub async fn release_numbering_lane(
        &self,
        lane: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let lanes = self.database().collection::<mongodb::bson::Document>(NUMBERING_LANES);
        let update = doc! { "$set": { "until": now }, "$unset": { "token": "" } };
        lanes.update_one(doc! { "_id": lane, "token": token }, update).await?;
        Ok(())
    }

    /// Issued documents whose files are not made yet, as a majority has them: a file of what a fail-over takes
    /// back would show a number that another gets.
    pub async fn due_renderings(&self, now: Timestamp, limit: i64) -> Result<Vec<Invoice>, StoreError> {
        let collection = self.collection::<Invoice>();
        let found = collection.find(doc! { "rendering.due": { "$lte": now } });
        let found = found.read_concern(super::majority());
        Ok(found.sort(doc! { "rendering.due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Mails whose time has come, as a majority has them.
    pub async fn due_mails(&self, now: Timestamp, limit: i64) -> Result<Vec<DocumentMail>, StoreError> {
        let collection = self.collection::<DocumentMail>();
        let found = collection.find(doc! { "due": { "$lte": now } });
        let found = found.read_concern(super::majority());
        Ok(found.sort(doc! { "due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Takes expired idempotency records out of checkouts and invoices; answers how many.
    pub async fn sweep_idempotency(&self, now: Timestamp) -> Result<u64, StoreError> {
        let filter = doc! { "idem.expiresAt": { "$lte": now } };
        let unset = doc! { "$unset": { "idem": "" } };
        let checkouts = self.collection::<Checkout>().update_many(filter.clone(), unset.clone()).await?;
        let invoices = self.collection::<Invoice>().update_many(filter, unset).await?;
        Ok(checkouts.modified_count + invoices.modified_count)
    }

    /// Uses of discounts that may have been left behind.
    pub async fn due_claims(&self, now: Timestamp, limit: i64) -> Result<Vec<DiscountClaim>, StoreError> {
        let collection = self.collection::<DiscountClaim>();
        let found = collection.find(doc! { "due": { "$lte": now } });
        Ok(found.sort(doc! { "due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Takes a picture that is to be fetched, and puts it off to `again` for everybody else.
    pub async fn take_due_image(
        &self,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<Option<ProductImage>, StoreError> {
        let filter = doc! { "due": { "$lte": now } };
        let update = doc! { "$set": { "due": again, "updatedAt": now }, "$inc": { "attempts": 1_i64 } };
        let collection = self.collection::<ProductImage>();
        let taken = collection.find_one_and_update(filter, update).sort(doc! { "due": 1 });
        Ok(taken.return_document(ReturnDocument::After).await?)
    }

    /// A picture by the id in its address, which nobody guesses.
    pub async fn lookup_image(&self, id: ImageId) -> Result<Option<ProductImage>, StoreError> {
        Ok(self.collection::<ProductImage>().find_one(doc! { "_id": oid(id) }).await?)
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

/// The collection of leases on series of numbers.
const NUMBERING_LANES: &str = "numbering_lanes";

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

/// The collection of browsers' sessions.
const SESSIONS: &str = "sessions";

/// A hash of a token as a filter holds it.
fn hashed(hash: &TokenHash) -> Binary {
    binary::to_bson(&hash.to_bytes())
}

/// Sessions: a token names its person, and the person their organizations.
impl Store {
    fn sessions(&self) -> Collection<Session> {
        self.database().collection(SESSIONS)
    }

    /// Makes a session.
    pub(crate) async fn insert_session(&self, session: &Session) -> Result<(), StoreError> {
        self.sessions().insert_one(session).await?;
        Ok(())
    }

    /// The session of a token, hashed under every loaded key. From a majority: what a log-out took away must not
    /// come back.
    pub(crate) async fn lookup_session(&self, hashes: &[TokenHash]) -> Result<Option<Session>, StoreError> {
        let hashes: Vec<Binary> = hashes.iter().map(hashed).collect();
        let sessions = self.sessions();
        let found = sessions.find_one(doc! { "_id": { "$in": hashes } });
        Ok(found.read_concern(super::majority()).await?)
    }

    /// Writes down that a session is used.
    pub(crate) async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        let seen = doc! { "lastSeenAt": session.last_seen_at, "expiresAt": session.expires_at };
        self.sessions().update_one(doc! { "_id": hashed(&session.id) }, doc! { "$set": seen }).await?;
        Ok(())
    }

    /// Shows another organization or mode.
    pub(crate) async fn switch_session(
        &self,
        session: &TokenHash,
        organization: OrganizationId,
        mode: Mode,
    ) -> Result<(), StoreError> {
        let shown = doc! { "org": organization, "mode": mode };
        self.sessions().update_one(doc! { "_id": hashed(session) }, doc! { "$set": shown }).await?;
        Ok(())
    }

    /// A person's sessions, the newest first.
    pub(crate) async fn sessions_of(&self, person: PersonId) -> Result<Vec<Session>, StoreError> {
        let sessions = self.sessions();
        let found = sessions.find(doc! { "person": person });
        Ok(found.sort(doc! { "createdAt": -1 }).await?.try_collect().await?)
    }

    /// Takes a session away.
    pub(crate) async fn delete_session(&self, session: &TokenHash) -> Result<(), StoreError> {
        self.sessions().delete_one(doc! { "_id": hashed(session) }).await?;
        Ok(())
    }

    /// Takes a person's sessions away, all but one.
    pub(crate) async fn delete_sessions_of(
        &self,
        person: PersonId,
        kept: Option<&TokenHash>,
    ) -> Result<(), StoreError> {
        let mut filter = doc! { "person": person };
        if let Some(kept) = kept {
            filter.insert("_id", doc! { "$ne": hashed(kept) });
        }
        self.sessions().delete_many(filter).await?;
        Ok(())
    }
}
