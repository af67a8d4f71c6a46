//! What the tests share.

pub(crate) mod scene;
pub(crate) mod server;
