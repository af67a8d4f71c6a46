//! The driver under shuttle: the loop, waiting callers, subscribers and `close` meet in many orders.
//!
//! `src/driver.rs` is compiled a second time, on the primitives below in place of `src/sync.rs`. The lock is shuttle's. The
//! channels are tokio's own; each of their operations takes a turn, which is a lock of shuttle's, so that others may come
//! before and after it. The engine is core's. What stands in for `ArcSwap` and moka is the least that a store of snapshots
//! can be: which one is the latest, in an atomic. Both promise that a read which begins after a `put` ended sees it or a
//! later one, and nothing else is relied on. Tokio's tasks and timers are not modelled: [`drive`] is the loop without them.

#![expect(clippy::unwrap_used, reason = "a test")]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is the library's; the loop with its tasks and timers is not modelled"
)]
#[path = "../src/driver.rs"]
mod driver;

mod engine {
    pub(crate) use permisos_secrets::DrivenEngine;
}

mod published {
    use std::sync::Mutex;

    use permisos_secrets_core::{ServiceId, ServiceState};
    use shuttle::sync::atomic::{AtomicUsize, Ordering};

    /// Every snapshot of one service, and which is the latest.
    pub(crate) struct Published {
        all: Mutex<Vec<ServiceState>>,
        count: AtomicUsize,
    }

    impl Published {
        pub(crate) fn new(_services: &[ServiceId]) -> Self {
            Self { all: Mutex::default(), count: AtomicUsize::new(0) }
        }

        pub(crate) fn put(&self, snapshot: ServiceState) {
            let count = {
                let mut all = self.all.lock().unwrap();
                all.push(snapshot);
                all.len()
            };
            self.count.store(count, Ordering::SeqCst);
        }

        pub(crate) fn with<T>(&self, _service: &ServiceId, read: impl FnOnce(&ServiceState) -> T) -> Option<T> {
            let count = self.count.load(Ordering::SeqCst);
            let latest = self.all.lock().unwrap().get(count.checked_sub(1)?).cloned();
            latest.as_ref().map(read)
        }
    }
}

mod sync {
    use permisos_secrets_core::UnixTime;
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::sync::Arc;

    pub(crate) use shuttle::sync::{Mutex, MutexGuard};

    /// Stands still, as the other clock does.
    pub(crate) fn wall_clock() -> UnixTime {
        UnixTime(0)
    }

    /// Lets shuttle choose who comes next.
    #[derive(Clone)]
    struct Turn(Arc<Mutex<()>>);

    impl Turn {
        fn new() -> Self {
            Self(Arc::new(Mutex::new(())))
        }

        fn take<T>(&self, operate: impl FnOnce() -> T) -> T {
            let _turn = self.0.lock().unwrap();
            operate()
        }

        async fn take_each<F: Future>(&self, future: F) -> F::Output {
            let mut future = pin!(future);
            poll_fn(|context| self.take(|| future.as_mut().poll(context))).await
        }
    }

    pub(crate) struct Notify(Turn, tokio::sync::Notify);

    impl Notify {
        pub(crate) fn new() -> Self {
            Self(Turn::new(), tokio::sync::Notify::new())
        }

        pub(crate) fn notify_one(&self) {
            self.0.take(|| self.1.notify_one());
        }

        pub(crate) async fn notified(&self) {
            self.0.take_each(self.1.notified()).await;
        }
    }

    pub(crate) mod broadcast {
        use super::Turn;
        use error::{RecvError, SendError, TryRecvError};
        use tokio::sync::broadcast as real;

        pub(crate) use tokio::sync::broadcast::error;

        pub(crate) struct Sender<T>(Turn, real::Sender<T>);

        impl<T: Clone> Sender<T> {
            pub(crate) fn new(limit: usize) -> Self {
                Self(Turn::new(), real::Sender::new(limit))
            }

            pub(crate) fn subscribe(&self) -> Receiver<T> {
                Receiver(self.0.clone(), self.0.take(|| self.1.subscribe()))
            }

            pub(crate) fn send(&self, value: T) -> Result<usize, SendError<T>> {
                self.0.take(|| self.1.send(value))
            }
        }

        pub(crate) struct Receiver<T>(Turn, real::Receiver<T>);

        impl<T: Clone> Receiver<T> {
            pub(crate) async fn recv(&mut self) -> Result<T, RecvError> {
                self.0.take_each(self.1.recv()).await
            }

