//! Turns: how many synchronous queries compute at the same time, and who is next.
//!
//! ```text
//!   planned query ─ take ─▶ waiting ─ fewest at work first, then who came first ─▶ Turn
//!                              │                                                    │
//!                              ├─ too many wait, or for too long ─▶ 429             ├─ reader pauses: room for another
//!                              └─ the caller has gone                               └─ dropped: the next one's turn
//! ```
//!
//! A query of which its plan says that it reads little goes by the quick lane, which has room of its
//! own, so that it never waits behind long ones. A long one that proves slow moves, for as long as there
//! is room, to a lane of its own, and its place is another's. Within a lane callers are served evenly:
//! who has a hundred queries waiting does not hold up who has one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::QueryLimits;
use crate::people::{Allowance, Resource};
use crate::tap::Tally;
use crate::uws::Owner;
use crate::{Error, Result};

/// When a caller who was refused may try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(10);
/// How often those who wait look whether long queries have proved slow.
const LOOK: Duration = Duration::from_secs(1);

/// The way by which a query goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Of those that read little.
    Quick,
    /// Of all others.
    Long,
    /// Of long ones that have computed for long.
    Slow,
}

impl Lane {
    /// Its name, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Long => "long",
            Self::Slow => "slow",
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
    /// In the order in which they began.
    at_work: Vec<AtWork>,
    /// Queries at work of each caller.
    of_owner: HashMap<Owner, usize>,
    /// Answers that nobody reads at the moment.
    n_paused: usize,
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
    tally: Arc<Tally>,
    begin: oneshot::Sender<Turn>,
}

#[derive(Debug, Clone)]
struct AtWork {
    number: u64,
    owner: Owner,
    lane: Lane,
    since: Instant,
    tally: Arc<Tally>,
}

/// The right to compute; gone when dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    /// As it began.
    work: AtWork,
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

    /// Wait for a turn in `lane`, and note there and later in `tally` by which lane the query goes.
    ///
    /// # Errors
    /// The caller may not compute at all, or too many of the caller's queries wait, or the turn does
    /// not come in the time that the service lets a query wait.
    pub async fn take(
        &self,
        owner: &Owner,
        allowance: &Allowance,
        lane: Lane,
        tally: Arc<Tally>,
    ) -> Result<Turn> {
        let most = allowance.of(Resource::Queries);
        if most == 0 {
            return Err(Error::NotAllowed { resource: Resource::Queries });
        }
        tally.set_lane(lane);
        let (begin, turn) = oneshot::channel();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let number = {
            let mut queue = self.queue();
            queue.n_come += 1;
            let (number, owner) = (queue.n_come, owner.clone());
            queue.waiting.push(Waiting { number, owner, most, lane, tally, begin });
            number
        };
        let place = Place { turns: self, number };
        self.advance();
        let n_waiting = self.n_waiting(owner, number);
        if n_waiting > allowance.of(Resource::Waiting) {
            let (resource, most) = (Resource::Waiting, allowance.of(Resource::Waiting));
            return Err(Error::TooMany { resource, most });
        }
        let longest = self.limits.longest_queue;
        match timeout(longest, self.watching(turn)).await {
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

    /// Wait for a turn, and look meanwhile whether a long query has proved slow.
    async fn watching<T>(&self, turn: impl Future<Output = T>) -> T {
        let mut turn = std::pin::pin!(turn);
        let mut look = interval(self.limits.slow_after.clamp(LOOK / 100, LOOK));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                turn = &mut turn => return turn,
                _ = look.tick() => self.advance(),
            }
        }
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
        queue.slow_down(&self.limits);
        let mut begun = vec![];
        while let Some(place) = queue.next(&self.limits) {
            let Waiting { number, owner, lane, tally, begin, .. } = queue.waiting.remove(place);
            let work = AtWork { number, owner, lane, since: Instant::now(), tally };
            queue.begin(&work);
            begun.push((begin, Turn { turns: self.clone(), work, is_paused: false }));
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
        let has_room =
            [Lane::Quick, Lane::Long, Lane::Slow].map(|lane| self.room(lane, limits) > 0);
        let may_begin = |waiting: &Waiting| {
            has_room[waiting.lane as usize] && n_of(&waiting.owner) < waiting.most
        };
        let places = self.waiting.iter().enumerate();
        let next = places.filter(|(_, waiting)| may_begin(waiting));
        // The first of equals is the one that came first.
        next.min_by_key(|(_, waiting)| n_of(&waiting.owner)).map(|(place, _)| place)
    }

    /// Move long queries that have proved slow to their own lane, for as long as there is room.
    fn slow_down(&mut self, limits: &QueryLimits) {
        let room = self.room(Lane::Slow, limits);
        let slow = self
            .at_work
            .iter_mut()
            .filter(|work| work.lane == Lane::Long && work.since.elapsed() >= limits.slow_after);
        for work in slow.take(room) {
            work.lane = Lane::Slow;
            work.tally.set_lane(Lane::Slow);
        }
    }

    /// How many more queries may compute in a lane.
    fn room(&self, lane: Lane, limits: &QueryLimits) -> usize {
        let n_at_work = self.at_work.iter().filter(|work| work.lane == lane).count();
        limits.at_once(lane).saturating_sub(n_at_work)
    }

    fn begin(&mut self, work: &AtWork) {
        self.at_work.push(work.clone());
        *self.of_owner.entry(work.owner.clone()).or_default() += 1;
    }

    fn end(&mut self, work: &AtWork) {
        self.at_work.retain(|other| other.number != work.number);
        if let Some(n) = self.of_owner.get_mut(&work.owner) {
            *n -= 1;
            if *n == 0 {
                self.of_owner.remove(&work.owner);
            }
        }
    }
}

