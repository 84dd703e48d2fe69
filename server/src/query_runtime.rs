//! Threads for queries, apart from those that speak with callers.
//!
//! ```text
//! handler ── run ──▶ planning ──▶ first rows ─┐      threads of its lane:
//!                    (quick)                  │      quick, or long and of lower priority
//! body ◀───── channel of 1 ── rows, encoding ◀┘
//! ```
//!
//! A query can compute for long before it yields. On the threads that serve connections it would
//! hold up everybody's requests, down to the question whether the service is alive; on the threads of
//! those that read little, all of them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{Instrument, Span};

use crate::turns::{Lane, Turn};
use crate::{Error, Result};

/// Parts of an answer that may wait for the caller to take them, beside the one that is at the door.
const N_WAITING_PARTS: usize = 1;

/// How long a caller may take nothing before others compute in its turn.
const PATIENCE: Duration = Duration::from_millis(200);

/// Priority of the threads of long queries, from 0 to 99: 10 as `nice` counts it. What is quick finds a core
/// within a time slice; where it, or another program, takes all that it can, a tenth of the cores is left.
const LONG_PRIORITY: u8 = 22;

/// Stack of a thread that plans queries: planning recurses, some 10 kB a level, and a query may be
/// as deep as `almagest-adql` lets it be. Only what is used becomes memory.
pub const STACK_BYTES: usize = 256 << 20;

/// The threads; cheap to clone.
#[derive(Debug, Clone)]
pub struct QueryRuntime(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    quick: Option<Runtime>,
    long: Option<Runtime>,
}

impl QueryRuntime {
    /// Start as many threads as there are cores, in each lane.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start() -> Result<Self> {
        let threads = |name: &str, on_start: fn()| {
            Builder::new_multi_thread()
                .thread_name(name)
                .thread_stack_size(STACK_BYTES)
                .on_thread_start(on_start)
                .enable_all()
                .build()
        };
        let quick = Some(threads("quick query", || {})?);
        let long = Some(threads("query", give_way)?);
        Ok(Self(Arc::new(Threads { quick, long })))
    }

    /// Complete `work`, which is short, on the threads. Dropping the returned future cancels it.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        self.run_in(Lane::Quick, work).await
    }

    /// As [`Self::run`], on the threads of a lane.
    ///
    /// # Errors
    /// The work panicked.
    pub async fn run_in<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let mut task = self.spawn(lane, work)?;
        match task.join_next().await {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => Err(Error::QueryThread { reason: error.to_string() }),
            None => Err(Error::QueryThread { reason: "the task is gone".to_owned() }),
        }
    }

    /// Make the items of `items` on the threads of a lane, a few ahead of what is taken. Dropping the
    /// returned stream cancels what is left. `turn` is held as long as items are computed.
    ///
    /// # Errors
    /// As the last item: the work panicked.
    pub fn stream<T: Send + 'static>(
        &self,
        lane: Lane,
        items: impl Stream<Item = Result<T>> + Send + 'static,
        mut turn: Option<Turn>,
    ) -> Result<BoxStream<'static, Result<T>>> {
        let (sender, receiver) = mpsc::channel(N_WAITING_PARTS);
        let task = self.spawn(lane, async move {
            let mut items = std::pin::pin!(items);
            while let Some(item) = items.next().await {
                let sent = match &mut turn {
                    Some(turn) => turn.lend(PATIENCE, sender.send(item)).await,
                    None => sender.send(item).await,
                };
                if sent.is_err() {
                    return;
                }
            }
        })?;
        let taken = stream::unfold((receiver, task), async |(mut receiver, mut task)| {
            if let Some(item) = receiver.recv().await {
                return Some((item, (receiver, task)));
            }
            // The end of the channel is the end of the rows only if the task came to its own end.
            match task.join_next().await {
                Some(Err(error)) => {
                    let error = Error::QueryThread { reason: error.to_string() };
                    Some((Err(error), (receiver, task)))
                }
                _ => None,
            }
        });
        Ok(taken.boxed())
    }

    fn spawn<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinSet<T>> {
        let gone = || Error::QueryThread { reason: "the threads have ended".to_owned() };
        let runtime = match lane {
            Lane::Quick => self.0.quick.as_ref(),
            Lane::Long | Lane::Slow => self.0.long.as_ref(),
        };
        let runtime = runtime.ok_or_else(gone)?;
        // A set aborts its tasks when it is dropped.
        let mut set = JoinSet::new();
        // What is logged on the threads names the request, too.
        set.spawn_on(work.instrument(Span::current()), runtime.handle());
        Ok(set)
    }
}

impl Drop for Threads {
    /// Do not wait for a query that nobody waits for.
    fn drop(&mut self) {
        for runtime in [self.quick.take(), self.long.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// Let other threads go first where cores are scarce.
fn give_way() {
    let priority = ThreadPriorityValue::try_from(LONG_PRIORITY).map(ThreadPriority::Crossplatform);
    // Where it may not be changed, all are equal.
    let _ = priority.map(set_current_thread_priority);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_query_that_does_not_yield_holds_up_nobody() {
        let queries = QueryRuntime::start().unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let n_cores = std::thread::available_parallelism().unwrap().get();
        let held = Arc::new(std::sync::Mutex::new(held));
        // As many as there are threads for them.
        let stuck: Vec<_> = (0..n_cores)
            .map(|_| {
                let (queries, held) = (queries.clone(), held.clone());
                let work = async move { held.lock().unwrap().recv() };
                tokio::spawn(async move { queries.run_in(Lane::Long, work).await })
            })
            .collect();
        // This test has one thread; were the work on it, nothing below would be reached.
        tokio::task::yield_now().await;
        assert_eq!(queries.run(async { 7 }).await.unwrap(), 7);
        drop(release);
        for stuck in stuck {
            assert!(stuck.await.unwrap().unwrap().is_err());
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_not_the_end_of_the_rows() {
        let queries = QueryRuntime::start().unwrap();
        assert!(queries.run(async { panic!("in planning") }).await.is_err());
        let items = stream::iter(0..3).map(|n| if n == 2 { panic!("in row {n}") } else { Ok(n) });
        let found: Vec<Result<i32>> =
            queries.stream(Lane::Long, items, None).unwrap().collect().await;
        assert_eq!(found.len(), 3);
        assert!(matches!(found[2], Err(Error::QueryThread { .. })));
    }
}
