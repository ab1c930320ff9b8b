//! `cargo xtask seed`: example data for the organization that `up` has made.

use std::process::ExitCode;
use std::time::Instant;

use testkit::seed::{Access, fill_named};

use crate::Outcome;
use crate::gateway::Gateway;
use crate::settings;
use crate::stack::say;
use crate::workspace::dev_folder;

/// Options of `seed`.
#[derive(clap::Args)]
pub struct Args {
    /// Transactions to make, each with its checkout
    #[arg(long, default_value_t = 1000)]
    transactions: u64,
    /// Days to spread them over, today being the last
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Another database than that of `up`; its organization must be named, too
    #[arg(long, requires = "organization")]
    database: Option<String>,
    /// Another organization's id; its test mode is filled
    #[arg(long)]
    organization: Option<String>,
}

/// Fills the organization, whose MongoDB must be running.
pub async fn run(args: Args) -> Outcome {
    let folder = dev_folder();
    let gateway = Gateway::read(&folder).ok_or("there is no gateway yet: start `cargo xtask up` first")?;
    let keys = settings::keys(&folder)?.into_iter();
    // What the caller has set is what the services were started with.
    let keys = keys.map(|(name, made)| (name.to_owned(), settings::from_caller(name).unwrap_or(made)));
    let access = Access {
        uri: gateway.mongodb_uri,
        database: args.database.unwrap_or(gateway.database),
        keys: keys.collect(),
        organization: args.organization.unwrap_or(gateway.seed.organization_id),
    };
    say(&format!("Making {} example transactions over {} days", args.transactions, args.days));
    let began = Instant::now();
    fill_named(&access, args.transactions, args.days).await?;
    println!("{} transactions with their checkouts in {:.1?}.", args.transactions, began.elapsed());
    Ok(ExitCode::SUCCESS)
}
