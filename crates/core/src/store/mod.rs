//! MongoDB: connection, documents, indexes and the group-commit writer.
//!
//! Every query starts from a tenant: [`Store::for_org`]. The few look-ups that have none yet stand in
//! `unscoped.rs`, and a test keeps them there.

pub mod backup;
mod clock;
pub mod codec;
pub mod daily_sums;
pub mod due;
pub mod group_commit;
pub mod group_update;
pub mod indexes;
pub mod keys;
pub mod list;
mod migrations;
pub mod orders;
pub mod provision;
mod quotas;
mod retention;
mod tenant;
mod texts;
pub mod unscoped;

use std::{sync::Arc, time::Duration};

use mongodb::{
    Client, Collection, Database,
    bson::{RawDocumentBuf, doc},
    error::{ErrorKind, WriteFailure},
    options::{Acknowledgment, ClientOptions, ReadConcern, WriteConcern},
};
use serde::{Serialize, de::DeserializeOwned};

pub use clock::ClockSkew;
pub use group_commit::{GroupCommit, GroupCommitConfig, InsertOutcome, QueueFull};
pub use group_update::GroupUpdate;
pub use keys::KeyService;
pub use tenant::{TenantStore, open_with, seal_with};

use crate::{
    crypto::{CryptoError, PrivateText, Sealed},
    domain::{
        Tenant,
        api_key::ApiKey,
        audit::{AuditDraft, AuditEntry, AuditHead},
        checkout::Checkout,
        client::Client as MerchantClient,
        custom_domain::CustomDomain,
        delivery::Delivery,
        discount::{Discount, DiscountClaim},
        endpoint::WebhookEndpoint,
        form_submission::FormSubmission,
        image::ProductImage,
        invitation::Invitation,
        invoice::{DocumentMail, Invoice, InvoiceSettings, StoredFiles, StoredLook},
        order::Order,
        person::Person,
        product::Product,
        provider_account::ProviderAccount,
        provider_event::ProviderEvent,
        provider_health::ProviderHealth,
        site::Site,
        transaction::Transaction,
    },
};

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the document since it was read: read again, decide again.
    #[error("the document has changed meanwhile")]
    Conflict,
    /// A unique index is taken.
    #[error("a unique value is taken")]
    Duplicate,
    /// Too many writes wait.
    #[error(transparent)]
    Busy(#[from] QueueFull),
    /// It is not known whether a write happened.
    #[error("the outcome of a write is not known: {0}")]
    Unknown(String),
    /// The database did not do it.
    #[error("database: {0}")]
    Database(#[source] mongodb::error::Error),
    /// A field could not be opened.
    #[error("encryption: {0}")]
    Crypto(#[from] CryptoError),
    /// A document is not of the shape that this version writes.
    #[error("a stored document could not be read: {0}")]
    Malformed(String),
    /// The deployment is not one that keeps what it acknowledges.
    #[error("{0}")]
    Unsafe(String),
}

/// Codes of a member that is not the primary (any more), or stops:
/// <https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md>.
const NOT_PRIMARY: [i32; 8] = [91, 189, 10_107, 10_058, 11_600, 11_602, 13_435, 13_436];

impl StoreError {
    /// Whether the same may work in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Conflict | Self::Unknown(_)) || self.is_away()
    }

    /// Whether the database was not reached, or is choosing another primary: it comes back by itself, and whether a write
    /// happened is not known.
    pub fn is_away(&self) -> bool {
        let Self::Database(error) = self else { return false };
        match error.kind.as_ref() {
            ErrorKind::ServerSelection { .. }
            | ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. } => true,
            ErrorKind::Command(command) => NOT_PRIMARY.contains(&command.code),
            ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => NOT_PRIMARY.contains(&concern.code),
            _ => false,
        }
    }
}

impl From<mongodb::error::Error> for StoreError {
    fn from(error: mongodb::error::Error) -> Self {
        let duplicate = matches!(
            error.kind.as_ref(),
            ErrorKind::Write(WriteFailure::WriteError(e)) if e.code == group_commit::DUPLICATE_KEY
        ) || matches!(
            error.kind.as_ref(),
            ErrorKind::Command(e) if e.code == group_commit::DUPLICATE_KEY
        );
        if duplicate { Self::Duplicate } else { Self::Database(error) }
    }
}

