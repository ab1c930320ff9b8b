//! `cargo xtask up`: the gateway on this machine until Ctrl-C.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Outcome;
use crate::gateway::Gateway;
use crate::stack::{Stack, StackOptions};
use crate::workspace;

/// Options of `up`.
#[derive(clap::Args)]
pub struct Args {
    /// Build and run with optimizations
    #[arg(long)]
    release: bool,
    /// Begin with an empty database and new keys
    #[arg(long)]
    fresh: bool,
}

/// Runs until a signal comes.
pub async fn run(args: Args) -> Outcome {
    let mut end = End::listen()?;
    let options = StackOptions { release: args.release, fresh: args.fresh, ..StackOptions::default() };
    // A signal while things start drops what has been started, which kills it.
    let mut stack = tokio::select! {
        stack = Stack::start(&options) => stack?,
        () = end.wait() => return Ok(ExitCode::SUCCESS),
    };
    print(stack.gateway());
    tokio::select! {
        never = stack.supervise() => never,
        () = end.wait() => {}
    }
    println!("\nStopping (the data stays in target/dev) …");
    tokio::select! {
        () = stack.stop() => {}
        () = end.wait() => println!("Killed."),
    }
    Ok(ExitCode::SUCCESS)
}

/// The signals that mean "end": Ctrl-C, a polite kill, a closed terminal.
struct End([Signal; 3]);

impl End {
    fn listen() -> std::io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

fn print(gateway: &Gateway) {
    let (urls, direct, seed) = (&gateway.urls, &gateway.direct, &gateway.seed);
    println!("\nTollgate is up.\n");
    for (name, url, listener) in [
        ("Admin Panel", urls.admin_panel.as_str(), &direct.urls.admin_panel),
        ("Admin API", &urls.admin_api, &direct.urls.admin_api),
        ("Checkout", &urls.checkout, &direct.urls.checkout),
        ("Main Backend", &urls.main_backend, &direct.urls.main_backend),
        ("Worker", "", &direct.worker),
    ] {
        println!("  {name:<14}{url:<32}{listener}");
    }
    match first_link() {
        Some(link) => println!("\n  {:<14}{link}\n", "First log-in"),
        None => println!("\n  {:<14}{}login\n", "Log-in", with_slash(&urls.admin_panel)),
    }
    println!("  {:<14}{}", "MongoDB", gateway.mongodb_uri);
    println!("  {:<14}{}", "API key", seed.api_key);
    println!("  {:<14}target/dev/logs", "Logs");
    println!("  {:<14}target/dev/mail", "Mails");
    println!("  {:<14}target/dev/gateway.json", "All of this");
    println!("\nCreate a checkout, then open its paymentUrl in a browser:\n");
    println!("  curl -s {}/v1/checkouts/{}/create \\", direct.urls.admin_api, seed.site_id);
    println!("    -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\", seed.api_key);
    println!("    -d '{EXAMPLE_CHECKOUT}'");
    if urls.checkout == direct.urls.checkout {
        println!("\n(There is neither Go nor Caddy, so the services are reached directly.)");
    }
    println!("\nCtrl-C stops all of it; the data stays in {}.", workspace::dev_folder().display());
}

/// The link by which the first person gets in, which the service has told its log; none where there is somebody.
fn first_link() -> Option<String> {
    let log = std::fs::read_to_string(workspace::dev_folder().join("logs/admin-api.log")).ok()?;
    let mut lines = log.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.find_map(|line| line["link"].as_str().map(str::to_owned))
}

fn with_slash(url: &str) -> String {
    format!("{}/", url.trim_end_matches('/'))
}

const EXAMPLE_CHECKOUT: &str = r#"{"amount": 4900, "currency": "EUR", "externalReference": "order-1", "items": [{"description": "Example product", "quantity": 1, "unitPrice": 4900, "itemType": "goods"}]}"#;
