//! Renders the sample invoice through the worker's pool of processes, for `cargo xtask bench --only invoices`.
//!
//! Its arguments are the worker's binary and how many processes there are. Each line `MILLISECONDS ORGANIZATIONS` on
//! standard input is a round, in which so many organizations each have one document made after another; the answer
//! is a line of JSON with the microseconds of each in it.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use documents::samples;
use gateway_core::{
    app::invoices::PaperRenderer,
    domain::{OrganizationId, invoice::Paper},
};
use worker::pool::{Limits, Pool, Program};

/// The worker's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(worker), Some(processes)) = (arguments.next(), arguments.next()) else {
        return Err("pool-bench WORKER PROCESSES".into());
    };
    let pool = Pool::start(Program::at(worker, &[])?, Limits::of(processes.parse()?)).await?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (length, organizations) = line.split_once(' ').ok_or("a round has two figures")?;
        let (length, organizations) = (Duration::from_millis(length.parse()?), organizations.trim().parse()?);
        let made: Vec<_> = (0..organizations)
            .map(|number| tokio::spawn(one(pool.clone(), OrganizationId::from_bytes([number; 12]), length)))
            .collect();
        let mut times = Vec::new();
        for of_one in made {
            times.extend(of_one.await??);
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&times)?)?;
        out.flush()?;
    }
    Ok(())
}

/// Microseconds of each document of an organization.
async fn one(pool: Pool, organization: OrganizationId, length: Duration) -> Result<Vec<u128>, String> {
    let (paper, begin): (Paper, _) = (samples::invoice(), Instant::now());
    let mut times = Vec::new();
    while begin.elapsed() < length {
        let start = Instant::now();
        let made = pool.render(organization, &paper).await.map_err(|error| error.to_string())?;
        times.push(start.elapsed().as_micros());
        if made.xml.is_none() || !made.pdf.starts_with(b"%PDF") {
            return Err("this is no invoice".to_owned());
        }
    }
    Ok(times)
}