/// A document with a tenant and a collection.
pub trait Entity: Serialize + DeserializeOwned + Send + Sync + Unpin + 'static {
    /// Its collection.
    const COLLECTION: &'static str;
    /// Its id.
    type Id: crate::domain::EntityId + Into<mongodb::bson::Bson>;
    /// Its id.
    fn entity_id(&self) -> Self::Id;
    /// Whose it is.
    fn entity_tenant(&self) -> Tenant;
    /// Whether it has [`Self::texts`].
    const HAS_TEXTS: bool = false;
    /// Its texts that are clear in memory and sealed at rest.
    fn texts(&mut self) -> Vec<&mut PrivateText> {
        Vec::new()
    }
    /// A copy for writing, with [`Self::texts`] sealed by `seal`; `None` where it has none.
    fn sealed_copy(&self, _seal: &dyn Fn(&str) -> Sealed) -> Option<Self> {
        None
    }
}

/// A document that is changed by compare-and-set on a version.
pub trait Versioned: Entity + Clone {
    /// The version read.
    fn version(&self) -> i64;
    /// Sets the version to be written.
    fn set_version(&mut self, version: i64);
}

macro_rules! entities {
    ($($entity:ident($id:ident) in $collection:literal $(, $versioned:ident)? $(, texts by $texts:ident)?;)*) => {$(
        impl Entity for $entity {
            const COLLECTION: &'static str = $collection;
            type Id = crate::domain::$id;
            fn entity_id(&self) -> Self::Id {
                self.id
            }
            fn entity_tenant(&self) -> Tenant {
                self.tenant()
            }
            $(
                const HAS_TEXTS: bool = true;
                fn texts(&mut self) -> Vec<&mut PrivateText> {
                    self.$texts()
                }
                fn sealed_copy(&self, seal: &dyn Fn(&str) -> Sealed) -> Option<Self> {
                    let mut copy = self.clone();
                    let mut is_other = false;
                    for text in copy.$texts().into_iter().filter(|text| text.is_clear()) {
                        *text = PrivateText::Sealed(seal(text.as_str()));
                        is_other = true;
                    }
                    is_other.then_some(copy)
                }
            )?
        }
        $(
            impl $versioned for $entity {
                fn version(&self) -> i64 {
                    self.version
                }
                fn set_version(&mut self, version: i64) {
                    self.version = version;
                }
            }
        )?
    )*};
}

entities! {
    Checkout(CheckoutId) in "checkouts", Versioned;
    Transaction(TransactionId) in "transactions", Versioned, texts by private_texts;
    Order(OrderId) in "orders", Versioned;
    Site(SiteId) in "sites", Versioned;
    ProviderAccount(ProviderId) in "providers", Versioned;
    Invoice(InvoiceId) in "invoices", Versioned;
    InvoiceSettings(InvoiceSettingsId) in "invoice_settings", Versioned;
    DocumentMail(MailId) in "invoice_mails", Versioned;
    StoredLook(LookId) in "invoice_looks";
    StoredFiles(InvoiceId) in "invoice_files";
    WebhookEndpoint(EndpointId) in "webhook_endpoints", Versioned;
    ApiKey(ApiKeyId) in "api_keys";
    ProviderEvent(ProviderEventId) in "provider_events";
    ProviderHealth(ProviderId) in "provider_health";
    Delivery(DeliveryId) in "deliveries";
    Product(ProductId) in "products", Versioned;
    Discount(DiscountId) in "discounts", Versioned;
    DiscountClaim(DiscountClaimId) in "discount_claims";
    ProductImage(ImageId) in "product_images";
    MerchantClient(ClientId) in "clients", Versioned;
    CustomDomain(DomainId) in "domains", Versioned;
    Person(PersonId) in "people", Versioned;
    Invitation(InvitationId) in "invitations", Versioned;
    AuditEntry(AuditEntryId) in "audit_log";
    AuditDraft(AuditEntryId) in "audit_drafts";
    AuditHead(OrganizationId) in "audit_heads";
    FormSubmission(FormSubmissionId) in "form_submissions";
}

