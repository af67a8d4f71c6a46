//! A program in a process group of its own, so that it ends with all that it started, and its terminal.

use std::io::{IsTerminal, stdin};

use nix::sys::signal::SigSet;
use rustix::process::{
    Pid, Signal, WaitIdOptions, WaitOptions, getpgrp, getpid, kill_process, kill_process_group,
    test_kill_process_group, waitid, waitpgid,
};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use tokio::process::Child;

/// A process group, whose id is that of the program that leads it. It has the terminal where this process would have it:
/// who reads from a terminal without having it is stopped.
pub(crate) struct Group(Pid);

impl Group {
    pub(crate) fn of(child: &Child) -> Option<Self> {
        let group = Self(pid(child)?);
        group.take_terminal();
        Some(group)
    }

    /// Passes a signal on to all of it; two are about this process and its terminal.
    pub(crate) fn pass(&self, signal: Signal) {
        match signal {
            Signal::CHILD => self.stop_with_it(),
            Signal::CONT => self.take_terminal(),
            // Fails only where it has just ended. What is stopped takes its signal when it goes on.
            signal => _ = kill_process_group(self.0, signal).and_then(|()| kill_process_group(self.0, Signal::CONT)),
        }
    }

    /// Whether nothing of it is there any more. Takes in what has ended: see [`adopt_orphans`].
    pub(crate) fn is_gone(&self) -> bool {
        while let Ok(Some(_)) = waitpgid(self.0, WaitOptions::NOHANG) {}
        test_kill_process_group(self.0) == Err(rustix::io::Errno::SRCH)
    }

    /// Gives the group this process's place at the terminal, and lets it go on.
    fn take_terminal(&self) {
        if has_terminal(getpgrp()) {
            give_terminal(self.0);
        }
        let _ = kill_process_group(self.0, Signal::CONT);
    }

    /// Ctrl-Z stops the program: then the shell that waits for this process gets the terminal.
    fn stop_with_it(&self) {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        if has_terminal(self.0) && matches!(waitid(rustix::process::WaitId::Pid(self.0), options), Ok(Some(_))) {
            give_terminal(getpgrp());
            let _ = kill_process(getpid(), Signal::STOP);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if has_terminal(self.0) {
            give_terminal(getpgrp());
        }
    }
}

/// The program's id, while it runs.
pub(crate) fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Lets this process be the parent of what loses its own, so that it sees when that ends. Elsewhere, and where a container
/// has no other, the first process is it.
pub(crate) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    // Fails on no kernel of this decade.
    let _ = rustix::process::set_child_subreaper(Some(getpid()));
}

fn has_terminal(group: Pid) -> bool {
    stdin().is_terminal() && tcgetpgrp(stdin()) == Ok(group)
}

/// Who does not have the terminal may give it away only without hearing the signal that forbids it.
fn give_terminal(group: Pid) {
    let mut forbids = SigSet::empty();
    forbids.add(nix::sys::signal::Signal::SIGTTOU);
    if forbids.thread_block().is_ok() {
        let _ = tcsetpgrp(stdin(), group);
        let _ = forbids.thread_unblock();
    }
}
