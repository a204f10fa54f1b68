//! Types that have no form in a message.

use consign::Queueable;

#[derive(Queueable)]
struct Generic<T> {
    value: T,
}

#[derive(Queueable)]
struct Borrowing<'a> {
    text: &'a str,
}

#[derive(Queueable)]
struct Nothing;

#[derive(Queueable)]
struct Braces {}

#[derive(Queueable)]
enum Never {}

#[derive(Queueable)]
enum Holding {
    Number(u32),
    Named { text: String },
    Plain,
}

#[derive(Queueable)]
union Either {
    number: u32,
    other: f32,
}

#[derive(Queueable)]
struct Tree {
    children: Vec<Tree>,
}

#[derive(Queueable)]
#[queueable(guid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
struct Key(u32);

#[derive(Queueable)]
#[queueable(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
enum Numbered {
    One,
}

fn main() {}
