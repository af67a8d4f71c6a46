//! What an operator does with secrets: drafts, IAM permissions, templates. Pure; the tool alone uses it.

pub(crate) mod draft;
pub mod permissions;
pub(crate) mod replacement;
pub(crate) mod template;
pub(crate) mod uncovered;
