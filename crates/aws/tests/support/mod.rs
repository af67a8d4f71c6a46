//! What the tests share.

pub(crate) mod application;
pub(crate) mod scene;
pub(crate) mod server;
