//! A line of a report: read once, written of any counts.

use std::collections::BTreeMap;

use super::Scope;
use crate::counts::Node;
use crate::pipeline::count::Count;
use crate::pipeline::json;
use crate::pipeline::section::allowed;

/// What is shown of a key at most, in bytes: a record chooses how long its keys are.
const KEY_BYTES: usize = 100;
/// Keys within one line. With [`KEY_BYTES`] it bounds a line of the log, whatever is counted.
const KEYS_IN_LINE: usize = 1000;

const STRAY_BRACE: &str =
    "a brace that belongs to no name: write `{NAME}` for a count, `{{` and `}}` for braces";

#[derive(Clone, Debug)]
pub enum Line {
    Text(Vec<Piece>),
    /// A line for each key of a count.
    Keys {
        indent: Box<str>,
        count: Box<str>,
        form: Form,
    },
}

/// What stands in a line.
#[derive(Clone, Debug)]
pub enum Piece {
    Text(Box<str>),
    /// The key of the group that the report is written for.
    Key,
    Count {
        name: Box<str>,
        has_keys: bool,
    },
}

/// How the keys of a count are lined up.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// `key: n`
    Pairs,
    /// In two columns.
    Aligned,
}

/// What a report may name.
pub struct Known<'n> {
    pub group: Option<&'n str>,
    pub counts: Vec<&'n Count>,
}

/// A line's text and the names in its braces.
#[derive(Debug, PartialEq)]
enum Token<'t> {
    Text(&'t str),
    Name(&'t str),
}

impl Line {
    /// # Errors
    /// Where a brace is open or a name unknown.
    pub fn read(text: &str, known: &Known<'_>) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let pieces: Result<Vec<_>, _> = tokens.iter().map(|token| known.piece(token)).collect();
        let pieces = pieces?;
        let (indent, rest) = match pieces.split_first() {
            Some((Piece::Text(text), rest)) if text.trim().is_empty() => (&**text, rest),
            _ => ("", &pieces[..]),
        };
        match rest {
            [
                Piece::Count {
                    name,
                    has_keys: true,
                },
            ] => Ok(Line::Keys {
                indent: indent.into(),
                count: name.clone(),
                form: Form::Pairs,
            }),
            _ => Ok(Line::Text(pieces)),
        }
    }

    /// A count that no report shows: its number, or its keys in columns.
    pub fn plainly(count: &Count, indent: &str) -> Vec<Self> {
        let name = &count.name;
        if count.is_total() {
            let title = Piece::Text(format!("{indent}{name}: ").into());
            let name = name.clone();
            let has_keys = false;
            return vec![Line::Text(vec![title, Piece::Count { name, has_keys }])];
        }
        let title = Piece::Text(format!("{indent}{name}:").into());
        let keys = Line::Keys {
            indent: format!("{indent}  ").into(),
            count: name.clone(),
            form: Form::Aligned,
        };
        vec![Line::Text(vec![title]), keys]
    }

    /// `group: key`
    pub fn group(group: &str) -> Self {
        Line::Text(vec![Piece::Text(format!("{group}: ").into()), Piece::Key])
    }

    /// The counts that it shows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (keys, pieces) = match self {
            Line::Keys { count, .. } => (Some(&**count), &[][..]),
            Line::Text(pieces) => (None, &pieces[..]),
        };
        let within = pieces.iter().filter_map(|piece| match piece {
            Piece::Count { name, .. } => Some(&**name),
            Piece::Text(_) | Piece::Key => None,
        });
        keys.into_iter().chain(within)
    }

    pub fn render(&self, scope: Scope<'_>, lines: &mut Vec<String>) {
        match self {
            Line::Text(pieces) => {
                let mut line = String::new();
                pieces
                    .iter()
                    .for_each(|piece| piece.render(scope, &mut line));
                lines.push(line);
            }
            Line::Keys {
                indent,
                count,
                form,
            } => {
                let entries = entries(scope.counts.get(count));
                match form {
                    Form::Pairs => {
                        lines.extend(entries.map(|(key, n)| format!("{indent}{}: {n}", shown(key))))
                    }
                    Form::Aligned => align(indent, entries, lines),
                }
            }
        }
    }
}

