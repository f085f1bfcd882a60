//! The process group of a server that is starting.

/// Kills the process group of a server when it is dropped, unless the server has started.
///
/// A launcher such as `npx` starts further processes, which would survive it. A server that does not lead a group is
/// not affected.
#[derive(Debug)]
pub(super) struct StartingGroup {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl StartingGroup {
    /// Creates the guard for the process with this id.
    #[cfg(unix)]
    pub(super) fn of(process: Option<u32>) -> Self {
        use rustix::process::{Pid, getpgid};

        let process = process.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let leads_group = |process: &Pid| getpgid(Some(*process)) == Ok(*process);
        Self {
            leader: process.filter(leads_group),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: Option<u32>) -> Self {
        Self {}
    }

    /// Lets the group run: its server has started.
    pub(super) fn keep(&mut self) {
        #[cfg(unix)]
        self.leader.take();
    }
}

#[cfg(unix)]
impl Drop for StartingGroup {
    fn drop(&mut self) {
        use rustix::process::{Signal, kill_process_group};

        if let Some(leader) = self.leader {
            // An error means that all processes of the group have ended.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
