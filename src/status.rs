//! stub
use std::sync::Arc;
#[derive(Clone, Default)]
pub struct Board(Arc<()>);
#[derive(Clone, Copy)]
pub enum Latch {
    Group,
    Topics,
    Producer,
    Store,
}
pub struct PartitionStatus {
    pub topic: String,
    pub partition: i32,
    pub generation: u64,
    pub position: i64,
    pub committed: i64,
    pub end: i64,
    pub lag_records: u64,
    pub lag_seconds: f64,
    pub paused: bool,
}
impl Board {
    pub fn filtered(&self, _: &str, _: u64) {}
    pub fn rejected(&self, _: &'static str, _: u64) {}
    pub fn produced(&self, _: u64) {}
    pub fn consumed(&self, _: u64) {}
    pub fn expired(&self, _: u64) {}
    pub fn commit(&self, _: bool) {}
    pub fn rebalanced(&self) {}
    pub fn ready(&self, _: Latch) {}
    pub fn not_ready(&self, _: Latch, _: &str) {}
    pub fn set_partitions(&self, _: Vec<PartitionStatus>) {}
}
