//! Memory of the three services.

use std::time::Duration;

use serde_json::{Value, json};

use super::machine::{self, Memory, Process};
use super::report::{Aim, megabytes};
use super::{Bench, Section};
use crate::Outcome;
use crate::workspace::SERVICES;

/// What the three may take together while nothing happens, in KiB: 100 MB.
const IDLE_KIB_MAX: u64 = 100_000_000_u64.div_ceil(1024);

/// Time to come to rest.
const REST: Duration = Duration::from_secs(3);

/// Reads every process's memory and prints it; answers the services' sum of resident memory.
fn read(processes: &[Process], when: &str) -> (u64, Value) {
    let mut sum = Memory { rss_kib: 0, pss_kib: 0 };
    let mut each = serde_json::Map::new();
    let mut words = Vec::new();
    for (name, pid) in processes {
        let Some(memory) = machine::memory(*pid) else { continue };
        words.push(format!("{name} {}", megabytes(memory.rss_kib)));
        each.insert(name.clone(), json!({ "rssKib": memory.rss_kib, "pssKib": memory.pss_kib }));
        if SERVICES.contains(&name.as_str()) {
            sum.rss_kib += memory.rss_kib;
            sum.pss_kib += memory.pss_kib;
        }
    }
    println!(
        "  {when}: {} resident in the three services, {} proportional ({})",
        megabytes(sum.rss_kib),
        megabytes(sum.pss_kib),
        words.join(", ")
    );
    (sum.rss_kib, json!({ "servicesRssKib": sum.rss_kib, "servicesPssKib": sum.pss_kib, "each": each }))
}

/// Measures after the start, before any load.
pub async fn idle(bench: &Bench) -> Outcome<Section> {
    println!("\nMemory");
    tokio::time::sleep(REST).await;
    let (sum, figures) = read(&bench.processes(), "idle after the start");
    let aims =
        vec![Aim::at_most("idle memory of the three services, resident", sum, IDLE_KIB_MAX, megabytes)];
    Ok(Section { name: "memory", figures: json!({ "idle": figures }), aims })
}

/// Measures again when the load is over.
pub async fn after_load(bench: &Bench, section: &mut Section) {
    println!("\nMemory");
    tokio::time::sleep(REST).await;
    let (_, figures) = read(&bench.processes(), "idle after the load");
    section.figures["afterLoad"] = figures;
}
