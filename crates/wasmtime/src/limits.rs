//! Bounds that a component cannot pass: memory, work, and how many run at once.

use std::mem;

use permisos_secrets::{Error, ErrorKind};
use wasmtime::{
    AsContextMut, CallHook, Config, Engine, PoolingAllocationConfig, Store, StoreLimits, StoreLimitsBuilder, Trap,
};

use crate::host::SecretsCtx;

/// What a component may use. By default it fits the engine with most catalogues, though not with a thousand secrets of the
/// 65,536 bytes that Secrets Manager stores at most, and most guests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most linear memory of one component, in bytes: it has one memory and no more. Default 64 MiB; more than that
    /// is not reserved.
    pub memory: usize,
    /// The most work of one call, in units of wasmtime's fuel, about an instruction each. Default 2,000,000,000, one or
    /// two seconds. Unlike a deadline it does not depend on how busy the machine is. What the host does for a guest counts
    /// too: 20,000 for each config, and one for each byte of a key.
    pub fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: RESERVED, fuel: 2_000_000_000 }
    }
}

/// Instances at once in one engine: each reserves 4 GiB of address space, not of memory.
const INSTANCES: u32 = 64;
/// Core instances and tables of one component: its own module, and what the component model puts around it.
const PARTS: u32 = 8;
/// Memories of one component. With a second one it could have twice the bytes; and components inside it could pass texts
/// from one memory to the other, which the host copies without asking for fuel.
const MEMORIES: u32 = 1;
/// What an answer costs beside the instructions in the sandbox, about the time that the other side needs for it.
pub(crate) const CALL: u64 = 20_000;
/// The most bytes of one answer that shares the fuel of the call before: more than the largest config, with the one
/// before it and what the environment holds.
pub(crate) const ANSWER: usize = 4 << 20;
/// Of an ended instance's tables, in bytes: emptied in place, which takes less than giving the pages back. They hold
/// functions; the pages of a memory, which held secrets, are always given back.
const TABLES: usize = 64 << 10;
/// What the pool reserves for one memory.
const RESERVED: usize = 64 << 20;

impl Limits {
    /// A configuration whose components can be held to the bounds: fuel is counted, and instances come from a pool,
    /// which makes them in microseconds and takes their memory back, values and all, when they end.
    pub fn config() -> Config {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES)
            .total_core_instances(INSTANCES * PARTS)
            .total_memories(INSTANCES * MEMORIES)
            .total_tables(INSTANCES * PARTS)
            .max_core_instances_per_component(PARTS)
            .max_memories_per_component(MEMORIES)
            .max_tables_per_component(PARTS)
            .max_memory_size(RESERVED)
            .table_keep_resident(TABLES);
        let mut config = Config::new();
        config.consume_fuel(true).allocation_strategy(pool);
        config
    }

    /// An engine of that configuration.
    pub fn engine() -> Result<Engine, Error> {
        Engine::new(&Self::config()).map_err(|error| {
            Error::new(
                ErrorKind::ConfigInvalid,
                format!(
                    "wasmtime does not run on this machine: {}; the pool reserves 4 GiB of address space for each of \
                     {INSTANCES} instances, which `ulimit -v` has to allow",
                    error.root_cause()
                ),
            )
        })
    }

    /// Holds a guest's store to the bounds, and gives it the fuel of one call: one component in one store. Fails where the
    /// engine is not of [`config`](Self::config).
    pub fn hold<T: 'static>(self, store: &mut Store<T>, ctx: fn(&mut T) -> &mut SecretsCtx) -> wasmtime::Result<()> {
        ctx(store.data_mut()).bounds = self.memory_limits();
        store.limiter(move |state| &mut ctx(state).bounds);
        store.call_hook(move |mut store, hook| match hook {
            CallHook::ReturningFromHost => {
                let work = mem::take(&mut ctx(store.data_mut()).work);
                charge(store, work)
            }
            CallHook::CallingHost | CallHook::CallingWasm | CallHook::ReturningFromWasm => Ok(()),
        });
        store.set_hostcall_fuel(self.memory);
        self.refuel(store)
    }

    /// Gives the store the fuel of the next call. Fails where the engine is not of [`config`](Self::config).
    pub fn refuel<T>(self, store: &mut Store<T>) -> wasmtime::Result<()> {
        store.set_fuel(self.fuel)
    }

    /// For the store's state: what [`Store::limiter`] takes.
    pub(crate) fn memory_limits(self) -> StoreLimits {
        StoreLimitsBuilder::new()
            .memory_size(self.memory)
            .memories(MEMORIES as usize)
            .instances(PARTS as usize)
            .tables(PARTS as usize)
            .trap_on_grow_failure(true)
            .build()
    }
}

/// Takes fuel for work that is not the sandbox's own.
pub(crate) fn charge(mut store: impl AsContextMut, work: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    let left = store.get_fuel()?.checked_sub(work).ok_or(Trap::OutOfFuel)?;
    store.set_fuel(left)
}

/// The state of an engine's store: nothing but its bounds.
pub(crate) type Bounds = StoreLimits;
