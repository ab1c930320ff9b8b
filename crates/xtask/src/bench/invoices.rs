//! PDF invoices: the worker's renderer in the process and through the worker's pool of processes, beside WeasyPrint
//! and a headless Chromium that is kept running, in turns.
//!
//! All print the same invoice. Ours makes PDF/A-3 with the XML inside; the others print plain PDF from the HTML beside
//! this file. The typesetter and the pool are example binaries of `documents` and `worker`, so that xtask need not
//! compile them.

mod chromium;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::report::{Aim, Latencies, hundredths, ms};
use super::{Section, write};
use crate::stack::say;
use crate::workspace;
use crate::{Outcome, bench::machine};
use chromium::Chromium;

/// The version that is measured against.
const WEASYPRINT: &str = "weasyprint==70.0";

const HTML: &str = include_str!("invoices/invoice.html");

const SCRIPT: &str = include_str!("invoices/weasyprint.py");

/// Microseconds for one invoice.
const P50_MOST: u64 = 8_000;

/// Processes of the pool, and organizations that have documents made: more, so that none waits for the other's read
/// and write.
const POOL: (u32, u32) = (2, 4);

/// Hundredths of an invoice per second of a pool of two processes on two cores.
const POOL_RATE_LEAST: u64 = 27_000;

/// Somebody who prints invoices for a while and says how long each took.
trait Printer {
    fn round(&mut self, length: Duration) -> Outcome<Latencies>;
}

/// A process that answers a line with milliseconds by a line with a list of microseconds.
struct Worker {
    child: Child,
    rounds: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(command: &mut Command) -> Outcome<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(rounds), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a process without its pipes".into());
        };
        Ok(Self { child, rounds, answers: BufReader::new(answers) })
    }

    fn begin(&mut self, length: Duration) -> Outcome<()> {
        writeln!(self.rounds, "{}", length.as_millis())?;
        Ok(self.rounds.flush()?)
    }

    /// A round of a pool, with documents of so many organizations.
    fn pooled(&mut self, length: Duration, organizations: u32) -> Outcome<Latencies> {
        writeln!(self.rounds, "{} {organizations}", length.as_millis())?;
        self.rounds.flush()?;
        self.end()
    }

    fn end(&mut self) -> Outcome<Latencies> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the process ended before its time (see above)".into());
        }
        let mut latencies = Latencies::default();
        let times: Vec<u64> = serde_json::from_str(&line)?;
        for us in times {
            latencies.push(Duration::from_micros(us));
        }
        Ok(latencies)
    }
}

