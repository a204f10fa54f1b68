//! What a file may ask for: how it is read, and how much of everything there may be.

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Macros that are defined before the first line, as `-D` of other compilers: name and value.
    pub defines: Vec<(String, String)>,
    /// How much of everything there may be.
    pub limits: Limits,
}

/// How much of everything there may be. IDL files come from anywhere, and a small one can ask for more
/// than any memory holds.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a file.
    pub file_bytes: u64,
    /// Bytes of all files together; one that is included twice counts twice.
    pub total_bytes: u64,
    /// Files; one that is included twice counts twice.
    pub files: usize,
    /// How deep files may include each other.
    pub include_depth: usize,
    /// How deep types, brackets and conditions may be nested.
    pub depth: usize,
    /// Tokens that macros may make.
    pub expansion: usize,
    /// Parts of types in the resulting document: structures are written out wherever they are used.
    pub parts: usize,
    /// Diagnostics; the rest is left out.
    pub diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 4 << 20,
            total_bytes: 16 << 20,
            files: 256,
            include_depth: 32,
            depth: 32,
            expansion: 4_000_000,
            parts: 1_000_000,
            diagnostics: 100,
        }
    }
}
