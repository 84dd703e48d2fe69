//! Leases: what readers and writers of one open store keep vacuum from removing.
//!
//! A store has one lease for all its snapshots: it protects every version from the oldest on that
//! one of them sees. It is written when a snapshot is taken and the oldest is another one than
//! before, and by the heartbeat. A writer has a lease of its own for the files that no version
//! names yet.
//!
//! The order matters. A reader first writes its lease and then asks whether the version is kept;
//! vacuum first writes which versions are kept and then asks for the leases. So either sees the
//! other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::activity::{Activity, Protected, now};
use crate::alive::{self, Alive};

/// Time between two beats.
const BEAT: Duration = Duration::from_secs(10);

/// Without a beat for so long, a lease counts no more.
pub const LEASE_TIMEOUT: Duration = Duration::from_secs(60);

/// The leases of one open store.
#[derive(Debug)]
pub(crate) struct Leases {
    activity: Mutex<Activity>,
    /// The files of processes at work.
    alive: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// What others see of this process, once it has a lease.
    process: Option<Process>,
    /// How many snapshots see each version.
    in_use: BTreeMap<u64, usize>,
    /// Number of the readers' lease, and the oldest version that it protects.
    reading: Option<(i64, u64)>,
    /// Numbers of the writers' leases, and since when they write.
    writing: BTreeMap<i64, f64>,
    /// Ends the heartbeat when it is dropped.
    heart: Option<Sender<()>>,
}

/// How others know the process of a lease.
#[derive(Debug)]
enum Process {
    /// By a file, which tells at once that it has died.
    Locked(Alive),
    /// By its heartbeat alone.
    Beating,
}

impl Process {
    fn number(&self) -> i64 {
        match self {
            Self::Locked(alive) => alive.number(),
            Self::Beating => i64::from(std::process::id()),
        }
    }
}

/// Keeps one version from being removed as long as it lives.
#[derive(Debug)]
pub(crate) struct VersionLease {
    leases: Arc<Leases>,
    version: u64,
}

/// Keeps the files that are being written from being taken for orphans, as long as it lives.
#[derive(Debug)]
pub struct WriteLease {
    leases: Arc<Leases>,
    number: i64,
}

impl Leases {
    /// # Arguments
    /// * `alive` - the folder of the files of processes at work
    pub fn new(activity: Activity, alive: PathBuf) -> Arc<Self> {
        Arc::new(Self { activity: Mutex::new(activity), alive, held: Mutex::default() })
    }

    pub fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Protect a version and all later ones.
    pub fn read(self: &Arc<Self>, version: u64) -> Result<VersionLease> {
        let mut held = self.held();
        let process = self.process(&mut held);
        let in_use = held.in_use.first_key_value().map(|(version, _)| *version);
        let oldest = in_use.map_or(version, |oldest| oldest.min(version));
        match held.reading {
            Some((_, protected)) if protected == oldest => {}
            Some((number, _)) => {
                self.activity().renew_lease(number, process, Protected::Versions(oldest))?;
                held.reading = Some((number, oldest));
            }
            None => {
                let number = self.activity().add_lease(process, Protected::Versions(oldest))?;
                held.reading = Some((number, oldest));
            }
        }
        *held.in_use.entry(version).or_default() += 1;
        self.keep_beating(&mut held);
        Ok(VersionLease { leases: Arc::clone(self), version })
    }

    /// Protect files that are written from now on.
    pub fn write(self: &Arc<Self>) -> Result<WriteLease> {
        let mut held = self.held();
        let since = now();
        let process = self.process(&mut held);
        let number = self.activity().add_lease(process, Protected::FilesSince(since))?;
        held.writing.insert(number, since);
        self.keep_beating(&mut held);
        Ok(WriteLease { leases: Arc::clone(self), number })
    }

    /// Forget the leases of processes that are no more; say whether there were some.
    pub fn forget_dead(&self) -> Result<bool> {
        let dead = alive::dead(&self.alive);
        for process in &dead {
            self.activity().remove_leases_of(process.number())?;
        }
        Ok(!dead.is_empty())
    }

    /// Forget the leases of processes that are no more, or have not been heard of for `timeout`; return what
    /// the others protect.
    pub fn protected(&self, timeout: Duration) -> Result<Vec<Protected>> {
        self.forget_dead()?;
        self.activity().protected(timeout)
    }

    /// The number under which the leases of this process are written down.
    fn process(&self, held: &mut Held) -> i64 {
        let begin = || match Alive::begin(&self.alive) {
            Ok(alive) => Process::Locked(alive),
            Err(error) => {
                tracing::debug!(%error, folder = %self.alive.display(), "no file to be locked");
                Process::Beating
            }
        };
        held.process.get_or_insert_with(begin).number()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_beating(self: &Arc<Self>, held: &mut Held) {
        if held.heart.is_some() {
            return;
        }
        let (heart, stopped) = mpsc::channel::<()>();
        held.heart = Some(heart);
        let leases: Weak<Self> = Arc::downgrade(self);
        thread::spawn(move || {
            while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                let Some(leases) = leases.upgrade() else { return };
                if let Err(error) = leases.beat() {
                    tracing::warn!(%error, "leases could not be renewed");
                }
            }
        });
    }

    /// Renew all leases; move that of the readers to the oldest version still in use.
    fn beat(&self) -> Result<()> {
        let mut held = self.held();
        let process = self.process(&mut held);
        let oldest = held.in_use.first_key_value().map(|(version, _)| *version);
        match (held.reading, oldest) {
            (Some((number, _)), Some(oldest)) => {
                self.activity().renew_lease(number, process, Protected::Versions(oldest))?;
                held.reading = Some((number, oldest));
            }
            (Some((number, _)), None) => {
                self.activity().remove_lease(number)?;
                held.reading = None;
            }
            (None, _) => {}
        }
        for (number, since) in &held.writing {
            self.activity().renew_lease(*number, process, Protected::FilesSince(*since))?;
        }
        Ok(())
    }

    /// Move the lease of the readers forward now, as the owner asks for a vacuum.
    pub fn refresh(&self) -> Result<()> {
        self.beat()
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        if let Some((number, _)) = self.held().reading {
            // What cannot be removed now times out.
            let _ = self.activity().remove_lease(number);
        }
    }
}

impl Drop for VersionLease {
    fn drop(&mut self) {
        let mut held = self.leases.held();
        if let Some(count) = held.in_use.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                held.in_use.remove(&self.version);
            }
        }
    }
}

impl WriteLease {
    pub(crate) fn number(&self) -> i64 {
        self.number
    }
}

impl Drop for WriteLease {
    fn drop(&mut self) {
        self.leases.held().writing.remove(&self.number);
        let _ = self.leases.activity().remove_lease(self.number);
    }
}
