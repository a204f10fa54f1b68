//! Parameters that no call can carry, all told in one run.


#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
pub trait Shipment {
    fn out(&self, number: &mut u32) -> consign::Result<()>;
    fn lifetime(&self, text: &'static str) -> consign::Result<()>;
    fn any(&self, text: impl Into<String>) -> consign::Result<()>;
    fn object(&self, object: &dyn std::fmt::Debug) -> consign::Result<()>;
    fn boxed(&self, object: Box<dyn std::fmt::Debug>) -> consign::Result<()>;
    fn shared(&self, object: std::sync::Arc<std::sync::Mutex<u32>>) -> consign::Result<()>;
    fn many(&self, objects: Vec<std::sync::Arc<u32>>) -> consign::Result<()>;
    fn descriptor(&self, file: std::os::fd::OwnedFd) -> consign::Result<()>;
    fn file(&self, file: std::fs::File) -> consign::Result<()>;
    fn socket(&self, socket: &std::net::TcpStream) -> consign::Result<()>;
    fn pointer(&self, text: *const u8) -> consign::Result<()>;
    fn function(&self, done: fn(u32)) -> consign::Result<()>;
    fn inner(&self, text: Option<&str>) -> consign::Result<()>;
    fn pair(&self, pair: (u32, u32)) -> consign::Result<()>;
    fn nothing(&self, nothing: ()) -> consign::Result<()>;
    fn array(&self, numbers: [u32; 4]) -> consign::Result<()>;
    fn size(&self, size: usize) -> consign::Result<()>;
    fn letter(&self, letter: char) -> consign::Result<()>;
    fn path(&self, path: std::path::PathBuf) -> consign::Result<()>;
    fn itself(&self, other: &Self) -> consign::Result<()>;
    fn pattern(&self, (one, other): (u32, u32), _: u32, mut last: u32) -> consign::Result<()>;
    fn attribute(&self, #[allow(unused)] number: u32) -> consign::Result<()>;
}

fn main() {}
