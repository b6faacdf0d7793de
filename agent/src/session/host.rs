//! Figures of this host for heartbeats.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::wire::message::HostFigures;

/// Between two looks at the host: the processor's use over less time jumps, and people look no more often.
const MEASURED_EVERY: Duration = Duration::from_secs(5);

/// Measures the host; the processor's use is that since the last look.
#[derive(Debug)]
pub struct Host {
    data_dir: PathBuf,
    /// Busy and all ticks of all cores, as of the last look.
    ticks: (u64, u64),
    last: Option<(Instant, HostFigures)>,
}

impl Host {
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), ticks: ticks().unwrap_or_default(), last: None }
    }

    /// The host's figures as of the last few seconds, with these browsers and pages. Figures that cannot be read are 0.
    pub fn measure(&mut self, browsers: usize, pages: usize) -> HostFigures {
        let known = self.last.take().filter(|(at, _)| at.elapsed() < MEASURED_EVERY);
        let (at, figures) = known.unwrap_or_else(|| (Instant::now(), self.look()));
        self.last = Some((at, figures.clone()));
        HostFigures {
            browsers: browsers.min(usize::from(u16::MAX)) as u16,
            pages: pages.min(usize::from(u16::MAX)) as u16,
            ..figures
        }
    }

    fn look(&mut self) -> HostFigures {
        let now = ticks().unwrap_or(self.ticks);
        let (busy, all) = (now.0.saturating_sub(self.ticks.0), now.1.saturating_sub(self.ticks.1));
        if all > 0 {
            self.ticks = now;
        }
        let (used, total) = memory_mb().unwrap_or_default();
        HostFigures {
            cpu_percent: if all == 0 { 0.0 } else { (busy as f32 * 100.0 / all as f32).clamp(0.0, 100.0) },
            memory_used_mb: used,
            memory_total_mb: total,
            disk_free_mb: disk_free_mb(&self.data_dir).unwrap_or_default(),
            ..HostFigures::default()
        }
    }
}

fn ticks() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> = text.lines().next()?.split_whitespace().skip(1).flat_map(str::parse).collect();
    // user nice system idle iowait irq softirq steal; guest time is counted in user already.
    let all: u64 = fields.iter().take(8).sum();
    let idle = fields.get(3)? + fields.get(4)?;
    Some((all - idle, all))
}

fn memory_mb() -> Option<(u32, u32)> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let mb = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| (kb / 1024) as u32)
    };
    let total = mb("MemTotal:")?;
    Some((total.saturating_sub(mb("MemAvailable:")?), total))
}

fn disk_free_mb(path: &Path) -> Option<u32> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut figures = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` ends in a NUL, `figures` is writable and of the right type; it is read only after success.
    let figures = unsafe {
        if libc::statvfs(path.as_ptr(), figures.as_mut_ptr()) != 0 {
            return None;
        }
        figures.assume_init()
    };
    u32::try_from(figures.f_bavail.saturating_mul(figures.f_frsize) >> 20).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_this_host() {
        let mut host = Host::new(Path::new("/"));
        host.measure(0, 0);
        let figures = host.measure(1, 3);
        assert!(figures.memory_total_mb > 0 && figures.memory_used_mb <= figures.memory_total_mb);
        assert!((0.0..=100.0).contains(&figures.cpu_percent));
        assert_eq!((figures.browsers, figures.pages), (1, 3));
        assert!(disk_free_mb(Path::new("/")).is_some());
        assert!(disk_free_mb(Path::new("/no such folder")).is_none());
    }
}