impl Printer for Worker {
    fn round(&mut self, length: Duration) -> Outcome<Latencies> {
        self.begin(length)?;
        self.end()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one printer took, over all rounds.
struct Score {
    name: &'static str,
    latencies: Latencies,
    elapsed: Duration,
}

impl Score {
    fn new(name: &'static str) -> Self {
        Self { name, latencies: Latencies::default(), elapsed: Duration::ZERO }
    }

    fn add(&mut self, latencies: Latencies, elapsed: Duration) {
        self.latencies.extend(latencies);
        self.elapsed += elapsed;
    }

    /// Hundredths of an invoice per second.
    fn rate(&self) -> u64 {
        let count = u64::try_from(self.latencies.len()).unwrap_or(u64::MAX);
        let elapsed = u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX);
        count.saturating_mul(100_000_000) / elapsed.max(1)
    }

    fn p50(&self) -> u64 {
        self.latencies.percentiles([50])[0]
    }

    fn json(&self) -> Value {
        json!({ "latency": self.latencies.json(), "perSecondHundredths": self.rate() })
    }

    fn print(&self) {
        let [p50, p99] = self.latencies.percentiles([50, 99]);
        println!(
            "  {:<28}p50 {:>10}  p99 {:>10}  {:>8}/s",
            self.name,
            ms(p50),
            ms(p99),
            hundredths(self.rate())
        );
    }
}

/// Measures, without the services.
pub async fn alone(quick: bool) -> Outcome<()> {
    say("Building the renderer for release (the first time takes minutes)");
    let section = run(quick).await?;
    super::report::print_aims(&section.aims);
    write(&section, &machine::describe(), quick)
}

/// Measures.
pub async fn run(quick: bool) -> Outcome<Section> {
    tokio::task::spawn_blocking(move || measure(quick)).await?
}

fn measure(quick: bool) -> Outcome<Section> {
    let [renderer, pool, worker] = build()?;
    let mut pool = Worker::start(Command::new(&pool).arg(&worker).arg(POOL.0.to_string()))?;
    let mut ours =
        [Worker::start(&mut Command::new(&renderer))?, Worker::start(&mut Command::new(&renderer))?];
    let mut others: Vec<(Score, Box<dyn Printer>)> = Vec::new();
    match weasyprint() {
        Ok(printer) => others.push((Score::new("WeasyPrint"), Box::new(printer))),
        Err(error) => println!("  WeasyPrint is left out: {error}"),
    }
    match Chromium::start(HTML) {
        Ok(printer) => others.push((Score::new("Chromium, kept running"), Box::new(printer))),
        Err(error) => println!("  Chromium is left out: {error}"),
    }
    println!("\nPDF invoices: one page, eight lines, two rates, a drawn logo");
    let (rounds, length) = if quick { (2, Duration::from_secs(2)) } else { (3, Duration::from_secs(6)) };
    let warm_up = length / 4;
    for printer in &mut ours {
        printer.round(warm_up)?;
    }
    for (_, printer) in &mut others {
        printer.round(warm_up)?;
    }
    pool.pooled(warm_up, POOL.1)?;
    let mut one = Score::new("Tollgate, one process");
    let mut two = Score::new("Tollgate, two processes");
    let mut pool_one = Score::new("Tollgate's pool, one at a time");
    let mut pool_all = Score::new("Tollgate's pool of two, flat out");
    for _ in 0..rounds {
        let begin = Instant::now();
        one.add(ours[0].round(length)?, begin.elapsed());
        let begin = Instant::now();
        pool_one.add(pool.pooled(length, 1)?, begin.elapsed());
        let begin = Instant::now();
        pool_all.add(pool.pooled(length, POOL.1)?, begin.elapsed());
        for (score, printer) in &mut others {
            let begin = Instant::now();
            score.add(printer.round(length)?, begin.elapsed());
        }
        let begin = Instant::now();
        for printer in &mut ours {
            printer.begin(length)?;
        }
        let mut both = Latencies::default();
        for printer in &mut ours {
            both.extend(printer.end()?);
        }
        two.add(both, begin.elapsed());
    }
    let others: Vec<Score> = others.into_iter().map(|(score, _)| score).collect();
    Ok(section([&one, &two, &pool_one, &pool_all], &others))
}

fn section(ours: [&Score; 4], others: &[Score]) -> Section {
    let [one, two, pool_one, pool_all] = ours;
    for score in ours.into_iter().chain(others) {
        score.print();
    }
    let mut aims = vec![
        Aim::at_most("a PDF invoice, warm p50", one.p50(), P50_MOST, ms),
        Aim::at_most("a PDF invoice through the pool, warm p50", pool_one.p50(), P50_MOST, ms),
        Aim::at_least("the pool of two, rate per second", pool_all.rate(), POOL_RATE_LEAST, hundredths),
        Aim::at_least(
            "the pool of two beside one renderer in the process, rate",
            pool_all.rate() * 100 / one.rate().max(1),
            180,
            hundredths,
        ),
        Aim::at_least(
            "two renderers beside one, rate",
            two.rate() * 100 / one.rate().max(1),
            180,
            hundredths,
        ),
    ];
    for score in others {
        let least = if score.name == "WeasyPrint" { 1_200 } else { 1_000 };
        let times = score.p50() * 100 / one.p50().max(1);
        aims.push(Aim::at_least(format!("{}, times our p50", score.name), times, least, hundredths));
    }
    let scores = ours.into_iter().chain(others);
    let figures =
        scores.map(|score| (score.name.to_owned(), score.json())).collect::<serde_json::Map<_, _>>();
    Section { name: "invoices", figures: figures.into(), aims }
}

/// The binaries of the renderer, of the pool and of the worker, optimized.
fn build() -> Outcome<[PathBuf; 3]> {
    let arguments =
        ["build", "--release", "--bin", "worker", "--example", "render-bench", "--example", "pool-bench"];
    if !workspace::cargo().args(arguments).status()?.success() {
        return Err("the renderer did not build (see above)".into());
    }
    let built = workspace::binaries(true);
    Ok(["examples/render-bench", "examples/pool-bench", "worker"].map(|name| built.join(name)))
}

/// WeasyPrint with its libraries, installed once.
fn weasyprint() -> Outcome<Worker> {
    let folder = workspace::root().join("target/bench");
    let libraries = folder.join("weasyprint-70.0");
    if !libraries.exists() {
        say("Installing WeasyPrint to measure against");
        let unfinished = folder.join("weasyprint.unfinished");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        if !pip.arg(&unfinished).arg(WEASYPRINT).stdin(Stdio::null()).status()?.success() {
            return Err("pip cannot install it".into());
        }
        std::fs::rename(&unfinished, &libraries)?;
    }
    let page = folder.join("invoice.html");
    std::fs::write(&page, HTML)?;
    Worker::start(Command::new("python3").args(["-c", SCRIPT]).arg(page).env("PYTHONPATH", libraries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_ratios_come_from_what_was_counted() {
        let score = |name, us: u64, times: u32| {
            let mut score = Score::new(name);
            let mut latencies = Latencies::default();
            (0..times).for_each(|_| latencies.push(Duration::from_micros(us)));
            score.add(latencies, Duration::from_secs(2));
            score
        };
        let (one, two, other) =
            (score("one", 8_000, 250), score("two", 8_000, 480), score("WeasyPrint", 96_000, 20));
        let (pool_one, pool_all) = (score("pool", 7_900, 250), score("flat out", 14_000, 560));
        assert_eq!((one.rate(), one.p50()), (12_500, 8_000));
        let ours = [&one, &two, &pool_one, &pool_all];
        let aims: Vec<Value> = section(ours, &[other]).aims.iter().map(Aim::json).collect();
        let measured: Vec<&Value> = aims.iter().map(|aim| &aim["measured"]).collect();
        assert_eq!(measured, ["8.00 ms", "7.90 ms", "280.00", "2.24", "1.92", "12.00"]);
        assert!(aims.iter().all(|aim| aim["met"] == true), "{aims:?}");
    }
}