            pub(crate) fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.0.take(|| self.1.try_recv())
            }
        }
    }

    pub(crate) mod watch {
        use super::Turn;
        use tokio::sync::watch as real;
        use tokio::sync::watch::error::RecvError;

        pub(crate) struct Sender<T>(Turn, real::Sender<T>);

        impl<T> Sender<T> {
            pub(crate) fn new(value: T) -> Self {
                Self(Turn::new(), real::Sender::new(value))
            }

            pub(crate) fn subscribe(&self) -> Receiver<T> {
                Receiver(self.0.clone(), self.0.take(|| self.1.subscribe()))
            }

            pub(crate) fn borrow(&self) -> real::Ref<'_, T> {
                self.1.borrow()
            }

            pub(crate) fn send_replace(&self, value: T) -> T {
                self.0.take(|| self.1.send_replace(value))
            }
        }

        pub(crate) struct Receiver<T>(Turn, real::Receiver<T>);

        impl<T> Receiver<T> {
            pub(crate) fn mark_unchanged(&mut self) {
                self.0.take(|| self.1.mark_unchanged());
            }

            pub(crate) async fn changed(&mut self) -> Result<(), RecvError> {
                self.0.take_each(self.1.changed()).await
            }

            pub(crate) async fn wait_for(&mut self, holds: impl FnMut(&T) -> bool) -> Result<(), RecvError> {
                // What it answers is a lock of tokio's: no other task may come next while it is held.
                self.0.take_each(async { self.1.wait_for(holds).await.map(drop) }).await
            }
        }
    }
}

use std::sync::Arc;

use driver::{Driver, Notice};
use permisos_secrets_core::{
    Engine, ErrorKind, EventKind, Fetch, Fetched, Options, Outcome, Payload, Service, ServiceId, Variables,
};
use serde_json::json;
use shuttle::future::block_on;
use shuttle::scheduler::PctScheduler;
use shuttle::thread::{JoinHandle, spawn};

/// Orders that are tried of each scene, always the same ones.
const ORDERS: usize = 1000;
/// Changes of turn that a race may need.
const DEPTH: usize = 3;
/// Of a thread: shuttle's default is too small for the engine.
const STACK: usize = 0x4_0000;

/// Plays the scene in many orders.
fn check(scene: impl Fn(Arc<Driver>) + Send + Sync + 'static) {
    // The clock stands still: a busy machine must not change what the engine decides.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _clock = runtime.enter();
    let options = json!({ "source": "aws", "services": ["redis"] });
    let (options, _) = Options::parse::<&str, &str>(options.as_object().unwrap(), []).unwrap();
    let mut config = shuttle::Config::new();
    config.stack_size = STACK;
    shuttle::Runner::new(PctScheduler::new_from_seed(7, DEPTH, ORDERS), config).run(move || {
        let engine = Engine::new(options.clone(), Variables::default());
        scene(Arc::new(Driver::new(Box::new(engine), None)));
    });
}

/// What `Driver::run` does, without tasks and timers: fetches what is asked for until it is closed. Answers how often.
async fn drive(driver: &Driver) -> u64 {
    let mut closing = driver.is_closed.subscribe();
    let mut fetches = 0;
    loop {
        let (fetch, _) = driver.poll();
        // In the order given: shuttle alone chooses.
        if let Some(fetch) = fetch {
            fetches += 1;
            tokio::select! {
                biased;
                _ = closing.wait_for(|is_closed| *is_closed) => return fetches,
                () = shuttle::future::yield_now() => driver.handle(answer(&fetch)),
            }
            continue;
        }
        tokio::select! {
            biased;
            () = driver.wake.notified() => {}
            _ = closing.wait_for(|is_closed| *is_closed) => return fetches,
        }
    }
}