impl Turn {
    /// Complete `waiting`, in which nothing is computed; if it takes longer than `patience`, others
    /// may compute meanwhile, unless too many queries have been left so. Afterwards the query goes on at
    /// once: what it has begun holds memory.
    pub async fn lend<T>(&mut self, patience: Duration, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        if let Ok(done) = timeout(patience, &mut waiting).await {
            return done;
        }
        if !self.pause() {
            return waiting.await;
        }
        self.turns.advance();
        let done = waiting.await;
        let mut queue = self.turns.queue();
        queue.n_paused -= 1;
        queue.begin(&self.work);
        drop(queue);
        self.work.tally.set_lane(self.work.lane);
        self.is_paused = false;
        done
    }

    /// Leave the turn to others, if not too many have been left already.
    fn pause(&mut self) -> bool {
        let mut queue = self.turns.queue();
        if queue.n_paused >= self.turns.limits.paused {
            return false;
        }
        queue.n_paused += 1;
        queue.end(&self.work);
        self.is_paused = true;
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_paused {
            self.turns.queue().n_paused -= 1;
            return;
        }
        self.turns.queue().end(&self.work);
        self.turns.advance();
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
        let longest_queue = Duration::from_millis(200);
        Turns::new(QueryLimits { quick, long, longest_queue, ..QueryLimits::default() })
    }

