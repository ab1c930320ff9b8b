//! `admin-api keys …`: rotation while the services run.

use std::process::ExitCode;

use gateway_core::{
    app::{App, AppError, audit, rotate},
    crypto::random,
    domain::OrganizationId,
};

use super::start;
use crate::{Failure, cli::Keys, config::AdminConfig};

pub(crate) async fn run(config: &AdminConfig, step: Keys) -> Result<ExitCode, Failure> {
    let app = start(config).await?;
    match step {
        Keys::RotateData { organization } => rotate_data(&app, organization).await,
        Keys::Rewrap => rewrap(&app).await,
        Keys::Reseal { organization, drop_old } => reseal(&app, organization, drop_old).await,
        Keys::RehashSearch => {
            let mut rewritten = 0;
            for organization in app.store.organizations().await? {
                rewritten += rotate::rehash_search(&app, organization.id).await?;
            }
            println!("hashed {rewritten} e-mail addresses anew");
            Ok(ExitCode::SUCCESS)
        }
        Keys::Verify => verify(&app).await,
        Keys::Generate => Ok(generate()),
    }
}

/// Prints lines for the .env file. What is set already is left out, so that repeating it replaces no key.
pub(crate) fn generate() -> ExitCode {
    let secret = || hex::encode(random::bytes::<32>());
    // In letters and digits, so that it needs no escapes in a connection string.
    let uri = |user| format!("mongodb://{user}:{}@mongo:27017/?replicaSet=rs0&authSource=admin", secret());
    let lines = [
        ("SYSTEM_ENCRYPTION_KEY", secret()),
        ("SYSTEM_SEARCH_HASH_KEY", secret()),
        ("API_KEY_PEPPER", secret()),
        ("JWT_KEY", secret()),
        ("MONGO_REPLICA_KEY", secret()),
        ("MONGO_ROOT_PASSWORD", secret()),
        ("MONGODB_URI", uri("tollgate")),
        ("CADDY_MONGODB_URI", uri("caddy")),
    ];
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    for (name, value) in lines.iter().filter(|(name, _)| !is_set(name)) {
        println!("{name}={value}");
    }
    ExitCode::SUCCESS
}

/// Every audit log gets an entry, which vouches for all before it under the current key.
async fn rewrap(app: &App) -> Result<ExitCode, Failure> {
    let rewrapped = app.store.keys().rewrap_all().await?;
    println!("rewrapped the data keys of {rewrapped} organizations");
    for organization in rotate::key_holders(app).await? {
        let done = async { Ok::<_, AppError>(()) };
        audit::by_operator(app, Some(organization), "rewrapKeys", done).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate_data(app: &App, organization: OrganizationId) -> Result<ExitCode, Failure> {
    let is_known = rotate::key_holders(app).await?.contains(&organization);
    if !is_known {
        return Err(format!("there is no organization {organization}").into());
    }
    let rotated = async { Ok::<_, AppError>(app.store.keys().rotate_data_key(organization).await?) };
    let version = audit::by_operator(app, Some(organization), "rotateDataKey", rotated).await?;
    println!("organization {organization} has data key version {version}; next: keys reseal --drop-old");
    Ok(ExitCode::SUCCESS)
}

async fn reseal(app: &App, only: Option<OrganizationId>, drop_old: bool) -> Result<ExitCode, Failure> {
    let organizations: Vec<OrganizationId> = match only {
        Some(organization) => vec![organization],
        None => rotate::key_holders(app).await?,
    };
    let mut rewritten = 0;
    for organization in &organizations {
        rewritten += rotate::reseal(app, *organization).await?;
    }
    println!("rewrote {rewritten} documents");
    if !drop_old {
        return Ok(ExitCode::SUCCESS);
    }
    println!("waiting {} s until no service holds an old key", rotate::KEYS_IN_MEMORY.as_secs());
    tokio::time::sleep(rotate::KEYS_IN_MEMORY).await;
    let mut all_dropped = true;
    for organization in &organizations {
        rewritten += rotate::reseal(app, *organization).await?;
        let dropped = rotate::drop_old_data_keys(app, *organization).await?;
        if !dropped {
            println!("organization {organization}: something is still sealed with an old key; repeat");
        }
        all_dropped &= dropped;
    }
    println!("rewrote {rewritten} documents in all");
    Ok(if all_dropped { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn verify(app: &App) -> Result<ExitCode, Failure> {
    let left = rotate::verify(app).await?;
    println!("data keys wrapped by an old system key   {}", left.system);
    println!("fields sealed with an old data key       {}", left.sealed);
    println!("blind indexes under an old search key    {}", left.search);
    println!("API keys that wait for their next use    {}", left.api_keys);
    println!("idempotency records under an old pepper  {} (gone after 30 days)", left.fingerprints);
    println!(
        "recovery codes under an old pepper       {} (their holders make new ones)",
        left.recovery_codes
    );
    if left.is_none() {
        println!("nothing is left on an old key: old keys can be taken out");
        return Ok(ExitCode::SUCCESS);
    }
    println!("old keys are still needed");
    Ok(ExitCode::FAILURE)
}
