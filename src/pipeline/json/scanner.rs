//! Finds tokens, validating all it passes.

/// Nesting deeper than this is refused: readers downstream recurse, and so would die of it.
const MAX_DEPTH: u32 = 128;

/// Why a value is no JSON: at which byte, and what is wrong there. Never the value's content (P10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub at: usize,
    pub what: &'static str,
}

/// JSON's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pipeline) enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    List,
    Object,
}

/// A value that was passed. `escaped`: a text that holds escapes.
#[derive(Clone, Copy, Debug)]
pub(in crate::pipeline) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    pub escaped: bool,
}

/// Reads valid UTF-8 from front to back; each byte is looked at once.
pub(in crate::pipeline) struct Scanner<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// Which containers are open: a bit each, set for an object. No recursion, so no stack to
/// overflow.
#[derive(Default)]
struct Open {
    objects: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, object: bool) -> bool {
        self.objects = self.objects << 1 | u128::from(object);
        self.depth += 1;
        self.depth <= MAX_DEPTH
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::Text => "text",
            Kind::List => "list",
            Kind::Object => "object",
        }
    }
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Scanner {
            source: text,
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    pub fn source(&self) -> &'a str {
        self.source
    }

    pub fn malformed<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, what })
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes the byte if it is the next one.
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes the space at the text's end, and refuses anything else there.
    pub fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => self.malformed("text after the value"),
        }
    }

    /// Passes `text`, and the space after it, if it stands here.
    #[inline]
    pub fn passes(&mut self, text: &str) -> bool {
        let found = self.bytes[self.at..].starts_with(text.as_bytes());
        if found {
            self.at += text.len();
            self.space();
        }
        found
    }

    /// Passes a member's name and its colon.
    pub fn name(&mut self) -> Result<Token, Malformed> {
        if self.peek() != Some(b'"') {
            return self.malformed("a member's name was expected");
        }
        let start = self.at;
        let escaped = self.text()?;
        let end = self.at;
        self.space();
        if !self.eat(b':') {
            return self.malformed("a colon was expected");
        }
        self.space();
        Ok(Token {
            kind: Kind::Text,
            start,
            end,
            escaped,
        })
    }

    /// Passes a value, be it nested, that itself lies in `depth` containers.
    #[inline(always)]
    pub fn value(&mut self, depth: u32) -> Result<Token, Malformed> {
        let start = self.at;
        let (kind, escaped) = match self.peek() {
            Some(b'{') => (Kind::Object, false),
            Some(b'[') => (Kind::List, false),
            _ => self.scalar()?,
        };
        if let Kind::Object | Kind::List = kind {
            self.container(depth)?;
        }
        Ok(Token {
            kind,
            start,
            end: self.at,
            escaped,
        })
    }

    fn container(&mut self, depth: u32) -> Result<(), Malformed> {
        let mut open = Open { objects: 0, depth };
        loop {
            let opened = match self.peek() {
                Some(b'{') => self.open(&mut open, b'}')?,
                Some(b'[') => self.open(&mut open, b']')?,
                _ => {
                    self.scalar()?;
                    false
                }
            };
            if !opened {
                while open.depth > depth && self.closes(&mut open)? {}
            }
            if open.depth == depth {
                return Ok(());
            }
        }
    }

    /// Passes a container's opening bracket and goes to its first value. False where it is empty:
    /// it is passed whole then.
    fn open(&mut self, open: &mut Open, closing: u8) -> Result<bool, Malformed> {
        if !open.push(closing == b'}') {
            return self.malformed("nested deeper than 128");
        }
        self.at += 1;
        self.space();
        if self.eat(closing) {
            open.pop();
            return Ok(false);
        }
        if open.in_object() {
            self.name()?;
        }
        Ok(true)
    }

    /// After a value in a container: true where the container ends, false where another value
    /// follows.
    fn closes(&mut self, open: &mut Open) -> Result<bool, Malformed> {
        self.space();
        let closing = if open.in_object() { b'}' } else { b']' };
        if self.eat(closing) {
            open.pop();
            return Ok(true);
        }
        if !self.eat(b',') {
            return self.malformed("a comma or a closing bracket was expected");
        }
        self.space();
        if open.in_object() {
            self.name()?;
        }
        Ok(false)
    }

    #[inline(always)]
    fn scalar(&mut self) -> Result<(Kind, bool), Malformed> {
        match self.peek() {
            Some(b'"') => Ok((Kind::Text, self.text()?)),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| (Kind::Number, false)),
            Some(b't') => self.word(b"true", Kind::Boolean),
            Some(b'f') => self.word(b"false", Kind::Boolean),
            Some(b'n') => self.word(b"null", Kind::Null),
            Some(_) => self.malformed("a value was expected"),
            None => self.malformed("the text ends where a value was expected"),
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(Kind, bool), Malformed> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.malformed("a value was expected");
        }
        self.at += word.len();
        Ok((kind, false))
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return self.malformed("a digit was expected");
        }
        Ok(())
    }

    /// Passes a text from quote to quote; true where it holds escapes.
    #[inline(always)]
    fn text(&mut self) -> Result<bool, Malformed> {
        self.at += 1;
        self.at += plain_run(&self.bytes[self.at..]);
        match self.eat(b'"') {
            true => Ok(false),
            false => self.rest_of_text(),
        }
    }

    /// The rest of a text that has more in it than plain characters; true where it holds escapes.
    fn rest_of_text(&mut self) -> Result<bool, Malformed> {
        let mut escaped = false;
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    self.escape()?;
                    escaped = true;
                }
                Some(_) => return self.malformed("a control character in a text"),
                None => return self.malformed("a text without an end"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.code_unit(),
            _ => self.malformed("an unknown escape"),
        }
    }

    /// Passes `\uXXXX`, or two of them where the first is half of a surrogate pair.
    fn code_unit(&mut self) -> Result<(), Malformed> {
        match code_unit(&self.bytes[self.at..]) {
            None => self.malformed("an unknown escape"),
            Some(0xdc00..=0xdfff) => self.malformed("half a surrogate pair"),
            Some(0xd800..=0xdbff) => match code_unit(&self.bytes[self.at + 6..]) {
                Some(0xdc00..=0xdfff) => {
                    self.at += 12;
                    Ok(())
                }
                _ => self.malformed("half a surrogate pair"),
            },
            Some(_) => {
                self.at += 6;
                Ok(())
            }
        }
    }
}

/// The code unit of the escape `\uXXXX` at the start of `bytes`.
pub(super) fn code_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

/// How many bytes from the start are neither quote, backslash nor control character: eight at a
/// time, since texts are most of a record.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let special = special(u64::from_le_bytes(*eight));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes[at..].iter();
    at + rest
        .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20))
        .count()
}

/// Sets the top bit of each of eight bytes that is special. Bytes above the first such one may be
/// set wrongly, by the subtraction's borrow; the lowest is right.
fn special(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let below = |bytes: u64, n: u64| bytes.wrapping_sub(ONES * n) & !bytes & TOPS;
    let equal = |byte: u8| below(eight ^ (ONES * u64::from(byte)), 1);
    below(eight, 0x20) | equal(b'"') | equal(b'\\')
}
