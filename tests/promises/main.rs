mod harness;
mod p05_poison;
mod p07_supervision;
