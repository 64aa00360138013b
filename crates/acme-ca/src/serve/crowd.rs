//! The connections that are open at a time: so many. For one more, the one that has idled longest
//! makes room, so that whoever opens many and asks nothing keeps nobody out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How long whoever was asked to make room has, until another is.
const AGAIN: Duration = Duration::from_millis(100);

/// The open connections.
pub(super) struct Crowd {
    slots: Arc<Semaphore>,
    members: Arc<Mutex<HashMap<u64, Arc<Activity>>>>,
    next: AtomicU64,
}

/// One of them, until this is dropped.
pub(super) struct Member {
    number: u64,
    activity: Arc<Activity>,
    members: Arc<Mutex<HashMap<u64, Arc<Activity>>>>,
    _slot: OwnedSemaphorePermit,
}

impl Crowd {
    /// So many at a time.
    pub(super) fn new(most: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(most)),
            members: Arc::default(),
            next: AtomicU64::new(0),
        }
    }

    /// Waits for room, and has it made.
    pub(super) async fn enter(&self) -> Option<Member> {
        let slot = match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => self.room().await?,
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::default());
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.insert(number, Arc::clone(&activity));
        Some(Member {
            number,
            activity,
            members: Arc::clone(&self.members),
            _slot: slot,
        })
    }

    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            self.end_idlest();
            let freed = Arc::clone(&self.slots).acquire_owned();
            if let Ok(freed) = timeout(AGAIN, freed).await {
                return freed.ok();
            }
        }
    }

    fn end_idlest(&self) {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = members.values().filter(|one| one.may_end());
        if let Some(idlest) = idle.max_by_key(|one| one.idle_for()) {
            idlest.ending.store(true, Ordering::Relaxed);
            idlest.end.notify_one();
        }
    }
}

impl Member {
    /// What it does.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.remove(&self.number);
    }
}

/// How many requests a connection has under way, and when it last had one.
pub(super) struct Activity {
    opened: Instant,
    under_way: AtomicUsize,
    /// When the last request began or ended, in microseconds since it was opened.
    last: AtomicU64,
    ending: AtomicBool,
    end: Notify,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            opened: Instant::now(),
            under_way: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            end: Notify::new(),
        }
    }
}

/// A request of a connection while it lives, also when the client goes away in the middle of it.
pub(super) struct UnderWay(Arc<Activity>);

impl Activity {
    /// A request begins.
    pub(super) fn begin(self: Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    /// How long it has had nothing to do; none while a request is under way.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        if self.under_way.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
        Some(self.opened.elapsed().saturating_sub(last))
    }

    fn may_end(&self) -> bool {
        self.idle_for().is_some() && !self.ending.load(Ordering::Relaxed)
    }

    /// Waits until it is to make room for others. One that has a request by then may stay.
    pub(super) async fn is_to_end(&self) {
        loop {
            self.end.notified().await;
            if self.idle_for().is_some() {
                return;
            }
            self.ending.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.last.store(now, Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
