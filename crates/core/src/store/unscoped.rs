//! The look-ups that have no tenant yet. They stand here and nowhere else.

use std::{collections::HashSet, time::Duration};

use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Binary, Bson, Document, doc},
    error::TRANSIENT_TRANSACTION_ERROR,
    options::{Hint, ReturnDocument},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Entity, Store, StoreError,
    codec::{binary, oid},
    indexes::VERIFIED_HOST,
};
use crate::{
    crypto::TokenHash,
    domain::{
        ApiKeyId, ImageId, OrganizationId, ProviderEventId, ProviderId, SiteId, Timestamp, TransactionId,
        api_key::ApiKey,
        audit::{AuditDraft, AuditHead},
        checkout::Checkout,
        client::Client,
        custom_domain::CustomDomain,
        discount::DiscountClaim,
        image::{ATTEMPTS_MAX, ProductImage},
        invitation::Invitation,
        invoice::Invoice,
        link::{Challenge, Link, RefreshToken, SignInCode},
        organization::Organization,
        person::Person,
        provider_account::ProviderAccount,
        provider_event::ProviderEvent,
        provider_health::ProviderHealth,
        role::Role,
        session::Session,
        transaction::Transaction,
    },
};

/// Provider accounts that get the document of their health at once.
const ADOPTED_MAX: i64 = 500;

