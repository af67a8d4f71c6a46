//! Bounds that a component cannot pass: memory, work, parts, and how many run at once.

use permisos_secrets::{Error, ErrorKind};
use wasmtime::{
    AsContextMut, Config, Engine, PoolingAllocationConfig, ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder,
    Trap,
};

/// What a component may use. [`Limits::default`] is tight around the engine, with most catalogues, though not with a
/// thousand secrets of the 65,536 bytes that Secrets Manager stores at most; [`Limits::guest`] admits applications in Rust,
/// Python and JavaScript.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most linear memory of one component, of all its memories together, in bytes. 64 MiB for the engine, 128 MiB for
    /// a guest.
    pub memory: usize,
    /// The most work of one call, in units of wasmtime's fuel, about an instruction each. Default 2,000,000,000, one or
    /// two seconds. Unlike a deadline it does not depend on how busy the machine is. What the host does for a guest counts
    /// too: 20,000 for each config, and one for each byte of a key.
    pub fuel: u64,
    /// The most core instances of one component: its own module, and what tools put around it. 8 for the engine; 64 for
    /// a guest, since a Python one has 38.
    pub core_instances: u32,
    /// The most tables of one component. 8 for the engine, 64 for a guest.
    pub tables: u32,
    /// The most entries of one table. 20,000, wasmtime's own default, for the engine; 65,536 for a guest.
    pub table_entries: usize,
    /// The most memories of one component. 1 for the engine; 4 for a guest, since a Python one has 3. With several, parts of
    /// a hostile component could pass texts to each other, which the host copies without asking for fuel: 1 rules it out.
    pub memories: u32,
}

/// Components at once in one engine: each memory reserves 4 GiB of address space, not of memory.
pub(crate) const INSTANCES: u32 = 64;
/// What an answer costs beside the instructions in the sandbox, about the time that the other side needs for it.
pub(crate) const CALL: u64 = 20_000;
/// The most bytes of one answer that shares the fuel of the call before: more than the largest config, with the one
/// before it and what the environment holds.
pub(crate) const ANSWER: usize = 4 << 20;
/// Of an ended instance's tables, in bytes: emptied in place, which takes less than giving the pages back. They hold
/// functions; the pages of a memory, which held secrets, are always given back.
const TABLES: usize = 64 << 10;

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, fuel: 2_000_000_000, core_instances: 8, tables: 8, table_entries: 20_000, memories: 1 }
    }
}

impl Limits {
    /// Bounds that applications in Rust, Python (componentize-py) and JavaScript (componentize-js, componentize-qjs) fit.
    pub fn guest() -> Self {
        let (memory, table_entries) = (128 << 20, 1 << 16);
        Self { memory, core_instances: 64, tables: 64, table_entries, memories: 4, ..Self::default() }
    }

    /// A configuration whose components can be held to these bounds: fuel is counted, and instances come from a pool,
    /// which makes them in microseconds and takes their memory back, values and all, when they end.
    pub fn config(self) -> Config {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES)
            .total_core_instances(INSTANCES.saturating_mul(self.core_instances))
            .total_memories(INSTANCES.saturating_mul(self.memories))
            .total_tables(INSTANCES.saturating_mul(self.tables))
            .max_core_instances_per_component(self.core_instances)
            .max_memories_per_component(self.memories)
            .max_tables_per_component(self.tables)
            .max_memory_size(self.memory)
            .table_elements(self.table_entries)
            .table_keep_resident(TABLES);
        let mut config = Config::new();
        config.consume_fuel(true).allocation_strategy(pool);
        config
    }

    /// An engine of that configuration.
    pub fn engine(self) -> Result<Engine, Error> {
        Engine::new(&self.config()).map_err(|error| {
            Error::new(
                ErrorKind::ConfigInvalid,
                format!(
                    "wasmtime does not run on this machine: {}; the pool reserves 4 GiB of address space for each memory of \
                     {INSTANCES} components, which `ulimit -v` has to allow",
                    error.root_cause()
                ),
            )
        })
    }

    /// Gives the store the fuel of the next call. Fails where the engine is not of [`config`](Self::config).
    pub fn refuel<T>(self, store: &mut Store<T>) -> wasmtime::Result<()> {
        store.set_fuel(self.fuel).map_err(|_| {
            wasmtime::Error::msg(
                "this wasmtime engine counts no fuel: make it by Limits::engine, or from Limits::config",
            )
        })
    }

    /// Whether a document that opens an engine leaves it enough memory to read it.
    pub(crate) fn admit(self, what: &str, bytes: usize) -> Result<(), Error> {
        let most = self.memory / 8;
        if bytes <= most {
            return Ok(());
        }
        let message = format!(
            "the {what} have {} kB as JSON, and this sandbox takes {} kB, an eighth of Limits::memory: make them smaller, or \
             raise the limit",
            bytes / 1000,
            most / 1000
        );
        Err(Error::new(ErrorKind::ConfigInvalid, message))
    }

    /// For the store's state: what [`Store::limiter`] takes.
    pub(crate) fn memory_limits(self) -> Bounds {
        let count = |parts: u32| usize::try_from(parts).unwrap_or(usize::MAX);
        let parts = StoreLimitsBuilder::new()
            .memory_size(self.memory)
            .memories(count(self.memories))
            .instances(count(self.core_instances))
            .tables(count(self.tables))
            .table_elements(self.table_entries)
            .trap_on_grow_failure(true)
            .build();
        Bounds { parts, memory: self.memory, used: 0 }
    }
}

/// What a store holds its component to: wasmtime's own bounds, and one of all memories together.
#[derive(Debug)]
pub(crate) struct Bounds {
    parts: StoreLimits,
    memory: usize,
    used: usize,
}

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.memory {
            let limit = self.memory;
            return Err(wasmtime::Error::msg(format!(
                "the memory of the component would pass its limit of {limit} bytes"
            )));
        }
        self.used = used;
        self.parts.memory_growing(current, desired, maximum)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.parts.memory_grow_failed(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.parts.table_growing(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.parts.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.parts.instances()
    }

    fn tables(&self) -> usize {
        self.parts.tables()
    }

    fn memories(&self) -> usize {
        self.parts.memories()
    }
}

/// Takes fuel for work that is not the sandbox's own.
pub(crate) fn charge(mut store: impl AsContextMut, work: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    let left = store.get_fuel()?.checked_sub(work).ok_or(Trap::OutOfFuel)?;
    store.set_fuel(left)
}
