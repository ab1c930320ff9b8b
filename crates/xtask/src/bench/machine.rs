//! What the machine says of processes and of itself, from `/proc`.

use std::fs;

use serde_json::{Value, json};

/// One tick of the times in `/proc/<pid>/stat`, in microseconds: `USER_HZ` is 100 on every Linux.
const TICK_US: u64 = 10_000;

/// A process by its name.
pub type Process = (String, u32);

/// Processor time that a process has used, in microseconds; zero when it has ended.
pub fn cpu_us(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name may hold spaces; after its bracket the third field comes first, see proc(5).
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * TICK_US
}

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident.
    pub rss_kib: u64,
    /// Resident, shared pages divided among those who share them.
    pub pss_kib: u64,
}

/// Reads `smaps_rollup`; `None` when the process has ended or the kernel does not say.
pub fn memory(pid: u32) -> Option<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some(Memory { rss_kib: field("Rss:")?, pss_kib: field("Pss:")? })
}

/// What the figures were measured on.
pub fn describe() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpus": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "cpu": model.map(|(_, name)| name.trim()),
        "memoryKib": memory.parse::<u64>().ok(),
        "loadAverageAtStart": load.split_whitespace().next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_this_process() {
        let before = cpu_us(std::process::id());
        let until = std::time::Instant::now() + std::time::Duration::from_millis(60);
        while std::time::Instant::now() < until {
            std::hint::black_box(before);
        }
        assert!(cpu_us(std::process::id()) > before);
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.rss_kib >= memory.pss_kib && memory.pss_kib > 0);
        assert_eq!(cpu_us(u32::MAX), 0);
    }
}