/// Each fetch brings a version of its own: 1, 2, and so on.
fn answer(fetch: &Fetch) -> Fetched {
    let outcomes = fetch.requests.iter().map(|request| Outcome {
        service: request.service.clone(),
        stage: request.stage,
        result: Ok(Payload {
            text: Some(r#"{"host":"cache"}"#.to_owned().into()),
            version_id: (fetch.id.0 + 1).to_string(),
            created_at: None,
            region: None,
        }),
    });
    Fetched { id: fetch.id, outcomes: outcomes.collect(), calls: vec![] }
}

fn redis() -> ServiceId {
    Service::Redis.into()
}

/// The version that a read answers.
fn read(driver: &Driver) -> Result<u64, ErrorKind> {
    let answer = driver.published.with(&redis(), |snapshot| snapshot.read(driver.now()));
    answer.unwrap().map(|read| read.version_id.unwrap().parse().unwrap()).map_err(|error| error.kind())
}

/// Loads the first version before anybody else is there.
fn load(driver: &Driver) {
    let (fetch, _) = driver.poll();
    driver.handle(answer(&fetch.unwrap()));
}

fn started<T: Send + 'static>(driver: &Arc<Driver>, work: impl FnOnce(&Driver) -> T + Send + 'static) -> JoinHandle<T> {
    let driver = driver.clone();
    spawn(move || work(&driver))
}

#[test]
fn a_waiting_load_is_woken_and_reads() {
    check(|driver| {
        let wait = |driver: &Driver| {
            block_on(driver.until(|| Ok(()), |engine, now| engine.loaded(now))).unwrap();
            assert_eq!(read(driver), Ok(1));
        };
        let driving = started(&driver, |driver| block_on(drive(driver)));
        let waiting = started(&driver, wait);
        wait(&driver);
        waiting.join().unwrap();
        driver.close();
        assert_eq!(driving.join().unwrap(), 1);
    });
}

#[test]
fn a_reported_version_is_already_read() {
    check(|driver| {
        let mut subscription = driver.subscribe();
        let driving = started(&driver, |driver| {
            load(driver);
            driver.engine().refresh(&redis(), driver.now()).unwrap();
            let (fetch, _) = driver.poll();
            driver.handle(answer(&fetch.unwrap()));
        });
        let mut versions = vec![];
        while versions.len() < 2 {
            match block_on(subscription.next()).unwrap() {
                Notice::Event(event) => match event.kind {
                    EventKind::Loaded { version_id: Some(to), .. } | EventKind::Rotated { to, .. } => {
                        assert!(read(&driver).unwrap() >= to.parse().unwrap());
                        versions.push(to);
                    }
                    _ => {}
                },
                Notice::Changed(_) => assert!(read(&driver).unwrap() > versions.len() as u64),
                Notice::Lagged => unreachable!("there are few notices"),
            }
        }
        assert_eq!(versions, ["1", "2"]);
        driving.join().unwrap();
    });
}

#[test]
fn refreshes_share_one_fetch_and_read_what_it_brought() {
    check(|driver| {
        load(&driver);
        let refresh = |driver: &Driver| {
            block_on(driver.refresh(&redis(), || Ok(()))).unwrap();
            assert_eq!(read(driver), Ok(2));
        };
        let driving = started(&driver, |driver| block_on(drive(driver)));
        let refreshing = started(&driver, refresh);
        refresh(&driver);
        refreshing.join().unwrap();
        driver.close();
        assert_eq!(driving.join().unwrap(), 1);
    });
}

#[test]
fn after_close_nothing_is_read() {
    check(|driver| {
        let landing = started(&driver, |driver| {
            if let (Some(fetch), _) = driver.poll() {
                driver.handle(answer(&fetch));
            }
        });
        driver.close();
        assert_eq!(read(&driver), Err(ErrorKind::NotReady));
        landing.join().unwrap();
        assert_eq!(read(&driver), Err(ErrorKind::NotReady), "nothing is published later");
    });
}

#[test]
fn after_close_no_task_waits() {
    check(|driver| {
        let driving = started(&driver, |driver| block_on(drive(driver)));
        let waiting = started(&driver, |driver| block_on(driver.until(|| Ok(()), |engine, now| engine.loaded(now))));
        driver.close();
        driving.join().unwrap();
        let loaded = waiting.join().unwrap().map_err(|error| error.kind());
        assert!([Ok(()), Err(ErrorKind::NotReady)].contains(&loaded));
    });
}

#[test]
fn a_subscription_ends_when_all_was_reported() {
    check(|driver| {
        load(&driver);
        let mut subscription = driver.subscribe();
        let closing = started(&driver, Driver::close);
        let mut reported = 0;
        while block_on(subscription.next()).is_some() {
            reported += 1;
        }
        closing.join().unwrap();
        assert_eq!(reported, 1, "that reads answer nothing any more");
    });
}
