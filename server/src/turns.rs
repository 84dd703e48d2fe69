//! Turns: how many synchronous queries compute at the same time, and who is next.
//!
//! ```text
//!   planned query ─ take ─▶ waiting ─ fewest at work first, then who came first ─▶ Turn
//!                              │                                                    │
//!                              ├─ too many wait, or for too long ─▶ 429             ├─ reader pauses: room for another
//!                              └─ the caller has gone                               └─ dropped: the next one's turn
//! ```
//!
//! There are two lanes. A query of which its plan says that it reads little goes by the quick one,
//! which has room of its own, so that it never waits behind long ones. Within a lane callers are
//! served evenly: who has a hundred queries waiting does not hold up who has one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config::QueryLimits;
use crate::people::{Allowance, Resource};
use crate::uws::Owner;
use crate::{Error, Result};

/// When a caller who was refused may try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The way by which a query goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Of those that read little.
    Quick,
    /// Of all others.
    Long,
}

impl Lane {
    /// Its name, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Long => "long",
        }
    }
}

/// Gives turns; cheap to clone.
#[derive(Debug, Clone)]
pub struct Turns {
    limits: QueryLimits,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Queries at work in each lane.
    at_work: [usize; 2],
    /// Queries at work of each caller.
    of_owner: HashMap<Owner, usize>,
    /// In the order in which they came.
    waiting: Vec<Waiting>,
    n_come: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    owner: Owner,
    /// Queries that the owner may have at work.
    most: usize,
    lane: Lane,
    begin: oneshot::Sender<Turn>,
}

/// The right to compute; gone when dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    owner: Owner,
    lane: Lane,
    is_paused: bool,
}

/// A place in the queue; given up when dropped.
struct Place<'t> {
    turns: &'t Turns,
    number: u64,
}

impl Turns {
    /// Give turns within `limits`.
    pub fn new(limits: QueryLimits) -> Self {
        Self { limits, queue: Arc::default() }
    }

    /// Wait for a turn in `lane`.
    ///
    /// # Errors
    /// The caller may not compute at all, or too many of the caller's queries wait, or the turn does
    /// not come in the time that the service lets a query wait.
    pub async fn take(&self, owner: &Owner, allowance: &Allowance, lane: Lane) -> Result<Turn> {
        let most = allowance.of(Resource::Queries);
        if most == 0 {
            return Err(Error::NotAllowed { resource: Resource::Queries });
        }
        let (begin, turn) = oneshot::channel();
        let number = self.enqueue(owner, usize::try_from(most).unwrap_or(usize::MAX), lane, begin);
        let place = Place { turns: self, number };
        self.advance();
        let n_waiting = self.n_waiting(owner, number);
        if n_waiting > allowance.of(Resource::Waiting) {
            let (resource, most) = (Resource::Waiting, allowance.of(Resource::Waiting));
            return Err(Error::TooMany { resource, most });
        }
        let longest = self.limits.longest_queue;
        match timeout(longest, turn).await {
            Ok(Ok(turn)) => {
                drop(place);
                Ok(turn)
            }
            _ => Err(Error::NoTurn { waited: longest }),
        }
    }

    /// Queries that wait, in both lanes.
    pub fn n_queued(&self) -> usize {
        self.queue().waiting.len()
    }

    fn enqueue(&self, owner: &Owner, most: usize, lane: Lane, begin: oneshot::Sender<Turn>) -> u64 {
        let mut queue = self.queue();
        queue.n_come += 1;
        let number = queue.n_come;
        queue.waiting.push(Waiting { number, owner: owner.clone(), most, lane, begin });
        number
    }

    /// How many queries of `owner` wait, if that of this number still does.
    fn n_waiting(&self, owner: &Owner, number: u64) -> u64 {
        let queue = self.queue();
        match queue.waiting.iter().any(|waiting| waiting.number == number) {
            true => queue.waiting.iter().filter(|waiting| waiting.owner == *owner).count() as u64,
            false => 0,
        }
    }

