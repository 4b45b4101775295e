//! W3C Trace Context: the `traceparent` header.

use std::fmt;

/// The length of a header of version 00; later ones may append to it.
const LEN: usize = 55;
/// The bit of the flags that says that the spans above are recorded.
const SAMPLED: u8 = 1;

/// Names a trace. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub u128);

/// Names a span within its trace. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub u64);

/// What a `traceparent` says: the span above, and whether it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub trace: TraceId,
    pub span: SpanId,
    pub sampled: bool,
}

impl Context {
    /// Reads a header. None where it is invalid: then it says nothing.
    pub fn parse(text: &[u8]) -> Option<Context> {
        let (version, rest) = (text.get(..2)?, text.get(LEN..)?);
        let is_known = version == b"00" && rest.is_empty();
        let is_later = version != b"ff" && (rest.is_empty() || rest[0] == b'-');
        let dashes = [2, 35, 52].iter().all(|at| text[*at] == b'-');
        if !dashes || !(is_known || version != b"00" && is_later) {
            return None;
        }
        hex(version)?;
        let (trace, span) = (hex(&text[3..35])?, hex(&text[36..52])?);
        let flags = hex(&text[53..LEN])? as u8;
        (trace != 0 && span != 0).then_some(Context {
            trace: TraceId(trace),
            span: SpanId(span as u64),
            sampled: flags & SAMPLED != 0,
        })
    }

    /// The header's value.
    pub fn to_header(self) -> [u8; LEN] {
        let mut text = *b"00-................................-................-0.";
        write_hex(&mut text[3..35], self.trace.0);
        write_hex(&mut text[36..52], u128::from(self.span.0));
        write_hex(&mut text[54..], u128::from(self.sampled));
        text
    }
}

/// Lower-case digits only, as the recommendation wants them.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

fn write_hex(digits: &mut [u8], mut number: u128) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_as_the_recommendation_says() {
        let context = Context::parse(TEXT.as_bytes()).expect("its own example");
        assert_eq!(
            context.trace.to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(context.span.to_string(), "00f067aa0ba902b7");
        assert!(context.sampled);
        for unsampled in ["00", "02", "fe"] {
            let text = format!("{}{unsampled}", &TEXT[..53]);
            assert!(!Context::parse(text.as_bytes()).expect("valid").sampled);
        }
        let later = format!("01{}-and-more", &TEXT[2..]);
        assert_eq!(Context::parse(later.as_bytes()), Some(context));
    }

    #[test]
    fn what_is_invalid_says_nothing() {
        for wrong in [
            "",
            "00",
            &TEXT[..54],
            &format!("{TEXT}1"),
            &format!("{TEXT}-more"),
            &format!("01{}1", &TEXT[2..]),
            &format!("ff{}", &TEXT[2..]),
            &format!("0x{}", &TEXT[2..]),
            &TEXT.to_uppercase(),
            &TEXT.replace('-', "_"),
            &TEXT.replace("-01", "-0g"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473+-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn p9_what_is_written_is_read_again(
            trace in 1..=u128::MAX,
            span in 1..=u64::MAX,
            sampled: bool,
        ) {
            let context = Context { trace: TraceId(trace), span: SpanId(span), sampled };
            prop_assert_eq!(Context::parse(&context.to_header()), Some(context));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes: Vec<u8>) {
            let _ = Context::parse(&bytes);
        }
    }
}