    async fn take(turns: &Turns, owner: &Owner, allowance: &Allowance, lane: Lane) -> Result<Turn> {
        turns.take(owner, allowance, lane, Arc::default()).await
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
    async fn not_too_many_answers_are_left_unread() {
        let turns = Turns::new(QueryLimits { long: 1, paused: 1, ..turns(1, 1).limits });
        let (any, ada) = (Allowance::default(), owner("ada"));
        let stalled = async |turn: &mut Turn| {
            turn.lend(Duration::ZERO, std::future::pending::<()>()).await;
        };
        let mut first = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        let mut left = Box::pin(stalled(&mut first));
        let begin = Duration::from_millis(20);
        assert!(timeout(begin, &mut left).await.is_err());
        // The first has left its turn to the second, which may not leave it to the third.
        let mut second = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        let mut kept = Box::pin(stalled(&mut second));
        assert!(timeout(begin, &mut kept).await.is_err());
        assert!(matches!(take(&turns, &ada, &any, Lane::Long).await, Err(Error::NoTurn { .. })));
        drop(left);
        drop(first);
        drop(kept);
        drop(second);
        take(&turns, &ada, &any, Lane::Long).await.unwrap();
        assert_eq!(turns.queue().n_paused, 0);
    }

    #[tokio::test]
    async fn who_has_fewest_at_work_is_next() {
        let (turns, any) = (turns(1, 2), Allowance::default());
        let (ada, bob) = (owner("ada"), owner("bob"));
        let first = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        let second = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        let mut third = Box::pin(take(&turns, &ada, &any, Lane::Long));
        let mut fourth = Box::pin(take(&turns, &bob, &any, Lane::Long));
        assert!(soon(&mut third).await.is_none() && soon(&mut fourth).await.is_none());
        assert_eq!(turns.n_queued(), 2);
        // A quick one has its own lane.
        drop(take(&turns, &ada, &any, Lane::Quick).await.unwrap());
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
        let first = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        let mut gone = Box::pin(take(&turns, &ada, &any, Lane::Long));
        let mut gone_with_turn = Box::pin(take(&turns, &bob, &any, Lane::Long));
        let mut last = Box::pin(take(&turns, &eve, &any, Lane::Long));
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
        let mut first = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        let mut second = Box::pin(take(&turns, &bob, &any, Lane::Long));
        assert!(soon(&mut second).await.is_none());
        let pause =
            first.lend(Duration::from_millis(5), tokio::time::sleep(Duration::from_millis(80)));
        let ((), bobs) = tokio::join!(pause, second);
        let bobs = bobs.unwrap();
        let mut third = Box::pin(take(&turns, &eve, &any, Lane::Long));
        drop(bobs);
        assert!(soon(&mut third).await.is_none(), "ada has gone on");
        drop(first);
        assert!(soon(&mut third).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_long_query_that_proves_slow_makes_room() {
        let limits = QueryLimits {
            long: 1,
            longest_queue: Duration::from_millis(200),
            slow_after: Duration::from_millis(20),
            ..QueryLimits::default()
        };
        let (turns, any, ada) = (Turns::new(limits), Allowance::default(), owner("ada"));
        let tally = Arc::<Tally>::default();
        let first = turns.take(&ada, &any, Lane::Long, tally.clone()).await.unwrap();
        assert_eq!(tally.lane(), Some(Lane::Long));
        // The next has its turn when the first has proved slow; then both lanes are full.
        let second = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        assert_eq!(tally.lane(), Some(Lane::Slow));
        assert!(matches!(take(&turns, &ada, &any, Lane::Long).await, Err(Error::NoTurn { .. })));
        drop(first);
        let third = take(&turns, &ada, &any, Lane::Long).await.unwrap();
        drop((second, third));
        let queue = turns.queue();
        assert!(queue.at_work.is_empty() && queue.of_owner.is_empty());
    }

    #[tokio::test]
    async fn too_many_and_too_long_are_refused() {
        let turns = turns(1, 1);
        let few = Allowance::of_all([(Resource::Queries, 1), (Resource::Waiting, 1)]);
        let ada = owner("ada");
        let first = take(&turns, &ada, &few, Lane::Long).await.unwrap();
        // One at work of any lane is all that is allowed.
        let mut second = Box::pin(take(&turns, &ada, &few, Lane::Quick));
        assert!(soon(&mut second).await.is_none());
        let refused = take(&turns, &ada, &few, Lane::Long).await;
        assert!(matches!(refused, Err(Error::TooMany { most: 1, .. })));
        let late = second.await;
        assert!(matches!(late, Err(Error::NoTurn { .. })));
        assert_eq!(turns.n_queued(), 0);
        drop(first);
        let none = Allowance::of_all([(Resource::Queries, 0)]);
        let refused = take(&turns, &ada, &none, Lane::Quick).await;
        assert!(matches!(refused, Err(Error::NotAllowed { .. })));
        assert!(take(&turns, &ada, &few, Lane::Long).await.is_ok());
    }
}
