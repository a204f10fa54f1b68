//! Forms that only the types together show to be none.

use consign::Queueable;

#[derive(Queueable)]
struct Order {
    number: u32,
    when: std::time::SystemTime,
}

#[derive(Queueable)]
#[repr(i64)]
enum Large {
    Fits = 0x7fff_ffff,
    DoesNot,
    NorThis = -0x1_0000_0000,
}

#[derive(Queueable)]
struct Deep {
    deep: Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<u8>>>>>>>>>>>>>>>>,
}

fn main() {}
