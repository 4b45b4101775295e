//! Greenroom's promises, a module each, kept on the embedded broker or on a real Kafka.
//!
//! What needs a real one is ignored in plain `cargo test`, because it needs Java and Maven:
//! `cargo test --test promises -- --ignored`.

mod check;
mod collectors;
mod counts;
mod documents;
#[cfg(debug_assertions)] // a release knows no failpoints
mod failpoints;
mod harness;
mod kafka_room;
mod p02_keys;
mod p02_membership;
mod p04_bounded_memory;
mod p05_poison;
mod p06_nothing_silent;
mod p06_rights;
mod p07_control;
mod p07_supervision;
mod p08_shutdown;
mod p09_pass_through;
mod p10_private;
mod p11_exact_counts;
mod p11_stores;
mod p12_exactly_once;
mod reference;
mod reports;
mod rooms;
mod settings;
mod storm;
mod traces;
mod view;