impl Known<'_> {
    fn piece(&self, token: &Token<'_>) -> Result<Piece, String> {
        let name = match token {
            Token::Text(text) => return Ok(Piece::Text((*text).into())),
            Token::Name(name) => *name,
        };
        if self.group == Some(name) {
            return Ok(Piece::Key);
        }
        match self.counts.iter().find(|count| *count.name == *name) {
            Some(count) => Ok(Piece::Count {
                name: name.into(),
                has_keys: !count.is_total(),
            }),
            None => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> String {
        let counts = self.counts.iter().map(|count| &*count.name);
        let names: Vec<_> = self.group.into_iter().chain(counts).collect();
        format!("unknown count `{name}`{}", allowed(name, &names))
    }
}

impl Piece {
    fn render(&self, scope: Scope<'_>, line: &mut String) {
        match self {
            Piece::Text(text) => line.push_str(text),
            Piece::Key => line.push_str(&shown(scope.key)),
            Piece::Count { name, has_keys } => match scope.counts.get(name) {
                Some(Node::Count(n)) => line.push_str(&n.to_string()),
                None if !has_keys => line.push('0'),
                node => push_object(line, entries(node)),
            },
        }
    }
}

/// A text between the braces that are not doubled, and the names within those that are not.
fn tokens(line: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        tokens.push(Token::Text(before));
        if from.starts_with("{{") || from.starts_with("}}") {
            tokens.push(Token::Text(&from[..1]));
            rest = &from[2..];
        } else {
            let inside = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let (name, after) = inside.ok_or(STRAY_BRACE)?;
            tokens.push(Token::Name(name));
            rest = after;
        }
    }
    tokens.push(Token::Text(rest.trim_end()));
    tokens.retain(|token| *token != Token::Text(""));
    Ok(tokens)
}

/// The keys of a count in their order.
fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, u64)> {
    let keys: Option<&BTreeMap<Box<str>, Node>> = match node {
        Some(Node::Branch(keys)) => Some(keys),
        Some(Node::Count(_)) | None => None,
    };
    keys.into_iter()
        .flatten()
        .filter_map(|(key, node)| match node {
            Node::Count(n) => Some((&**key, *n)),
            Node::Branch(_) => None,
        })
}

fn align<'e>(indent: &str, entries: impl Iterator<Item = (&'e str, u64)>, lines: &mut Vec<String>) {
    let entries: Vec<_> = entries
        .map(|(key, n)| (shown(key), n.to_string()))
        .collect();
    let keys = entries.iter().map(|(key, _)| key.chars().count());
    let numbers = entries.iter().map(|(_, n)| n.len());
    let (keys, numbers) = (keys.max().unwrap_or(0), numbers.max().unwrap_or(0));
    let line = |(key, n): &(String, String)| format!("{indent}{key:keys$}  {n:>numbers$}");
    lines.extend(entries.iter().map(line));
}

/// `{"key": n, …}`, which is JSON but for keys that were left out.
fn push_object<'e>(line: &mut String, mut entries: impl Iterator<Item = (&'e str, u64)>) {
    line.push('{');
    for (index, (key, n)) in entries.by_ref().take(KEYS_IN_LINE).enumerate() {
        if index > 0 {
            line.push_str(", ");
        }
        json::quote(&shown(key), line);
        line.push_str(": ");
        line.push_str(&n.to_string());
    }
    match entries.count() {
        0 => line.push('}'),
        more => line.push_str(&format!(", … {more} more}}")),
    }
}

/// A key as people may see it (P10): what would end a line, drive a terminal or hide is escaped,
/// and what comes after [`KEY_BYTES`] is cut.
fn shown(key: &str) -> String {
    let mut shown = String::new();
    for c in key.chars() {
        let before = shown.len();
        match c {
            '"' | '\'' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
        if shown.len() > KEY_BYTES {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}