/// How to reach MongoDB.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Connection string.
    pub uri: String,
    /// Database name.
    pub database: String,
    /// Name shown in mongod's logs.
    pub app_name: String,
    /// Most connections.
    pub pool_size_max: u32,
}

/// A connection to MongoDB with its writers and keys. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    database: Database,
    checkouts: GroupCommit,
    events: GroupCommit,
    event_marks: GroupUpdate,
    keys: KeyService,
}

impl Store {
    /// Connects, refuses a deployment that could lose acknowledged writes, and starts the writers.
    pub async fn connect(config: &StoreConfig, keys: keys::KeyConfig) -> Result<Self, StoreError> {
        let mut options = ClientOptions::parse(&config.uri).await?;
        options.app_name = Some(config.app_name.clone());
        options.max_pool_size = Some(config.pool_size_max);
        options.server_selection_timeout = Some(Duration::from_secs(10));
        options.connect_timeout = Some(Duration::from_secs(5));
        options.write_concern = Some(stronger(options.write_concern.as_ref())?);
        let client = Client::with_options(options)?;
        let database = client.database(&config.database);
        refuse_standalone(&database).await?;
        let raw = |name: &str| database.collection::<RawDocumentBuf>(name);
        let checkouts = GroupCommit::start(raw(Checkout::COLLECTION), GroupCommitConfig::default());
        let events = GroupCommit::start(raw(ProviderEvent::COLLECTION), GroupCommitConfig::default());
        let event_marks =
            GroupUpdate::start(&database, ProviderEvent::COLLECTION, GroupCommitConfig::default());
        let keys = KeyService::new(&database, keys);
        Ok(Self { inner: Arc::new(Inner { client, database, checkouts, events, event_marks, keys }) })
    }

    /// A tenant's part of the store.
    pub fn for_org(&self, tenant: Tenant) -> TenantStore {
        TenantStore::new(self.clone(), tenant)
    }

    /// Keys of organizations.
    pub fn keys(&self) -> &KeyService {
        &self.inner.keys
    }

    /// The database, for jobs and look-ups of this crate and for health checks.
    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    /// The client, for change streams.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// The collection of an entity.
    pub(crate) fn collection<E: Entity>(&self) -> Collection<E> {
        self.inner.database.collection(E::COLLECTION)
    }

    /// The writer of new checkouts.
    pub(crate) fn checkout_writer(&self) -> &GroupCommit {
        &self.inner.checkouts
    }

    /// The writer of the inbox.
    pub(crate) fn event_writer(&self) -> &GroupCommit {
        &self.inner.events
    }

    /// The writer of what became of the inbox's events.
    pub(crate) fn event_marks(&self) -> &GroupUpdate {
        &self.inner.event_marks
    }

    /// Whether mongod answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.database.run_command(doc! { "ping": 1 }).await?;
        Ok(())
    }
}

/// Majority and journal, whatever the connection string says; less than majority there is refused.
fn stronger(configured: Option<&WriteConcern>) -> Result<WriteConcern, StoreError> {
    if let Some(WriteConcern { w: Some(w), .. }) = configured
        && *w != Acknowledgment::Majority
    {
        let text = "MONGODB_URI asks for a write concern below majority: take `w` out of it";
        return Err(StoreError::Unsafe(text.to_owned()));
    }
    Ok(WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(Duration::from_secs(10))
        .build())
}

async fn refuse_standalone(database: &Database) -> Result<(), StoreError> {
    let hello = database.run_command(doc! { "hello": 1 }).await?;
    if hello.get_str("setName").is_err() && !hello.get_str("msg").is_ok_and(|m| m == "isdbgrid") {
        let text = "MongoDB runs as a standalone server: start it as a replica set (one node is enough)";
        return Err(StoreError::Unsafe(text.to_owned()));
    }
    Ok(())
}

/// Reads what a fail-over cannot erase.
pub(crate) fn majority() -> ReadConcern {
    ReadConcern::majority()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_from_one_that_refuses() {
        let away = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(StoreError::from(mongodb::error::Error::from(away)).is_away());
        assert!(!StoreError::from(mongodb::error::Error::custom("refused")).is_away());
        assert!(!StoreError::Conflict.is_away());
    }
}
