//! The pipelines that ship inside the binary.

/// A shipped pipeline, with a sample of its input and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    pub name: &'static str,
    pub toml: &'static str,
    /// JSON lines as `greenroom check --input` takes them.
    pub sample: &'static str,
    /// JSON lines as it prints them, at 2024-01-02T03:04:05.678901Z and, where the pipeline can do
    /// without one, without a hash key.
    pub expected: &'static str,
    /// What is counted of the sample, as JSON.
    pub counts: &'static str,
}

/// The preset whose files have this name.
macro_rules! preset {
    ($name:literal) => {
        Preset {
            name: $name,
            toml: include_str!(concat!("presets/", $name, ".toml")),
            sample: include_str!(concat!("presets/", $name, ".sample.jsonl")),
            expected: include_str!(concat!("presets/", $name, ".expected.jsonl")),
            counts: include_str!(concat!("presets/", $name, ".counts.json")),
        }
    };
}

/// All of them.
pub const PRESETS: &[Preset] = &[
    preset!("logins"),
    preset!("insights"),
    preset!("android"),
    preset!("projection"),
    preset!("masked"),
    preset!("validated"),
];

/// The preset of that name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

impl Preset {
    /// The pipeline's file with the sample below it, in comments: still a file to copy and change.
    pub fn with_sample(&self) -> String {
        let commented = |lines: &str| -> String {
            let lines = lines.lines().map(|line| format!("# {line}\n"));
            lines.collect()
        };
        format!(
            "{}\n# A sample of what it reads:\n#\n{}#\n# What becomes of it:\n#\n{}",
            self.toml,
            commented(self.sample),
            commented(self.expected),
        )
    }
}

#[cfg(test)]
mod tests;
