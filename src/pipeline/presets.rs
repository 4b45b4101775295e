//! The pipelines that ship inside the binary.

/// A shipped pipeline, with a sample of its input and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    pub name: &'static str,
    pub toml: &'static str,
    /// JSON lines as `greenroom check --input` takes them.
    pub sample: &'static str,
    /// JSON lines as it prints them.
    pub expected: &'static str,
}

/// All of them.
pub const PRESETS: &[Preset] = &[Preset {
    name: "logins",
    toml: include_str!("presets/logins.toml"),
    sample: include_str!("presets/logins.sample.jsonl"),
    expected: include_str!("presets/logins.expected.jsonl"),
}];

/// The preset of that name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests;
