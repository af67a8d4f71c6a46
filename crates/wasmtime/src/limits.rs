//! Bounds that a component cannot pass: memory, work, and how many run at once.

use permisos_secrets::{Error, ErrorKind};
use wasmtime::{Config, Engine, PoolingAllocationConfig, Store, StoreLimits, StoreLimitsBuilder};

/// What a component may use. It fits the engine with its most secrets, and most guests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most linear memory of one instance, in bytes. Default 64 MiB; more than that is not reserved.
    pub memory: usize,
    /// The most work of one call, in units of wasmtime's fuel, about an instruction each. Default 2,000,000,000, one or
    /// two seconds. Unlike a deadline it does not depend on how busy the machine is.
    pub fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: RESERVED, fuel: 2_000_000_000 }
    }
}

/// Instances at once in one engine: each reserves address space, not memory.
const INSTANCES: u32 = 64;
/// Core instances, memories and tables of one component: its own module, and what the component model puts around it.
const PARTS: u32 = 8;
/// What the pool reserves for one memory.
const RESERVED: usize = 64 << 20;

impl Limits {
    /// A configuration whose components can be held to the bounds: fuel is counted, and instances come from a pool,
    /// which makes them in microseconds and takes their memory back, values and all, when they end.
    pub fn config() -> Config {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES)
            .total_core_instances(INSTANCES * PARTS)
            .total_memories(INSTANCES)
            .total_tables(INSTANCES * PARTS)
            .max_memory_size(RESERVED);
        let mut config = Config::new();
        config.consume_fuel(true).allocation_strategy(pool);
        config
    }

    /// An engine of that configuration.
    pub fn engine() -> Result<Engine, Error> {
        Engine::new(&Self::config()).map_err(|error| {
            Error::new(
                ErrorKind::ConfigInvalid,
                format!("wasmtime does not run on this machine: {}", error.root_cause()),
            )
        })
    }

    /// For the store's state: what [`Store::limiter`] takes.
    pub fn memory_limits(self) -> StoreLimits {
        StoreLimitsBuilder::new().memory_size(self.memory).trap_on_grow_failure(true).build()
    }

    /// Gives the store the fuel of one call. Fails where the engine is not of [`config`](Self::config).
    pub fn refuel<T>(self, store: &mut Store<T>) -> wasmtime::Result<()> {
        store.set_fuel(self.fuel)
    }
}

/// The state of an engine's store: nothing but its bounds.
pub(crate) type Bounds = StoreLimits;
