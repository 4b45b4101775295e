//! Greenroom.

pub mod flow;
pub mod record;
