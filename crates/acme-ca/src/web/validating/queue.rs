//! Whose turn it is: so many validations run at a time. Where more are asked for, the networks
//! that they are asked from take turns, so that whoever asks for many waits for his own.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{Job, attempt};
use crate::serve::Peer;
use crate::serve::places::{Place, Places};
use crate::web::under_way::{InHand, UnderWay};
use crate::web::{Limits, Web, network};

/// The validations that run or wait.
pub(crate) struct Validations {
    most: usize,
    places: Places,
    queue: Mutex<Queue>,
    authorizations: UnderWay,
}

struct Queue {
    running: usize,
    waiting: Turns<Job>,
    /// None once the server stops.
    tasks: Option<JoinSet<()>>,
}

/// One of those that run, until this is dropped; then the next one does.
pub(super) struct Running(Arc<Web>);

impl Validations {
    /// As many as the limits say.
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.validations.max(1);
        let queue = Queue {
            running: 0,
            waiting: Turns::default(),
            tasks: Some(JoinSet::new()),
        };
        Self {
            most,
            places: Places::with_accounts(
                limits.validations_per_account,
                limits.validations_per_address,
                most.saturating_add(limits.validations_waiting),
            ),
            queue: Mutex::new(queue),
            authorizations: UnderWay::default(),
        }
    }

    /// The right to have an authorization validated, unless somebody does so.
    pub(crate) async fn claim(&self, authorization: &str) -> Option<InHand> {
        self.authorizations.claim(authorization).await
    }

    /// A place for one more of an account, if there is one.
    pub(crate) fn enter(&self, account: &str, peer: Option<Peer>) -> Option<Place> {
        self.places.enter_as(account, peer.map(|peer| peer.0.ip()))
    }

    /// Ends those that run, and begins no other.
    pub(crate) async fn stop(&self) {
        let tasks = self.queue().tasks.take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a validation run now, or when its turn comes.
pub(super) fn start(web: &Arc<Web>, job: Job) {
    let mut queue = web.validations.queue();
    if queue.running < web.validations.most {
        queue.running += 1;
        queue.spawn(web, job);
    } else {
        let whose = job.peer.map(|peer| network(peer.0.ip()));
        queue.waiting.push(whose, job);
    }
}

impl Queue {
    fn spawn(&mut self, web: &Arc<Web>, job: Job) {
        // Without either the server is about to end.
        let (Some(tasks), Ok(runtime)) = (&mut self.tasks, Handle::try_current()) else {
            return;
        };
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(attempt(Arc::clone(web), job), &runtime);
    }
}

impl Running {
    /// The place that [`start`] or an earlier one left.
    pub(super) fn taken(web: &Arc<Web>) -> Self {
        Self(Arc::clone(web))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut queue = self.0.validations.queue();
        match queue.waiting.next() {
            Some(job) => queue.spawn(&self.0, job),
            None => queue.running -= 1,
        }
    }
}

/// What waits, by the network that asked for it; what no network asks for has a turn, too.
struct Turns<T> {
    order: VecDeque<Option<IpAddr>>,
    waiting: HashMap<Option<IpAddr>, VecDeque<T>>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            waiting: HashMap::new(),
        }
    }
}

impl<T> Turns<T> {
    fn push(&mut self, whose: Option<IpAddr>, one: T) {
        let theirs = self.waiting.entry(whose).or_default();
        if theirs.is_empty() {
            self.order.push_back(whose);
        }
        theirs.push_back(one);
    }

    fn next(&mut self) -> Option<T> {
        let whose = self.order.pop_front()?;
        let theirs = self.waiting.get_mut(&whose)?;
        let next = theirs.pop_front();
        if theirs.is_empty() {
            self.waiting.remove(&whose);
        } else {
            self.order.push_back(whose);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;

    #[test]
    fn networks_take_turns_and_leave_nothing_behind() {
        let mut turns = Turns::default();
        let [one, other] = [1_u8, 2].map(|last| Some([192, 0, 2, last].into()));
        for job in ["a1", "a2", "a3"] {
            turns.push(one, job);
        }
        turns.push(other, "b1");
        turns.push(None, "n1");
        assert_eq!(turns.next(), Some("a1"));
        turns.push(other, "b2");
        let rest: Vec<_> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(rest, ["b1", "n1", "a2", "b2", "a3"]);
        assert!(turns.order.is_empty() && turns.waiting.is_empty());
    }
}