    /// Give turns for as long as there is room and somebody who may have it.
    fn advance(&self) {
        let mut queue = self.queue();
        let mut begun = vec![];
        while let Some(place) = queue.next(&self.limits) {
            let Waiting { owner, lane, begin, .. } = queue.waiting.remove(place);
            queue.begin(&owner, lane);
            begun.push((begin, Turn { turns: self.clone(), owner, lane, is_paused: false }));
        }
        drop(queue);
        for (begin, turn) in begun {
            // Of a caller who has gone the turn is dropped here, and the next one's.
            let _ = begin.send(turn);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The place among the waiting of who is next.
    fn next(&self, limits: &QueryLimits) -> Option<usize> {
        let n_of = |owner: &Owner| self.of_owner.get(owner).copied().unwrap_or(0);
        let may_begin = |waiting: &&Waiting| {
            self.at_work[waiting.lane as usize] < limits.at_once(waiting.lane)
                && n_of(&waiting.owner) < waiting.most
        };
        let places = self.waiting.iter().enumerate();
        let next = places.filter(|(_, waiting)| may_begin(waiting));
        // The first of equals is the one that came first.
        next.min_by_key(|(_, waiting)| n_of(&waiting.owner)).map(|(place, _)| place)
    }

    fn begin(&mut self, owner: &Owner, lane: Lane) {
        self.at_work[lane as usize] += 1;
        *self.of_owner.entry(owner.clone()).or_default() += 1;
    }

    fn end(&mut self, owner: &Owner, lane: Lane) {
        self.at_work[lane as usize] -= 1;
        if let Some(n) = self.of_owner.get_mut(owner) {
            *n -= 1;
            if *n == 0 {
                self.of_owner.remove(owner);
            }
        }
    }
}

impl Turn {
    /// Complete `waiting`, in which nothing is computed; if it takes longer than `patience`, others
    /// may compute meanwhile. Afterwards the query goes on at once: what it has begun holds memory.
    pub async fn lend<T>(&mut self, patience: Duration, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        if let Ok(done) = timeout(patience, &mut waiting).await {
            return done;
        }
        self.turns.queue().end(&self.owner, self.lane);
        self.is_paused = true;
        self.turns.advance();
        let done = waiting.await;
        self.turns.queue().begin(&self.owner, self.lane);
        self.is_paused = false;
        done
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_paused {
            self.turns.queue().end(&self.owner, self.lane);
            self.turns.advance();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.queue().waiting.retain(|waiting| waiting.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use futures::FutureExt;

    fn turns(quick: usize, long: usize) -> Turns {
        Turns::new(QueryLimits { quick, long, longest_queue: Duration::from_millis(200) })
    }

    fn owner(name: &str) -> Owner {
        Owner(Some(name.to_owned()))
    }

    /// What a call comes to that is not to wait.
    async fn soon<T>(waiting: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        tokio::task::yield_now().await;
        waiting.now_or_never()
    }

    #[tokio::test]
    async fn who_has_fewest_at_work_is_next() {
        let (turns, any) = (turns(1, 2), Allowance::default());
        let (ada, bob) = (owner("ada"), owner("bob"));
        let first = turns.take(&ada, &any, Lane::Long).await.unwrap();
        let second = turns.take(&ada, &any, Lane::Long).await.unwrap();
        let mut third = Box::pin(turns.take(&ada, &any, Lane::Long));
        let mut fourth = Box::pin(turns.take(&bob, &any, Lane::Long));
        assert!(soon(&mut third).await.is_none() && soon(&mut fourth).await.is_none());
        assert_eq!(turns.n_queued(), 2);
        // A quick one has its own lane.
        drop(turns.take(&ada, &any, Lane::Quick).await.unwrap());
        drop(first);
        assert!(soon(&mut third).await.is_none(), "bob has none at work, and ada one");
        let bobs = soon(&mut fourth).await.unwrap().unwrap();
        drop(second);
        assert!(soon(&mut third).await.is_some());
        drop(bobs);
    }

    #[tokio::test]
    async fn the_turns_of_those_who_leave_are_not_lost() {
        let (turns, any) = (turns(1, 1), Allowance::default());
        let [ada, bob, eve] = ["ada", "bob", "eve"].map(owner);
        let first = turns.take(&ada, &any, Lane::Long).await.unwrap();
        let mut gone = Box::pin(turns.take(&ada, &any, Lane::Long));
        let mut gone_with_turn = Box::pin(turns.take(&bob, &any, Lane::Long));
        let mut last = Box::pin(turns.take(&eve, &any, Lane::Long));
        for waiting in [&mut gone, &mut gone_with_turn, &mut last] {
            assert!(soon(waiting).await.is_none());
        }
        drop(gone);
        // Its turn comes, and nobody takes it.
        drop(first);
        drop(gone_with_turn);
        assert!(soon(&mut last).await.unwrap().is_ok());
        assert_eq!(turns.n_queued(), 0);
    }

    #[tokio::test]
    async fn a_turn_whose_reader_pauses_is_lent() {
        let (turns, any) = (turns(1, 1), Allowance::default());
        let [ada, bob, eve] = ["ada", "bob", "eve"].map(owner);
        let mut first = turns.take(&ada, &any, Lane::Long).await.unwrap();
        let mut second = Box::pin(turns.take(&bob, &any, Lane::Long));
        assert!(soon(&mut second).await.is_none());
        let pause =
            first.lend(Duration::from_millis(5), tokio::time::sleep(Duration::from_millis(80)));
        let ((), bobs) = tokio::join!(pause, second);
        let bobs = bobs.unwrap();
        let mut third = Box::pin(turns.take(&eve, &any, Lane::Long));
        drop(bobs);
        assert!(soon(&mut third).await.is_none(), "ada has gone on");
        drop(first);
        assert!(soon(&mut third).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn too_many_and_too_long_are_refused() {
        let turns = turns(1, 1);
        let few = Allowance::of_all([(Resource::Queries, 1), (Resource::Waiting, 1)]);
        let ada = owner("ada");
        let first = turns.take(&ada, &few, Lane::Long).await.unwrap();
        // One at work of any lane is all that is allowed.
        let mut second = Box::pin(turns.take(&ada, &few, Lane::Quick));
        assert!(soon(&mut second).await.is_none());
        let refused = turns.take(&ada, &few, Lane::Long).await;
        assert!(matches!(refused, Err(Error::TooMany { most: 1, .. })));
        let late = second.await;
        assert!(matches!(late, Err(Error::NoTurn { .. })));
        assert_eq!(turns.n_queued(), 0);
        drop(first);
        let none = Allowance::of_all([(Resource::Queries, 0)]);
        let refused = turns.take(&ada, &none, Lane::Quick).await;
        assert!(matches!(refused, Err(Error::NotAllowed { .. })));
        assert!(turns.take(&ada, &few, Lane::Long).await.is_ok());
    }
}
