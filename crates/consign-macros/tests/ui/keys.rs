//! What stands in the attribute.

#[consign::interface]
pub trait None {
    fn ship(&self) -> consign::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e", queable, queueable, queueable)]
pub trait Slips {
    fn ship(&self) -> consign::Result<()>;
}

#[consign::interface(uuid = 7, transactional, dual = true, base)]
pub trait Values {
    fn ship(&self) -> consign::Result<()>;
}

#[consign::interface(uuid = "{00000000-0000-0000-0000-000000000000}", dual, base = IOther)]
pub trait Null {
    fn ship(&self) -> consign::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", base = Other)]
pub trait Base {
    fn ship(&self) -> consign::Result<()>;
}

fn main() {}
