//! A field of a secret, before it is revealed.

use permisos_secrets_core::ServiceId;

/// What `wasmcloud:secrets` hands out: no value yet.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated module exports it")]
pub struct Handle(pub(crate) Key);

/// `{service}/{field}`, e.g. `database/password` or `whatsapp/api/token`.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) service: ServiceId,
    pub(crate) field: String,
}

impl Key {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (service, field) = text.rsplit_once('/')?;
        Some(Self { service: service.into(), field: field.to_owned() })
    }
}
