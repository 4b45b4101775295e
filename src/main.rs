//! The binary: parse, call, exit code.

mod allocator;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::settle();
    greenroom::cli::main()
}

#[cfg(test)]
mod tests {
    use std::ffi::{c_int, c_long};

    use super::allocator::{PURGE_DELAY, settle};

    #[allow(unsafe_code, reason = "the mimalloc crate has no call for options")]
    unsafe extern "C" {
        fn mi_option_get(option: c_int) -> c_long;
    }

    /// Options go by number, and another version may number them anew.
    #[test]
    #[allow(unsafe_code, reason = "the mimalloc crate has no call for options")]
    fn p4_the_option_is_the_one_that_is_meant() {
        // SAFETY: it reads a static.
        let read = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(read(), 1000, "mimalloc's default");
        settle();
        assert_eq!(read(), 100);
    }
}