impl Store {
    /// A key by the id that its bearer presents.
    pub async fn lookup_api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.collection::<ApiKey>().find_one(doc! { "_id": oid(id) }).await?)
    }

    /// The provider account of a transaction that an event names, whosever it is.
    pub async fn lookup_provider_of(&self, id: TransactionId) -> Result<Option<ProviderId>, StoreError> {
        let transactions = self.collection::<Transaction>();
        Ok(transactions.find_one(doc! { "_id": oid(id) }).await?.and_then(|found| found.provider_id))
    }

    /// Clients whose erasure is to go on.
    pub async fn due_erasures(&self, now: Timestamp, limit: i64) -> Result<Vec<Client>, StoreError> {
        let collection = self.collection::<Client>();
        let found = collection.find(doc! { "erasure.due": { "$lte": now } });
        Ok(found.sort(doc! { "erasure.due": 1 }).limit(limit).await?.try_collect().await?)
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

    /// Every host that somebody has verified.
    pub async fn verified_hosts(&self) -> Result<HashSet<String>, StoreError> {
        let domains = self.database().collection::<Document>(CustomDomain::COLLECTION);
        let found = domains.find(doc! { "state": "verified" }).projection(doc! { "_id": 0, "host": 1 });
        let found = found.hint(Hint::Name(VERIFIED_HOST.to_owned()));
        let rows: Vec<Document> = found.await?.try_collect().await?;
        Ok(rows.iter().filter_map(|row| row.get_str("host").ok().map(str::to_owned)).collect())
    }

    /// Verified domains that were last looked at before `before`, the longest ago first.
    pub async fn due_domain_checks(
        &self,
        before: Timestamp,
        limit: i64,
    ) -> Result<Vec<CustomDomain>, StoreError> {
        let due = doc! { "state": "verified", "checkedAt": { "$lte": before } };
        let domains = self.collection::<CustomDomain>();
        let found = domains.find(due).sort(doc! { "checkedAt": 1 }).limit(limit);
        Ok(found.await?.try_collect().await?)
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
        let found = self.collection::<Transaction>().find_one(doc! { "_id": oid(id) }).await?;
        Ok(self.open_all(found.into_iter().collect()).await?.pop())
    }

    /// An event in the inbox.
    pub async fn lookup_event(&self, id: ProviderEventId) -> Result<Option<ProviderEvent>, StoreError> {
        Ok(self.collection::<ProviderEvent>().find_one(doc! { "_id": oid(id) }).await?)
    }

    /// Provider accounts of whose health nothing is stored yet: an older version made them.
    pub async fn providers_without_health(&self) -> Result<Vec<ProviderAccount>, StoreError> {
        let known: Vec<Document> = self
            .database()
            .collection::<Document>(ProviderHealth::COLLECTION)
            .find(doc! {})
            .projection(doc! { "_id": 1 })
            .await?
            .try_collect()
            .await?;
        let known: Vec<Bson> = known.into_iter().filter_map(|mut row| row.remove("_id")).collect();
        let accounts = self.collection::<ProviderAccount>();
        Ok(accounts.find(doc! { "_id": { "$nin": known } }).limit(ADOPTED_MAX).await?.try_collect().await?)
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

    /// Payments of every tenant by their ids, for migrations.
    pub async fn transactions_after(
        &self,
        after: Option<TransactionId>,
        limit: i64,
    ) -> Result<Vec<Transaction>, StoreError> {
        let filter = after.map(|id| doc! { "_id": { "$gt": oid(id) } }).unwrap_or_default();
        let collection = self.collection::<Transaction>();
        let found = collection.find(filter).sort(doc! { "_id": 1 }).limit(limit);
        Ok(found.await?.try_collect().await?)
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
        self.open_all(collection.find(doc! { "$or": filters }).await?.try_collect().await?).await
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
        let found = found.sort(doc! { "outbox.due": 1 }).limit(limit).await?;
        self.open_all(found.try_collect().await?).await
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

    /// Takes a picture that is to be fetched, those of some organizations left out, and puts it off to `again` for
    /// everybody else.
    pub async fn take_due_image(
        &self,
        now: Timestamp,
        again: Timestamp,
        except: &[OrganizationId],
    ) -> Result<Option<ProductImage>, StoreError> {
        let except: Vec<Bson> = except.iter().map(|id| oid(*id).into()).collect();
        let tries = doc! { "$lt": ATTEMPTS_MAX };
        let filter = doc! { "due": { "$lte": now }, "attempts": tries, "org": { "$nin": except } };
        let update = doc! { "$set": { "due": again, "updatedAt": now }, "$inc": { "attempts": 1_i64 } };
        let collection = self.collection::<ProductImage>();
        let taken = collection.find_one_and_update(filter, update).sort(doc! { "due": 1 });
        Ok(taken.return_document(ReturnDocument::After).await?)
    }

    /// Gives up pictures that were begun for the last time and never ended; answers how many.
    pub async fn give_up_images(&self, now: Timestamp, problem: &str) -> Result<u64, StoreError> {
        let filter = doc! { "due": { "$lte": now }, "attempts": { "$gte": ATTEMPTS_MAX } };
        let update = doc! { "$set": { "problem": problem, "updatedAt": now }, "$unset": { "due": "" } };
        Ok(self.collection::<ProductImage>().update_many(filter, update).await?.modified_count)
    }

    /// A picture by the id in its address, which nobody guesses.
    pub async fn lookup_image(&self, id: ImageId) -> Result<Option<ProductImage>, StoreError> {
        Ok(self.collection::<ProductImage>().find_one(doc! { "_id": oid(id) }).await?)
    }

    /// Drafts of audit logs that nobody came back to, as a majority has them.
    pub async fn due_audit_drafts(&self, now: Timestamp, limit: i64) -> Result<Vec<AuditDraft>, StoreError> {
        let collection = self.collection::<AuditDraft>();
        let found = collection.find(doc! { "due": { "$lte": now } }).read_concern(super::majority());
        Ok(found.sort(doc! { "due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// The heads of all audit logs.
    pub async fn audit_heads(&self) -> Result<Vec<AuditHead>, StoreError> {
        Ok(self.collection::<AuditHead>().find(doc! {}).await?.try_collect().await?)
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

    /// Changes an organization; false where there is none, or none of the version that is expected.
    pub async fn change_organization(
        &self,
        id: OrganizationId,
        set: Document,
        expected_version: Option<i64>,
    ) -> Result<bool, StoreError> {
        let collection = self.database().collection::<Organization>(ORGANIZATIONS);
        let mut filter = doc! { "_id": oid(id) };
        if let Some(version) = expected_version {
            // One that was made before there were versions has none: it is at 0.
            let absent = if version == 0 { Bson::Null } else { Bson::Int64(version) };
            filter.insert("version", doc! { "$in": [version, absent] });
        }
        let update = doc! { "$set": set, "$inc": { "version": 1_i64 } };
        Ok(collection.update_one(filter, update).await?.matched_count == 1)
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

/// What somebody holds a token of: found by the token's hash, gone at `expiresAt`. A token names its person, and
/// the person their organizations, so these have no tenant.
pub trait Held: Serialize + DeserializeOwned + Send + Sync + Unpin + 'static {
    /// Its collection.
    const COLLECTION: &'static str;
}

impl Held for Session {
    const COLLECTION: &'static str = "sessions";
}

impl Held for Link {
    const COLLECTION: &'static str = "links";
}

impl Held for Challenge {
    const COLLECTION: &'static str = "passkey_challenges";
}

impl Held for RefreshToken {
    const COLLECTION: &'static str = "refresh_tokens";
}

impl Held for SignInCode {
    const COLLECTION: &'static str = "sign_in_codes";
}

fn by_hash(hashes: &[TokenHash]) -> Document {
    let hashes: Vec<Binary> = hashes.iter().map(|hash| binary::to_bson(&hash.to_bytes())).collect();
    doc! { "_id": { "$in": hashes } }
}

/// Documents by their tokens.
impl Store {
    fn held<T: Held>(&self) -> Collection<T> {
        self.database().collection(T::COLLECTION)
    }

    /// Keeps what a new token stands for.
    pub(crate) async fn hold<T: Held>(&self, document: &T) -> Result<(), StoreError> {
        self.held::<T>().insert_one(document).await?;
        Ok(())
    }

    /// What a token stands for, hashed under every loaded key. From a majority: what a log-out took away must not
    /// come back.
    pub(crate) async fn lookup_held<T: Held>(&self, hashes: &[TokenHash]) -> Result<Option<T>, StoreError> {
        Ok(self.held::<T>().find_one(by_hash(hashes)).read_concern(super::majority()).await?)
    }

    /// The same, taken away: of many who come with one token, one gets it.
    pub(crate) async fn take_held<T: Held>(&self, hashes: &[TokenHash]) -> Result<Option<T>, StoreError> {
        Ok(self.held::<T>().find_one_and_delete(by_hash(hashes)).await?)
    }

    /// Changes what a token stands for; false when it is not there or does not fit `filter`.
    pub(crate) async fn change_held<T: Held>(
        &self,
        hash: &TokenHash,
        filter: Document,
        update: Document,
    ) -> Result<bool, StoreError> {
        let mut wanted = by_hash(std::slice::from_ref(hash));
        wanted.extend(filter);
        Ok(self.held::<T>().update_one(wanted, update).await?.matched_count == 1)
    }

    /// All that fit, the newest first.
    pub(crate) async fn list_held<T: Held>(&self, filter: Document) -> Result<Vec<T>, StoreError> {
        let collection = self.held::<T>();
        Ok(collection.find(filter).sort(doc! { "createdAt": -1 }).await?.try_collect().await?)
    }

    /// Takes away all that fit; answers how many.
    pub(crate) async fn drop_held<T: Held>(&self, filter: Document) -> Result<u64, StoreError> {
        Ok(self.held::<T>().delete_many(filter).await?.deleted_count)
    }

    /// Takes away what one token stands for.
    pub(crate) async fn drop_one_held<T: Held>(&self, hash: &TokenHash) -> Result<(), StoreError> {
        self.held::<T>().delete_one(by_hash(std::slice::from_ref(hash))).await?;
        Ok(())
    }

    /// Whether anybody can sign in here at all.
    pub async fn has_people(&self) -> Result<bool, StoreError> {
        let collection = self.collection::<Person>();
        let found = collection.find_one(doc! {});
        Ok(found.read_concern(super::majority()).await?.is_some())
    }

    /// Invitations whose mail is to be sent, as a majority has them.
    pub async fn due_invitations(&self, now: Timestamp, limit: i64) -> Result<Vec<Invitation>, StoreError> {
        let collection = self.collection::<Invitation>();
        let found = collection.find(doc! { "mail.due": { "$lte": now } });
        let found = found.read_concern(super::majority());
        Ok(found.sort(doc! { "mail.due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Browsers that wait for a code by mail, as a majority has them.
    pub(crate) async fn due_sign_in_codes(
        &self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<SignInCode>, StoreError> {
        let collection = self.held::<SignInCode>();
        let found = collection.find(doc! { "due": { "$lte": now } });
        let found = found.read_concern(super::majority());
        Ok(found.sort(doc! { "due": 1 }).limit(limit).await?.try_collect().await?)
    }

    /// Replaces a person who ceases to be an Admin of an organization, unless nobody else is one. Every such change
    /// writes to the organization, so that of two Admins who demote each other one is told to look again.
    pub(crate) async fn save_unless_last_admin(
        &self,
        organization: OrganizationId,
        person: &mut Person,
    ) -> Result<bool, StoreError> {
        let mut session = self.client().start_session().await?;
        session.start_transaction().await.map_err(transient)?;
        let organizations = self.database().collection::<Document>(ORGANIZATIONS);
        let touch = doc! { "$inc": { "adminChanges": 1_i64 } };
        let touched = organizations.update_one(doc! { "_id": oid(organization) }, touch);
        touched.session(&mut session).await.map_err(transient)?;
        let people = self.collection::<Person>();
        let admin = doc! { "$elemMatch": { "org": organization, "role": Role::Admin.as_str() } };
        let others = doc! {
            "_id": { "$ne": person.id }, "memberships": admin, "disabledAt": { "$exists": false },
        };
        let others = people.find_one(others).session(&mut session).await.map_err(transient)?;
        if others.is_none() {
            session.abort_transaction().await.map_err(transient)?;
            return Ok(false);
        }
        let read = doc! { "_id": person.id, "version": person.version };
        person.version += 1;
        let replaced = people.replace_one(read, &*person).session(&mut session).await.map_err(transient)?;
        if replaced.matched_count != 1 {
            session.abort_transaction().await.map_err(transient)?;
            return Err(StoreError::Conflict);
        }
        session.commit_transaction().await.map_err(transient)?;
        Ok(true)
    }

    /// An invitation by its token, hashed under every loaded key.
    pub(crate) async fn lookup_invitation(
        &self,
        hashes: &[TokenHash],
    ) -> Result<Option<Invitation>, StoreError> {
        let hashes: Vec<Binary> = hashes.iter().map(|hash| binary::to_bson(&hash.to_bytes())).collect();
        let collection = self.collection::<Invitation>();
        let found = collection.find_one(doc! { "token": { "$in": hashes } });
        Ok(found.read_concern(super::majority()).await?)
    }
}

/// A transaction that met another is tried again from its start.
fn transient(error: mongodb::error::Error) -> StoreError {
    if error.contains_label(TRANSIENT_TRANSACTION_ERROR) { StoreError::Conflict } else { error.into() }
}

/// How often a try is counted anew that met another.
const COUNT_RETRIES: usize = 8;

/// The collection of tries to sign in.
const TRIES: &str = "sign_in_tries";

/// Tries to sign in, counted before they are judged, so that many at once are counted as many.
impl Store {
    /// Counts a try of `slot` and puts the next one off; answers until when a try has to wait instead, where it
    /// does. The first `free` tries wait for nothing, each later one twice as long as the one before it.
    pub(crate) async fn count_try(
        &self,
        slot: &TokenHash,
        free: i64,
        now: Timestamp,
        limits: (Duration, Duration),
    ) -> Result<Option<Timestamp>, StoreError> {
        let tries = self.database().collection::<Document>(TRIES);
        let id = binary::to_bson(&slot.to_bytes());
        let (wait_max, forget) = limits;
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let over = doc! { "$subtract": ["$tries", free] };
        let doubled =
            doc! { "$multiply": [1000_i64, { "$pow": [2_i64, { "$min": [over.clone(), 20_i64] }] }] };
        // The past, and not this moment: clocks of two who come at once differ.
        let wait_until = doc! { "$cond": [
            { "$lt": [over, 0_i64] },
            Timestamp::default(),
            { "$add": [now, { "$min": [doubled, millis(wait_max)] }] },
        ] };
        let update = vec![
            doc! { "$set": { "tries": { "$add": [{ "$ifNull": ["$tries", 0_i64] }, 1_i64] } } },
            doc! { "$set": {
                "waitUntil": wait_until,
                "expiresAt": { "$add": [now, millis(forget)] },
            } },
        ];
        let filter = doc! { "_id": &id, "waitUntil": { "$lte": now } };
        for _ in 0..COUNT_RETRIES {
            let counted = tries.update_one(filter.clone(), update.clone()).upsert(true).await;
            match counted.map_err(StoreError::from) {
                Ok(_) => return Ok(None),
                // It is there: it has to wait, or another first try was a moment faster, which is no reason to.
                Err(StoreError::Duplicate) => {}
                Err(error) => return Err(error),
            }
            let found = tries.find_one(doc! { "_id": &id }).await?;
            let until = found.and_then(|row| row.get_datetime("waitUntil").ok().copied());
            let until = until.map_or(now, |at| Timestamp::from_millis(at.timestamp_millis()));
            if until > now {
                return Ok(Some(until));
            }
        }
        Ok(Some(now + Duration::from_secs(1)))
    }

    /// Takes a counted try back.
    pub(crate) async fn uncount_try(&self, slot: &TokenHash) -> Result<(), StoreError> {
        let tries = self.database().collection::<Document>(TRIES);
        let filter = doc! { "_id": binary::to_bson(&slot.to_bytes()), "tries": { "$gt": 0_i64 } };
        tries.update_one(filter, doc! { "$inc": { "tries": -1_i64 } }).await?;
        Ok(())
    }

    /// Forgets the tries of a slot.
    pub(crate) async fn forget_tries(&self, slot: &TokenHash) -> Result<(), StoreError> {
        let tries = self.database().collection::<Document>(TRIES);
        tries.delete_one(doc! { "_id": binary::to_bson(&slot.to_bytes()) }).await?;
        Ok(())
    }
}
