//! What the process costs, read from `/proc` at each scrape, under the names that every
//! Prometheus client library uses.

use std::{
    fs,
    sync::{Mutex, PoisonError},
};

use prometheus::{
    Counter, Gauge, IntGauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// Unit of `/proc`'s times in seconds: `USER_HZ`, 100 on every Linux architecture in use.
const TICKS: f64 = 100.0;

/// The collector; one for each registry.
#[derive(Debug)]
pub(crate) struct Process {
    cpu: Counter,
    started: Gauge,
    resident: IntGauge,
    threads: IntGauge,
    open: IntGauge,
    most: IntGauge,
    /// Two scrapes at once must not add the processor time twice.
    scrape: Mutex<()>,
}

impl Process {
    /// Nothing on systems without `/proc`.
    pub(crate) fn new() -> prometheus::Result<Option<Self>> {
        if Times::read().is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "Processor time spent, in seconds.",
            )?,
            started: Gauge::new(
                "process_start_time_seconds",
                "When the process started, in seconds since 1970.",
            )?,
            resident: IntGauge::new(
                "process_resident_memory_bytes",
                "Memory that is really used.",
            )?,
            threads: IntGauge::new("process_threads", "Threads of the process.")?,
            open: IntGauge::new("process_open_fds", "Open file descriptors.")?,
            most: IntGauge::new(
                "process_max_fds",
                "File descriptors that may be open at most.",
            )?,
            scrape: Mutex::new(()),
        }))
    }

    fn parts(&self) -> [&dyn Collector; 6] {
        [
            &self.cpu,
            &self.started,
            &self.resident,
            &self.threads,
            &self.open,
            &self.most,
        ]
    }

    fn refresh(&self) {
        if let Some(times) = Times::read() {
            self.cpu.reset();
            self.cpu.inc_by(times.cpu);
            self.started.set(times.started);
        }
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            let kibibytes = number_after(&status, "VmRSS:").unwrap_or(0);
            self.resident.set(kibibytes.saturating_mul(1024));
            self.threads
                .set(number_after(&status, "Threads:").unwrap_or(0));
        }
        if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
            // One of them is the reading itself.
            let count = descriptors.count().saturating_sub(1);
            self.open.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        if let Ok(limits) = fs::read_to_string("/proc/self/limits") {
            // "unlimited" is no number: as many as there can be.
            self.most
                .set(number_after(&limits, "Max open files").unwrap_or(i64::MAX));
        }
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.parts().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh();
        self.parts()
            .into_iter()
            .flat_map(Collector::collect)
            .collect()
    }
}

struct Times {
    cpu: f64,
    started: f64,
}

impl Times {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let boot = number_after(&fs::read_to_string("/proc/stat").ok()?, "btime")?;
        // The name, in brackets, may hold spaces and brackets itself. Fields are counted as
        // in proc(5), where the state that follows the name is field 3.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu: (ticks(14)? + ticks(15)?) / TICKS,
            started: boot as f64 + ticks(22)? / TICKS,
        })
    }
}

fn number_after(text: &str, name: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_process_is_young_small_and_measured_again_each_time() {
        let process = Process::new().unwrap().expect("tests run on Linux");
        process.collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - process.started.get();
        assert!((-2.0..3600.0).contains(&age), "{age}");
        assert!((100_000..10_000_000_000).contains(&process.resident.get()));
        assert!(process.threads.get() >= 1 && process.most.get() >= process.open.get());

        let before = process.open.get();
        let files: Vec<_> = (0..20)
            .map(|_| fs::File::open("/proc/self/stat").unwrap())
            .collect();
        process.collect();
        assert!(process.open.get() >= before + 10, "twenty more are open");
        drop(files);
    }

    #[test]
    fn numbers_are_found_by_their_name() {
        let limits = "Limit  Soft  Hard\nMax open files            1024   4096  files\n";
        assert_eq!(number_after(limits, "Max open files"), Some(1024));
        assert_eq!(number_after(limits, "Max processes"), None);
        assert_eq!(
            number_after("Max open files  unlimited", "Max open files"),
            None
        );
    }
}
