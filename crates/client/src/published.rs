//! What readers read: a bounded concurrent store of snapshots. No reader waits for I/O, or for the engine.

use std::sync::Arc;

use foldhash::fast::RandomState;
use moka::sync::Cache;
use permisos_secrets_core::{ServiceId, Snapshot};

/// The latest snapshot of each service.
///
/// Freshness is not the store's business: an expiry of its own would make a value vanish in the very outage that it is
/// kept for. The bound is the number of services, so nothing is evicted either.
pub(crate) struct Published(Cache<ServiceId, Arc<Snapshot>, RandomState>);

impl Published {
    pub(crate) fn new(services: u64) -> Self {
        Self(Cache::builder().max_capacity(services).build_with_hasher(RandomState::default()))
    }

    pub(crate) fn put(&self, snapshot: Snapshot) {
        self.0.insert(snapshot.service().clone(), Arc::new(snapshot));
    }

    pub(crate) fn get(&self, service: &ServiceId) -> Option<Arc<Snapshot>> {
        self.0.get(service)
    }
}
