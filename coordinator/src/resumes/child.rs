//! The child's side: reads a file from standard input, writes the [`Outcome`] to standard output.
//!
//! Started by [`super::parent`], which has set the resource limits; what can only be given up after
//! `exec` (core dumps, the network) is given up here, before the first byte is read.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::panic::AssertUnwindSafe;

use serde::{Deserialize, Serialize};

use super::{BYTES_MAX, Code, Extracted, text};

/// What the child says, as one JSON document.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Whether the kernel let the child leave the network.
    pub isolated: bool,
    pub result: Result<Extracted, Code>,
}

/// The whole life of `valet resume-child <declared type>`. Must be called before any thread is
/// started: the kernel moves only a single-threaded process into a namespace of its own.
pub fn child_main() -> ! {
    child_main_with(|bytes, declared, _| text::extract(bytes, declared))
}

/// [`child_main`] with another reader than [`text::extract`], which is also told whether the network is
/// gone; for the tests' helper.
#[doc(hidden)]
pub fn child_main_with(read: impl FnOnce(&[u8], &str, bool) -> Result<Extracted, Code>) -> ! {
    let isolated = leave_the_network();
    let Some(mut answer) = take_stdout() else { std::process::exit(1) };
    // The parsers underneath panic on odd input, and their panic messages quote the input.
    std::panic::set_hook(Box::new(|_| {}));
    let declared = std::env::args().nth(2).unwrap_or_default();
    let result = read_input().and_then(|bytes| {
        let read = AssertUnwindSafe(|| read(&bytes, &declared, isolated));
        std::panic::catch_unwind(read).unwrap_or(Err(Code::Unreadable))
    });
    let outcome = Outcome { isolated, result };
    let written = serde_json::to_vec(&outcome).map_err(std::io::Error::from).and_then(|bytes| answer.write_all(&bytes));
    std::process::exit(i32::from(written.is_err()));
}

fn read_input() -> Result<Vec<u8>, Code> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|_| Code::Crashed)?;
    if bytes.len() > BYTES_MAX {
        return Err(Code::TooLarge);
    }
    Ok(bytes)
}

/// Gives up core dumps and debuggers, then the network by moving to an empty network namespace.
fn leave_the_network() -> bool {
    // SAFETY: both calls take plain integers and change only this process.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) == 0
    }
}

/// The answer's pipe, with standard output pointed at standard error: a library that prints must not
/// be able to write into the answer.
fn take_stdout() -> Option<File> {
    // SAFETY: `dup` makes a descriptor that nothing else knows, so the `File` owns it alone; `dup2`
    // replaces descriptor 1 in one step and nothing holds it locked at this point.
    unsafe {
        let fd = libc::dup(1);
        if fd < 0 || libc::dup2(2, 1) < 0 {
            return None;
        }
        Some(File::from_raw_fd(fd))
    }
}
