//! What the gateway is compared with: the driver alone, one majority insert per request, into a collection
//! with the same indexes.

use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, ClientOptions, InsertOneOptions, WriteConcern};
use mongodb::{Client, Collection, Database};

use super::load::Load;
use super::stencil::Stencil;
use crate::Outcome;

/// A driver with room for every client of a round.
pub async fn database(uri: &str, name: &str) -> Outcome<Database> {
    let mut options = ClientOptions::parse(uri).await?;
    options.max_pool_size = Some(512);
    options.app_name = Some("bench".to_owned());
    Ok(Client::with_options(options)?.database(name))
}

/// Inserts documents like one that the gateway has written.
pub struct RawInserts {
    collection: Collection<RawDocumentBuf>,
    stencil: Stencil,
    options: InsertOneOptions,
}

impl RawInserts {
    /// Prepares a collection beside `original` with its indexes. `unique` are the fields that differ from
    /// document to document.
    pub async fn prepare(database: &Database, original: &str, unique: &[&str]) -> Outcome<Self> {
        let source = database.collection::<RawDocumentBuf>(original);
        let newest = source.find_one(doc! {}).sort(doc! { "_id": -1 }).await?;
        let newest = newest.ok_or_else(|| format!("the gateway has not written to {original}"))?;
        let collection = database.collection(&format!("bench_raw_{original}"));
        let mut indexes: Vec<_> = source.list_indexes().await?.try_collect().await?;
        indexes.retain(|index| !index.keys.contains_key("_id") || index.keys.len() > 1);
        collection.create_indexes(indexes).await?;
        let concern = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .w_timeout(Duration::from_secs(10))
            .build();
        let options = InsertOneOptions::builder().write_concern(concern).build();
        Ok(Self { collection, stencil: Stencil::of_document(&newest, unique)?, options })
    }

    /// Size of each document, in bytes.
    pub fn document_bytes(&self) -> usize {
        self.stencil.len()
    }

    /// How many indexes the collection has.
    pub async fn index_count(&self) -> Outcome<usize> {
        Ok(self.collection.list_index_names().await?.len())
    }
}

impl Load for RawInserts {
    type Client = ();

    async fn open(&self) -> Outcome<()> {
        Ok(())
    }

    async fn once(&self, (): &mut ()) -> Outcome<()> {
        let document = self.stencil.document()?;
        self.collection.insert_one(document).with_options(self.options.clone()).await?;
        Ok(())
    }
}
