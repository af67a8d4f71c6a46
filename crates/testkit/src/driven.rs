//! Runs the vectors through the real driver, on tokio's paused time: `Secrets` over any engine, and a source that answers
//! when the vector does.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use permisos_secrets::{DrivenEngine, Error, Fetch, Fetched, Read, Secrets, Source, Subscription};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::clocked::{Clock, Clocked};
use crate::vectors::Subject;

/// Turns of the runtime after which everything that can go on without time has gone on.
const TURNS: usize = 32;

/// How an engine to drive is made.
pub trait Open {
    /// The engine's name in the table of results.
    const RUNTIME: &str;

    /// Opens an engine.
    fn open(options: &Map<String, Value>, variables: HashMap<String, String>) -> Result<Box<dyn DrivenEngine>, Error>;
}

/// Secrets that the vectors run on.
pub struct Driven<O>(RefCell<State>, PhantomData<O>);

struct State {
    runtime: Runtime,
    secrets: Secrets,
    subscription: Subscription,
    calls: Calls,
    clock: Arc<Clock>,
    now: u64,
}

impl<O> fmt::Debug for Driven<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven").finish_non_exhaustive()
    }
}

/// The calls of the driver, in order: those that the vector has not looked at yet, and those that it has not answered.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<CallQueues>>);

#[derive(Default)]
struct CallQueues {
    unseen: VecDeque<Value>,
    unanswered: HashMap<u64, oneshot::Sender<Fetched>>,
}

impl Source for Calls {
    fn fetch<'a>(&'a self, fetch: &'a Fetch) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        let (answer, answered) = oneshot::channel();
        self.with(|queues| {
            queues.unseen.push_back(document(fetch));
            queues.unanswered.insert(fetch.id.0, answer);
        });
        Box::pin(async { answered.await.expect("a vector answers a fetch once, or never") })
    }
}

impl Calls {
    fn with<T>(&self, work: impl FnOnce(&mut CallQueues) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Lets time pass, in one step as the vector does it: what is due meanwhile comes at its end. The engine sees the
    /// clocks go on, as the driver shows them to it.
    fn at(&mut self, now: u64) {
        self.clock.stands_still.store(false, Ordering::SeqCst);
        self.stand_still_until(now);
    }

    /// The same of a process that stood still.
    fn stand_still_until(&mut self, now: u64) {
        let ahead = Duration::from_millis(now - self.now);
        self.now = now;
        if !ahead.is_zero() {
            self.runtime.block_on(tokio::time::advance(ahead));
        }
        self.settle();
    }

    fn timeout(&self) -> Option<u64> {
        self.clock.timeout.read().unwrap_or_else(PoisonError::into_inner).map(|at| at.0)
    }

    fn settle(&self) {
        self.runtime.block_on(async {
            for _ in 0..TURNS {
                yield_now().await;
            }
        });
    }

    /// What a call has answered once everything has gone on, if it has.
    fn poll<T: Send + 'static>(&self, call: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let task = self.runtime.spawn(call);
        self.settle();
        if task.is_finished() {
            return Some(self.runtime.block_on(task).expect("no call panics"));
        }
        task.abort();
        None
    }

    fn load(&self) -> Option<Result<(), Error>> {
        let secrets = self.secrets.clone();
        self.poll(async move { secrets.ready().await })
    }
}

fn document(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("the engine's documents are JSON")
}

impl<O: Open> Subject for Driven<O> {
    const RUNTIME: &str = O::RUNTIME;

    fn open(options: &Value, variables: &Map<String, Value>) -> Result<Self, Value> {
        let variables = variables.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default()));
        let options = options.as_object().expect("a vector's options are an object").clone();
        let clock = Arc::<Clock>::default();
        clock.started_at.store(options["startedAt"].as_u64().unwrap_or_default(), Ordering::SeqCst);
        let (calls, clocked) = (Calls::default(), clock.clone());
        let source = Arc::new(calls.clone());
        let builder = Secrets::builder()
            .options(options)
            .variables(variables)
            .engine(move |options, variables| Ok(Box::new(Clocked::patient(O::open(options, variables)?, clocked))))
            .connect(move |_, _| source);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let secrets = runtime.block_on(async { builder.build() }).map_err(|error| document(&error))?;
        let subscription = secrets.subscribe();
        Ok(Self(RefCell::new(State { runtime, secrets, subscription, calls, clock, now: 0 }), PhantomData))
    }

    fn handle_clock(&mut self, now: u64, wall: u64) {
        let state = self.0.get_mut();
        let shown = state.clock.started_at.load(Ordering::SeqCst) + now;
        let ahead = i64::try_from(i128::from(wall) - i128::from(shown)).expect("milliseconds");
        state.clock.ahead.store(ahead, Ordering::SeqCst);
        state.clock.stands_still.store(true, Ordering::SeqCst);
        state.stand_still_until(now);
        // A look at health is a look at both clocks.
        {
            let _in = state.runtime.enter();
            let _ = state.secrets.health();
        }
        state.settle();
    }

    fn poll_fetch(&mut self, now: u64) -> Option<Value> {
        let state = self.0.get_mut();
        state.at(now);
        let _ = state.load();
        state.calls.with(|queues| queues.unseen.pop_front())
    }

    fn handle_fetched(&mut self, now: u64, fetched: &Value) {
        let state = self.0.get_mut();
        state.at(now);
        let fetched: Fetched = serde_json::from_value(fetched.clone()).expect("a vector's answer");
        let answer = state.calls.with(|queues| queues.unanswered.remove(&fetched.id.0)).expect("it was asked");
        let _ = answer.send(fetched);
        state.settle();
    }

    fn poll_timeout(&self) -> Option<u64> {
        let state = self.0.borrow();
        state.settle();
        state.timeout()
    }

    fn poll_event(&mut self) -> Option<Value> {
        let state = self.0.get_mut();
        let mut context = Context::from_waker(Waker::noop());
        match pin!(state.subscription.next_event()).poll(&mut context) {
            Poll::Ready(event) => event.map(|event| document(&event)),
            Poll::Pending => None,
        }
    }

    fn read(&self, service: &str, now: u64) -> Result<Value, Value> {
        let mut state = self.0.borrow_mut();
        state.at(now);
        let _in = state.runtime.enter();
        let read = state.secrets.read(service).map_err(|error| document(&error))?;
        Ok(serde_json::from_str(&Read::expose_json(&Ok(read))).expect("a read is JSON"))
    }

    fn refresh(&mut self, service: &str, now: u64) -> Result<String, Value> {
        let state = self.0.get_mut();
        state.at(now);
        let asked = |state: &State| state.calls.with(|queues| queues.unseen.len());
        let (before, secrets, id) = (asked(state), state.secrets.clone(), service.to_owned());
        match state.poll(async move { secrets.refresh(&*id).await }) {
            Some(refreshed) => refreshed.map(|()| "current".into()).map_err(|error| document(&error)),
            None if asked(state) > before => Ok("started".into()),
            None => Ok("joined".into()),
        }
    }

    fn loaded(&self, now: u64) -> Option<Result<(), Value>> {
        let mut state = self.0.borrow_mut();
        state.at(now);
        state.load().map(|loaded| loaded.map_err(|error| document(&error)))
    }

    fn health(&self, now: u64) -> Value {
        let mut state = self.0.borrow_mut();
        state.at(now);
        let _in = state.runtime.enter();
        document(&state.secrets.health())
    }
}
