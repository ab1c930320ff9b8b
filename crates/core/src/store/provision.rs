//! A fresh MongoDB server made ready: its replica set and its users. Repeating it changes nothing but passwords
//! that have changed.

use std::time::{Duration, Instant};

use mongodb::{
    Client, Database,
    bson::{Document, doc},
    error::{Error, ErrorKind},
    options::{ClientOptions, Credential, ServerAddress},
};

use super::StoreError;

/// How long the server may take to start and to become primary.
const READY_LIMIT: Duration = Duration::from_mins(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// The user that makes the others.
const ROOT: &str = "root";

const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
const ALREADY_INITIALIZED: i32 = 23;
const USER_EXISTS: i32 = 51_003;

/// What is made.
#[derive(Clone)]
pub struct Provision {
    /// `host:port` under which clients find the server, as it is kept in the replica set. It is reached on
    /// loopback: a server without users lets nobody else in.
    pub member: String,
    /// Password of the user `root`.
    pub root_password: String,
    /// The services' connection string; its user is made.
    pub uri: String,
    /// The services' database.
    pub database: String,
    /// Caddy's connection string; its user is made and gets the database `caddy` and nothing else.
    pub caddy_uri: Option<String>,
}

/// Makes the replica set and the users.
pub async fn provision(wanted: &Provision) -> Result<(), StoreError> {
    let options = ClientOptions::parse(&wanted.uri).await?;
    let set = options.repl_set_name.clone().unwrap_or_else(|| "rs0".to_owned());
    let admin = direct(&wanted.member, None)?;
    initiate(&admin, &set, &wanted.member).await?;
    wait_for_primary(&admin).await?;

    let root = doc! { "createUser": ROOT, "pwd": &wanted.root_password, "roles": ["root"] };
    match admin.run_command(root).await.map_err(|error| (code(&error), error)) {
        Ok(_) | Err((Some(UNAUTHORIZED | USER_EXISTS), _)) => {}
        Err((_, error)) => return Err(error.into()),
    }
    let password = wanted.root_password.clone();
    let credential = Credential::builder().username(ROOT.to_owned()).password(password).build();
    let admin = direct(&wanted.member, Some(credential))?;

    let database = &wanted.database;
    let roles = [role("readWrite", database), role("dbAdmin", database)];
    ensure_user(&admin, options.credential, &roles, "MONGODB_URI").await?;
    if let Some(uri) = &wanted.caddy_uri {
        let options = ClientOptions::parse(uri).await?;
        ensure_user(&admin, options.credential, &[role("readWrite", "caddy")], "CADDY_MONGODB_URI").await?;
    }
    Ok(())
}

fn role(name: &str, database: &str) -> Document {
    doc! { "role": name, "db": database }
}

/// The server's `admin` database, on loopback.
fn direct(member: &str, credential: Option<Credential>) -> Result<Database, StoreError> {
    let port = member.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(27017);
    let mut options = ClientOptions::default();
    options.hosts = vec![ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(port) }];
    options.direct_connection = Some(true);
    options.server_selection_timeout = Some(READY_LIMIT);
    options.credential = credential;
    Ok(Client::with_options(options)?.database("admin"))
}

async fn initiate(admin: &Database, set: &str, member: &str) -> Result<(), StoreError> {
    let config = doc! { "_id": set, "members": [{ "_id": 0, "host": member }] };
    match admin.run_command(doc! { "replSetInitiate": config }).await {
        Ok(_) => {
            tracing::info!(set, member, "replica set made");
            Ok(())
        }
        // With users there is a set: they could not have been made without.
        Err(error) if matches!(code(&error), Some(ALREADY_INITIALIZED | UNAUTHORIZED)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn wait_for_primary(admin: &Database) -> Result<(), StoreError> {
    let end = Instant::now() + READY_LIMIT;
    loop {
        let hello = admin.run_command(doc! { "hello": 1 }).await?;
        if hello.get_bool("isWritablePrimary").unwrap_or(false) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(StoreError::Unsafe("the replica set has no primary".to_owned()));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ensure_user(
    admin: &Database,
    credential: Option<Credential>,
    roles: &[Document],
    variable: &str,
) -> Result<(), StoreError> {
    let Some(Credential { username: Some(name), password: Some(password), .. }) = credential else {
        return Err(StoreError::Unsafe(format!("{variable} names no user and password")));
    };
    let command = |verb: &str| doc! { verb: &name, "pwd": &password, "roles": roles.to_vec() };
    match admin.run_command(command("createUser")).await {
        Ok(_) => tracing::info!(user = name, "user made"),
        Err(error) if code(&error) == Some(USER_EXISTS) => {
            admin.run_command(command("updateUser")).await?;
        }
        Err(error) if is_refused(&error) => {
            let text = "MONGO_ROOT_PASSWORD is not the one that this database was made with";
            return Err(StoreError::Unsafe(text.to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn is_refused(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Authentication { .. })
        || matches!(code(error), Some(UNAUTHORIZED | AUTHENTICATION_FAILED))
}

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
