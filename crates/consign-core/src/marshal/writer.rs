//! Values become bytes, little-endian.

/// Appends values in the D-Bus wire format. Whoever writes keeps to the signature; what is read is
/// checked against it.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Forgets what was written, and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Pads with zeros to a multiple of `alignment`.
    pub fn align(&mut self, alignment: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
    }

    /// `y`.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// `b`.
    pub fn bool(&mut self, value: bool) {
        self.u32(u32::from(value));
    }

    /// `n`.
    pub fn i16(&mut self, value: i16) {
        self.fixed(value.to_le_bytes());
    }

    /// `q`.
    pub fn u16(&mut self, value: u16) {
        self.fixed(value.to_le_bytes());
    }

    /// `i`.
    pub fn i32(&mut self, value: i32) {
        self.fixed(value.to_le_bytes());
    }

    /// `u`.
    pub fn u32(&mut self, value: u32) {
        self.fixed(value.to_le_bytes());
    }

    /// `x`.
    pub fn i64(&mut self, value: i64) {
        self.fixed(value.to_le_bytes());
    }

    /// `t`.
    pub fn u64(&mut self, value: u64) {
        self.fixed(value.to_le_bytes());
    }

    /// `d`.
    pub fn f64(&mut self, value: f64) {
        self.fixed(value.to_le_bytes());
    }

    /// `s`. The text must hold no NUL: [`crate::marshal::check`] refuses one.
    pub fn str(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    /// `g`. At most 255 characters.
    pub fn signature(&mut self, signature: &str) {
        self.bytes.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        self.bytes.extend_from_slice(signature.as_bytes());
        self.bytes.push(0);
    }

    /// `ay`.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// `a…`: what `elements` writes, each of which is aligned to `alignment`.
    pub fn array(&mut self, alignment: usize, elements: impl FnOnce(&mut Self)) {
        self.length(0);
        let length_at = self.bytes.len() - 4;
        self.align(alignment);
        let start = self.bytes.len();
        elements(self);
        // A longer one than can be told is refused by whoever looks at the size of the whole.
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// `(…)`: what follows is its first field. A structure has no end.
    pub fn structure(&mut self) {
        self.align(8);
    }

    /// What was marshalled before, for a place with the same alignment.
    pub fn append(&mut self, marshalled: &[u8]) {
        self.bytes.extend_from_slice(marshalled);
    }

    fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    fn fixed<const N: usize>(&mut self, value: [u8; N]) {
        self.align(N);
        self.bytes.extend_from_slice(&value);
    }
}
