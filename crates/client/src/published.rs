//! What readers read: a bounded concurrent store of snapshots. No reader waits for I/O, or for the engine.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use moka::sync::Cache;
use permisos_secrets_core::{Service, ServiceId, ServiceState};

/// The latest snapshot of each service.
///
/// Freshness is not the store's business: an expiry of its own would make a value vanish in the very outage that it is
/// kept for. The bound is the number of services, so nothing is evicted either.
pub(crate) struct Published {
    /// The seven have a place of their own: an index costs a tenth of a look-up.
    built_in: [ArcSwapOption<ServiceState>; Service::ALL.len()],
    custom: Cache<Arc<str>, Arc<ServiceState>>,
}

impl Published {
    pub(crate) fn new(services: &[ServiceId]) -> Self {
        let custom = services.iter().filter(|service| matches!(service, ServiceId::Custom(_))).count();
        Self { built_in: Default::default(), custom: Cache::new(u64::try_from(custom).unwrap_or(u64::MAX)) }
    }

    pub(crate) fn put(&self, snapshot: ServiceState) {
        match snapshot.service.clone() {
            ServiceId::BuiltIn(service) => self.built_in[service as usize].store(Some(Arc::new(snapshot))),
            ServiceId::Custom(id) => self.custom.insert(id, Arc::new(snapshot)),
        }
    }

    /// Hands out the latest snapshot, if the service was asked for.
    pub(crate) fn with<T>(&self, service: &ServiceId, read: impl FnOnce(&ServiceState) -> T) -> Option<T> {
        match service {
            ServiceId::BuiltIn(service) => self.built_in[*service as usize].load().as_deref().map(read),
            ServiceId::Custom(id) => self.custom.get(id).as_deref().map(read),
        }
    }
}
