//! `cargo xtask bench`: how fast, how large, beside what the database can do without us.
//!
//! Release binaries, a mongod of its own on this machine's disk, every index, and the rate limits switched on
//! but set so high that they do not cap the load. Figures are printed and written to `target/bench/*.json`.

mod bodies;
mod create;
mod http;
mod intake;
mod invoices;
mod ipn;
mod load;
mod machine;
mod memory;
mod neighbours;
mod page;
mod panel;
mod raw;
mod report;
mod shop;
mod stencil;
mod versus;

use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::ValueEnum;
use mongodb::Database;
use serde_json::{Value, json};

use crate::Outcome;
use crate::stack::{Stack, StackOptions, say};
use crate::workspace::{self, SERVICES};
use machine::Process;
use report::Aim;
use versus::Turns;

/// The name of this process among those that are measured.
const GENERATOR: &str = "generator";

/// Rate limits that are on and never reached here.
const LIMITS: [&str; 6] = [
    "RATE_LIMIT_KEY_PER_SECOND",
    "RATE_LIMIT_ORGANIZATION_PER_SECOND",
    "RATE_LIMIT_ADDRESS_PER_SECOND",
    "RATE_LIMIT_PER_ADDRESS",
    "RATE_LIMIT_EVENTS_PER_PROVIDER",
    "RATE_LIMIT_HOOKS_PER_SENDER",
];
const LIMIT: &str = "1000000";

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Short rounds: half a minute in all; the figures waver more
    #[arg(long)]
    quick: bool,
    /// Only these, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Of the attacks on neighbours only these, separated by commas
    #[arg(long, value_delimiter = ',')]
    attacks: Vec<String>,
    /// Payments behind the panel's screens
    #[arg(long, default_value_t = panel::TRANSACTIONS)]
    transactions: u64,
    /// Without optimizations, to see that a part works: the figures mean nothing
    #[arg(long)]
    debug: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Create,
    Intake,
    Ipn,
    Page,
    Panel,
    Memory,
    Bodies,
    Invoices,
    /// With services and limits of its own, which nothing else is measured beside
    Neighbours,
}

/// A gateway under load.
struct Bench {
    stack: Stack,
    database: Database,
    quick: bool,
}

/// What one part has found.
struct Section {
    name: &'static str,
    figures: Value,
    aims: Vec<Aim>,
}

impl Bench {
    /// The services, mongod and this process.
    fn processes(&self) -> Vec<Process> {
        let mut processes = self.stack.processes();
        processes.push((GENERATOR.to_owned(), std::process::id()));
        processes
    }

    fn turns(&self) -> Turns {
        if self.quick {
            let counted = Duration::from_millis(700);
            Turns { rounds: 2, warm_up: Duration::from_millis(150), counted }
        } else {
            Turns { rounds: 3, warm_up: Duration::from_secs(1), counted: Duration::from_secs(4) }
        }
    }
}

/// Measures, prints and writes.
pub async fn run(args: Args) -> Outcome {
    if args.only == [Part::Invoices] {
        // No services and no generator: what is measured are processes of their own.
        invoices::alone(args.quick).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if cfg!(debug_assertions) && !args.debug {
        return tokio::task::spawn_blocking(run_optimized).await?;
    }
    if args.only == [Part::Neighbours] {
        return neighbours::alone(&args).await;
    }
    let environment = LIMITS.iter().map(|name| ((*name).to_owned(), LIMIT.to_owned())).collect();
    let folder = workspace::root().join("target/bench/stack");
    let options = StackOptions { release: !args.debug, fresh: true, caddy: false, folder, environment };
    let stack = Stack::start(&options).await?;
    let gateway = stack.gateway();
    let database = raw::database(&gateway.mongodb_uri, &gateway.database).await?;
    let mut bench = Bench { stack, database, quick: args.quick };
    let outcome = measure(&mut bench, &args).await;
    say("Stopping");
    bench.stack.stop().await;
    outcome?;
    if args.only.is_empty() || args.only.contains(&Part::Neighbours) {
        return neighbours::alone(&args).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// A generator without optimizations would measure itself: the same command again, built for release.
fn run_optimized() -> Outcome {
    say("Building for release (the first time takes minutes)");
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--bin", "xtask"]);
    for service in SERVICES {
        build.args(["--bin", service]);
    }
    if !build.status()?.success() {
        return Err("the workspace did not build (see above)".into());
    }
    let status =
        Command::new(workspace::binaries(true).join("xtask")).args(std::env::args_os().skip(1)).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(bench: &mut Bench, args: &Args) -> Outcome<()> {
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let machine = machine::describe();
    println!("\nTollgate bench{} on {machine}", if args.quick { " --quick" } else { "" });
    println!("Rate limits on, at {LIMIT}/s each; services, mongod and generator share this machine.");
    let mut sections = Vec::new();
    if wanted(Part::Memory) {
        sections.push(memory::idle(bench).await?);
    }
    if wanted(Part::Page) {
        sections.push(page::run(bench).await?);
    }
    if wanted(Part::Panel) {
        sections.push(panel::run(bench, args.transactions).await?);
    }
    if wanted(Part::Bodies) {
        sections.push(bodies::run(bench).await?);
    }
    if wanted(Part::Create) {
        sections.push(create::run(bench).await?);
    }
    if wanted(Part::Intake) {
        sections.push(intake::run(bench).await?);
    }
    if wanted(Part::Ipn) {
        sections.push(ipn::run(bench).await?);
    }
    if wanted(Part::Invoices) {
        sections.push(invoices::run(bench.quick).await?);
    }
    if let Some(section) = sections.iter_mut().find(|section| section.name == "memory") {
        memory::after_load(bench, section).await;
    }
    for section in &sections {
        write(section, &machine, args.quick)?;
    }
    let aims: Vec<Aim> = sections.into_iter().flat_map(|section| section.aims).collect();
    report::print_aims(&aims);
    println!("\nWritten to {}", workspace::root().join("target/bench").display());
    Ok(())
}

fn write(section: &Section, machine: &Value, quick: bool) -> Outcome<()> {
    let content = json!({
        "machine": machine,
        "quick": quick,
        "rateLimitsPerSecond": LIMIT,
        "aims": section.aims.iter().map(Aim::json).collect::<Vec<_>>(),
        "figures": section.figures,
    });
    let folder = workspace::root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.json", section.name));
    std::fs::write(path, serde_json::to_string_pretty(&content)? + "\n")?;
    Ok(())
}

/// The address of a listener.
fn address(url: &str) -> Outcome<SocketAddr> {
    let text = url.strip_prefix("http://").unwrap_or(url);
    text.parse().map_err(|_| format!("{url} is not a listener on this machine").into())
}
