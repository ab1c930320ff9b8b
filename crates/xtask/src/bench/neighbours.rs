//! Whether one organization can slow another down: what a well-behaved one sees while a hostile one does its worst within
//! its limits, beside what it sees alone. The limits are those of a fresh installation.

mod attacks;
mod victim;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::report::{Aim, ms};
use super::{Args, Section};
use crate::Outcome;
use crate::stack::{Stack, StackOptions, say};
use crate::workspace;
use attacks::{Attack, Hostile, Traps};
use victim::{Kind, Seen, Victim};

/// The name of the part, and of the file that it writes.
const NAME: &str = "neighbours";

/// What a request may take more under attack than twice as long as alone.
const MORE_US: u64 = 50_000;
/// The same for documents.
const MORE_FOR_DOCUMENTS_US: u64 = 1_000_000;
/// Limits that would be met by both at once.
const OF_ADDRESSES: [&str; 2] = ["RATE_LIMIT_ADDRESS_PER_SECOND", "RATE_LIMIT_PER_ADDRESS"];
/// How long an attack goes on before the victim is looked at.
const HEAD_START: Duration = Duration::from_secs(3);

/// Starts services of its own and measures.
pub async fn alone(args: &Args) -> Outcome {
    let traps = Traps::set().await?;
    let folder = workspace::root().join("target/bench/neighbours");
    let mut environment = vec![("STRIPE_API_BASE_URL".to_owned(), traps.provider.clone())];
    // Everything here comes from one address.
    environment.extend(OF_ADDRESSES.map(|name| (name.to_owned(), "0".to_owned())));
    let options = StackOptions { release: !args.debug, fresh: true, caddy: false, folder, environment };
    let stack = Stack::start(&options).await?;
    let outcome = measure(&stack, &traps, args).await;
    say("Stopping");
    stack.stop().await;
    let section = outcome?;
    super::write(&section, &super::machine::describe(), args.quick)?;
    super::report::print_aims(&section.aims);
    Ok(ExitCode::SUCCESS)
}

async fn measure(stack: &Stack, traps: &Traps, args: &Args) -> Outcome<Section> {
    let seconds = if args.quick { 10 } else { 50 };
    println!(
        "\nNeighbours: requests of one organization, 20/s of each kind for {seconds} s, beside a hostile one"
    );
    let gateway = stack.gateway();
    let neighbour = stack.another_organization(!args.debug, "Neighbour GmbH").await?;
    let victim = Victim::move_in(gateway, neighbour).await?;
    let hostile = Hostile::move_in(gateway, stack.live_key(!args.debug).await?, traps).await?;
    // The first round warms up.
    victim.look(3).await?;
    let alone = victim.look(seconds).await?;
    print("alone", &alone, None);
    let mut figures = vec![json!({ "attack": "none", "seen": json(&alone) })];
    let mut aims = Vec::new();
    for attack in Attack::ALL {
        if !args.attacks.is_empty() && !args.attacks.iter().any(|wanted| wanted == attack.name()) {
            continue;
        }
        let raid = hostile.begin(attack).await?;
        tokio::time::sleep(HEAD_START).await;
        let seen = victim.look(seconds).await?;
        let done = raid.end().await;
        done.check()?;
        print(&format!("{} ({done})", attack.name()), &seen, Some(&alone));
        aims.extend(aims_of(attack, &seen, &alone));
        figures.push(json!({ "attack": attack.name(), "requests": done.to_string(), "seen": json(&seen) }));
        hostile.make_peace().await?;
    }
    Ok(Section { name: NAME, figures: json!({ "rounds": figures }), aims })
}

fn p99(seen: &Seen, kind: Kind) -> u64 {
    seen.latencies(kind).percentiles([99])[0]
}

fn aims_of(attack: Attack, seen: &Seen, alone: &Seen) -> Vec<Aim> {
    let mut aims: Vec<Aim> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let more = if kind == Kind::Document { MORE_FOR_DOCUMENTS_US } else { MORE_US };
            let most = 2 * p99(alone, kind) + more;
            Aim::at_most(format!("{} under {}: p99", kind.name(), attack.name()), p99(seen, kind), most, ms)
        })
        .collect();
    let failed = format!("requests that failed under {}", attack.name());
    aims.push(Aim::no_more(failed, seen.failed(), alone.failed()));
    aims
}

fn print(what: &str, seen: &Seen, alone: Option<&Seen>) {
    println!("  {what}");
    for kind in Kind::ALL {
        let [p50, p99, max] = seen.latencies(kind).percentiles([50, 99, 100]);
        let beside = alone.map(|alone| {
            let [_, alone] = alone.latencies(kind).percentiles([50, 99]);
            format!(" (alone {})", ms(alone))
        });
        println!(
            "    {:<9} {:>5} answered, p50 {}, p99 {}{}, max {}",
            kind.name(),
            seen.latencies(kind).len(),
            ms(p50),
            ms(p99),
            beside.unwrap_or_default(),
            ms(max)
        );
    }
    if let Some(error) = seen.first_error() {
        println!("    {} FAILED, the first: {error}", seen.failed());
    }
}

fn json(seen: &Seen) -> Value {
    let of = |kind: Kind| (kind.name().to_owned(), seen.latencies(kind).json());
    let mut figures: serde_json::Map<String, Value> = Kind::ALL.into_iter().map(of).collect();
    figures.insert("failed".to_owned(), json!(seen.failed()));
    Value::Object(figures)
}
