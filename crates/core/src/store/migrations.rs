//! How far numbered migrations have come.

use mongodb::{
    Collection,
    bson::{Document, doc},
    options::ReturnDocument,
};

use super::{Store, StoreError};
use crate::{app::migrations::MigrationState, domain::Timestamp};

impl Store {
    fn migrations(&self) -> Collection<MigrationState> {
        self.database().collection("migrations")
    }

    /// How far a migration has come.
    pub async fn migration(&self, number: i64) -> Result<Option<MigrationState>, StoreError> {
        Ok(self.migrations().find_one(doc! { "_id": number }).await?)
    }

    /// Enters a migration if it is not there.
    pub async fn begin_migration(&self, fresh: &MigrationState) -> Result<(), StoreError> {
        match self.migrations().insert_one(fresh).await.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Duplicate) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes a migration, unless another worker holds it or it has ended.
    pub async fn claim_migration(
        &self,
        number: i64,
        token: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<MigrationState>, StoreError> {
        let free = doc! { "_id": number, "until": { "$lte": now }, "finishedAt": { "$exists": false } };
        let take = doc! { "$set": { "token": token, "until": until } };
        let migrations = self.migrations();
        let claimed = migrations.find_one_and_update(free, take);
        Ok(claimed.return_document(ReturnDocument::After).await?)
    }

    /// Saves what its holder did; nothing where another has taken it meanwhile.
    pub async fn save_migration(&self, claimed: &MigrationState, update: Document) -> Result<(), StoreError> {
        let mine = doc! { "_id": claimed.number, "token": claimed.token.as_deref() };
        self.migrations().update_one(mine, update).await?;
        Ok(())
    }
}
