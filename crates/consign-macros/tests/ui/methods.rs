//! Methods that cannot be queued, all told in one run.

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
pub trait Shipment {
    fn answer(&self) -> u32;
    fn number(&self) -> consign::Result<u32>;
    fn other_error(&self) -> Result<(), String>;
    fn silent(&self);
    fn future(&self) -> impl Future<Output = consign::Result<()>>;
    fn generic<T>(&self, value: u32) -> consign::Result<()>;
    fn borrowed<'a>(&self, text: u32) -> consign::Result<()>
    where
        Self: 'a;
    fn by_value(self) -> consign::Result<()>;
    fn changing(&mut self) -> consign::Result<()>;
    fn shared(self: std::sync::Arc<Self>) -> consign::Result<()>;
    fn no_object(number: u32) -> consign::Result<()>;
    fn with_body(&self) -> consign::Result<()> {
        Ok(())
    }
    unsafe fn dangerous(&self) -> consign::Result<()>;
    const fn constant(&self) -> consign::Result<()>;
    extern "C" fn foreign(&self) -> consign::Result<()>;
    fn ship_order(&self) -> consign::Result<()>;
    fn ship__order(&self) -> consign::Result<()>;
    #[id(1)]
    fn first(&self) -> consign::Result<()>;
    #[id(1)]
    fn second(&self) -> consign::Result<()>;
    #[id("one")]
    fn third(&self) -> consign::Result<()>;
    #[idd(1)]
    fn fourth(&self) -> consign::Result<()>;
    #[cfg(unix)]
    fn fifth(&self) -> consign::Result<()>;
}

fn main() {}
