//! Pictures of products: wished for when a product or a checkout names one, fetched by the worker, shown from
//! the page's own origin.

use std::{collections::HashSet, time::Duration};

use mongodb::bson::{self, Bson, doc};

use super::{App, AppError};
use crate::{
    domain::{
        ImageId, OrganizationId, Tenant,
        image::{ATTEMPTS_MAX, Jpeg, ProductImage},
    },
    timing::scaled,
};

/// How long one worker may take over a picture before another tries.
const LEASE: Duration = Duration::from_mins(2);
/// Before the second try; each wait is twelve times as long as the one before: 10 s, 2 min.
const BACKOFF: Duration = Duration::from_secs(10);

/// The id of the picture at an address: the same for the same address of a tenant, and not to be guessed.
pub fn image_id(app: &App, tenant: Tenant, url: &str) -> ImageId {
    let field = format!("product_image:{}", tenant.mode.as_str());
    let hash = app.store.keys().search().hash(&tenant.organization.to_string(), &field, url);
    ImageId::from_bytes(crate::domain::derived_id(&[b"image", &hash.to_bytes()]))
}

/// Has pictures fetched that are not there yet.
pub async fn wish(app: &App, tenant: Tenant, urls: &[&str]) -> Result<(), AppError> {
    let now = app.now();
    let image = |url: &&str| ProductImage {
        id: image_id(app, tenant, url),
        org: tenant.organization,
        mode: tenant.mode,
        url: (*url).to_owned(),
        attempts: 0,
        due: Some(now),
        problem: None,
        jpeg: None,
        created_at: now,
        updated_at: now,
    };
    let images: Vec<ProductImage> = urls.iter().map(image).collect();
    Ok(app.store.for_org(tenant).insert_missing(&images).await?)
}

/// The same for a picture that a merchant names anew: one that was given up is tried again.
pub async fn wish_again(app: &App, tenant: Tenant, url: &str) -> Result<(), AppError> {
    wish(app, tenant, &[url]).await?;
    let given_up = doc! { "due": { "$exists": false }, "jpeg": { "$exists": false } };
    let update = doc! { "$set": { "due": app.now(), "attempts": 0_i64 } };
    app.store.for_org(tenant).update::<ProductImage>(image_id(app, tenant, url), given_up, update).await?;
    Ok(())
}

/// Those of some pictures that can be shown.
pub async fn ready(
    app: &App,
    tenant: Tenant,
    wanted: impl IntoIterator<Item = ImageId>,
) -> Result<HashSet<ImageId>, AppError> {
    let ids: HashSet<ImageId> = wanted.into_iter().collect();
    if ids.is_empty() {
        return Ok(ids);
    }
    let list: Vec<Bson> = ids.into_iter().map(Bson::from).collect();
    let filter = doc! { "_id": { "$in": list }, "jpeg": { "$exists": true } };
    Ok(app.store.for_org(tenant).ids::<ProductImage>(filter).await?.into_iter().collect())
}

/// A tenant's picture, or how far its fetching has come.
pub async fn get(app: &App, tenant: Tenant, id: ImageId) -> Result<Option<ProductImage>, AppError> {
    Ok(app.store.for_org(tenant).get::<ProductImage>(id).await?)
}

/// The bytes of a picture by the id in its address.
pub async fn lookup(app: &App, id: ImageId) -> Result<Option<Jpeg>, AppError> {
    Ok(app.store.lookup_image(id).await?.and_then(|image| image.jpeg))
}

/// A picture to be fetched, of none of these organizations; its caller has two minutes until another may have it.
/// Each taking counts as a try, however it ends.
pub async fn take_due(app: &App, except: &[OrganizationId]) -> Result<Option<ProductImage>, AppError> {
    let now = app.now();
    Ok(app.store.take_due_image(now, now + scaled(LEASE), except).await?)
}

/// Gives up pictures whose last try never ended: whoever had them did not live to say why. Answers how many.
pub async fn give_up_lost(app: &App) -> Result<u64, AppError> {
    let problem = format!("it was begun {ATTEMPTS_MAX} times, and each time the worker was gone");
    Ok(app.store.give_up_images(app.now(), &problem).await?)
}

/// Gives a picture back that was not tried: it is taken again in a moment.
pub async fn give_back(app: &App, image: &ProductImage) -> Result<(), AppError> {
    let update = doc! {
        "$set": { "due": app.now() + scaled(BACKOFF), "updatedAt": app.now() }, "$inc": { "attempts": -1_i64 },
    };
    let store = app.store.for_org(image.tenant());
    store.update::<ProductImage>(image.id, doc! { "attempts": image.attempts }, update).await?;
    Ok(())
}

/// Stores a picture that was fetched.
pub async fn keep(app: &App, image: &ProductImage, jpeg: &Jpeg) -> Result<(), AppError> {
    let jpeg = bson::serialize_to_bson(jpeg).map_err(|error| AppError::internal(error.to_string()))?;
    let update = doc! {
        "$set": { "jpeg": jpeg, "updatedAt": app.now() }, "$unset": { "due": "", "problem": "" },
    };
    let store = app.store.for_org(image.tenant());
    store.update::<ProductImage>(image.id, doc! { "attempts": image.attempts }, update).await?;
    Ok(())
}

/// Writes down why a picture could not be fetched: it is tried again later, a few times in all, unless that
/// would not help.
pub async fn put_off(app: &App, image: &ProductImage, problem: &str, may_help: bool) -> Result<(), AppError> {
    let now = app.now();
    let set = doc! { "problem": problem, "updatedAt": now };
    let update = if may_help && image.attempts < ATTEMPTS_MAX {
        let power = u32::try_from(image.attempts - 1).unwrap_or(0);
        let mut set = set;
        set.insert("due", now + scaled(BACKOFF * 12_u32.saturating_pow(power)));
        doc! { "$set": set }
    } else {
        doc! { "$set": set, "$unset": { "due": "" } }
    };
    let store = app.store.for_org(image.tenant());
    store.update::<ProductImage>(image.id, doc! { "attempts": image.attempts }, update).await?;
    Ok(())
}
