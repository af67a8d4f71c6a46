//! The log probe: whatever this process logs, at trace level, is searched for the canary as it is written. And a log that
//! is kept, for a test that reads it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::leak::shows_canary;

static LINES: AtomicU64 = AtomicU64::new(0);
static HAS_LEAKED: AtomicBool = AtomicBool::new(false);

/// Logs everything from now on, into the probe.
pub fn watch() {
    static START: Once = Once::new();
    START.call_once(|| tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(|| Probe).init());
}

/// Panics if nothing was logged, or a part of the canary. The message does not repeat it.
///
/// # Panics
///
/// If the log leaks.
pub fn assert_no_leak() {
    assert!(LINES.load(Ordering::SeqCst) > 0, "the log is watched");
    assert!(!HAS_LEAKED.load(Ordering::SeqCst), "the log shows a part of a secret");
}

struct Probe;

impl io::Write for Probe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.fetch_add(1, Ordering::SeqCst);
        if shows_canary(&String::from_utf8_lossy(line)) {
            HAS_LEAKED.store(true, Ordering::SeqCst);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a subscriber writes, kept.
#[derive(Clone, Default, Debug)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}
