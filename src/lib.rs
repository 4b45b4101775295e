#![doc = include_str!("../ARCHITECTURE.md")]

pub mod actors;
pub mod cli;
pub mod config;
pub mod counts;
pub mod failpoint;
pub mod flow;
pub mod generator;
pub mod kafka;
pub mod pipeline;
pub mod record;
pub mod status;
pub mod supervision;
pub mod telemetry;
pub mod topology;
pub mod trace;
pub mod web;
