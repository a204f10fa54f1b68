use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use consign_core::{
    Calls, Guid, Hresult, Object, PersistError, PersistStream,
    automation::{Bstr, Variant},
    calls::LONGEST,
    common::{
        COMQC_E_BAD_MESSAGE, COMQC_E_NO_QUEUEABLE_INTERFACES, CONTEXT_E_ABORTED, DISP_E_MEMBERNOTFOUND, DISP_E_TYPEMISMATCH,
        E_ACCESSDENIED, E_FAIL, E_INVALIDARG, E_NOINTERFACE, MQ_ERROR_INSUFFICIENT_RESOURCES, REGDB_E_IIDNOTREG, RPC_E_SERVERFAULT,
    },
    interface::{IID_IDISPATCH, Type},
    marshal::{Endian, Reader, Value},
};

use crate::{
    Component, Dispatch, Failure, FinalRetry, Interface, Playable, Playback, PlaybackControl, Played, PlayedMessage, Player, Queueable,
    Recorder, Result,
};

/// How a parcel travels.
#[derive(Clone, Copy, Debug, PartialEq, Queueable)]
enum Speed {
    Slow,
    Fast = 5,
    Backwards = -1,
}

#[derive(Clone, Debug, PartialEq, Queueable)]
#[queueable(uuid = "11111111-2222-3333-4444-555555555555")]
struct Parcel {
    weight_in_grams: u32,
    label: Option<String>,
    speed: Speed,
    r#type: Vec<u16>,
}

#[derive(Clone, Debug, PartialEq, Queueable)]
struct Pair(u8, Parcel);

/// Ships what was ordered,
/// and tells of it.
///
/// Not part of the help.
#[crate::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable, dual)]
trait Shipment {
    /// Ships an order.
    #[id(7)]
    fn ship_order(&self, order_number: u32) -> Result<()>;

    async fn send(&self, parcel: Parcel, borrowed: &Parcel, pair: Pair) -> crate::Result<()>;

    async fn note(&self, arguments: &str, object: &[i64], bytes: &[u8], r#move: Vec<String>) -> consign::Result<()>;

    /// The names are those that generated code might use.
    fn attach(&self, inherited: Object, described: &Variant, method: Bstr, recorder: Guid) -> Result<()>;

    fn stop(&self) -> Result<()>;
}

/// What came later.
#[crate::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2ea", base = IShipment)]
trait Shipment2 {
    fn ship_all(&self, orders: &[u32]) -> Result<()>;
}

#[crate::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2eb", queueable)]
trait Reply {
    fn done(&self, orders: u32) -> Result<()>;
    fn of(&self) -> Result<()>;
    fn clone(&self) -> Result<()>;
}

#[derive(Clone, Default)]
struct Shipper {
    seen: Arc<Mutex<Vec<String>>>,
    playback: Option<Playback>,
}

impl Shipper {
    fn saw(&self, what: impl Into<String>) -> Result<()> {
        self.seen.lock().unwrap().push(what.into());
        Ok(())
    }
}

impl Shipment for Shipper {
    fn ship_order(&self, order_number: u32) -> Result<()> {
        match order_number {
            13 => return Err(Failure::refused(E_ACCESSDENIED, "not this one").into()),
            14 => panic!("order {order_number}"),
            15 => self.playback.as_ref().unwrap().set_abort(),
            16 => self.playback.as_ref().unwrap().set_complete(),
            17 => return Err(Failure::refused(Hresult::new(1), "S_FALSE").into()),
            _ => {}
        }
        self.saw(format!("order {order_number}"))
    }

    async fn send(&self, parcel: Parcel, borrowed: &Parcel, pair: Pair) -> Result<()> {
        tokio::task::yield_now().await;
        assert_eq!((&parcel, &pair.1), (borrowed, borrowed));
        self.saw(format!("{} {parcel:?}", pair.0))
    }

    async fn note(&self, arguments: &str, object: &[i64], bytes: &[u8], r#move: Vec<String>) -> Result<()> {
        assert_ne!(arguments, "panic later", "a panic after the first wait");
        tokio::task::yield_now().await;
        self.saw(format!("{arguments} {object:?} {bytes:?} {move:?}"))
    }

    fn attach(&self, object: Object, value: &Variant, name: Bstr, id: Guid) -> Result<()> {
        let order: Order = object.load()?.expect("an object");
        self.saw(format!("{} {value:?} {name} {id}", order.0))
    }

    fn stop(&self) -> Result<()> {
        self.saw("stop")
    }
}

impl Shipment2 for Shipper {
    fn ship_all(&self, orders: &[u32]) -> Result<()> {
        self.saw(format!("all {orders:?}"))
    }
}

impl PlaybackControl for Shipper {
    async fn final_server_retry(&self) -> Result<()> {
        self.saw("final server retry")
    }

    async fn final_client_retry(&self) -> Result<()> {
        Err(Failure::refused(E_FAIL, "no client").into())
    }
}

struct Order(u8);

impl PersistStream for Order {
    const CLASS: Guid = Guid::from_bytes([9; 16]);

    fn save(&self, stream: &mut dyn std::io::Write) -> Result<(), PersistError> {
        Ok(stream.write_all(&[self.0])?)
    }

    fn load(stream: &mut dyn std::io::Read) -> Result<Self, PersistError> {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        Ok(Self(byte[0]))
    }

    fn size_max(&self) -> u64 {
        1
    }
}

fn recorder() -> Recorder {
    Recorder::new("queue:Label=a/new:Contoso.Shipment".parse().unwrap(), LONGEST)
}

fn parcel() -> Parcel {
    Parcel { weight_in_grams: 1200, label: Some("fragile".into()), speed: Speed::Backwards, r#type: vec![1, 2] }
}

/// What is recorded, as it would come to the player.
fn recorded(record: impl FnOnce(&Recorder)) -> Calls {
    let recorder = recorder();
    record(&recorder);
    Calls::from_bytes(recorder.into_calls().unwrap().as_bytes().to_vec()).unwrap()
}

fn limited<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), future).await.expect("takes too long") })
}

/// Plays on a component with one interface; answers what became of it, and what the object saw.
fn played<I: Dispatch<Shipper>>(calls: &Calls, retry: Option<FinalRetry>) -> (Played, Vec<String>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let component = Component::new(move |playback| Ok(Shipper { seen: Arc::clone(&kept), playback: Some(playback) }));
    let component: Box<dyn Player> = Box::new(component.interface::<I>().playback_control());
    assert!(component.has_playback_control());
    assert_eq!(component.interfaces(), [I::model()]);
    let playback = Playback::new(PlayedMessage::default());
    let played = limited(async {
        match retry {
            None => component.play(playback, calls).await,
            Some(retry) => component.play_finally(retry, playback, calls).await,
        }
    });
    let seen = seen.lock().unwrap().clone();
    (played, seen)
}

fn failure(played: Played) -> (Option<u32>, Hresult, String) {
    match played {
        Played::Failed(failure) => (failure.call, failure.code, failure.sentence),
        other => panic!("{other:?}"),
    }
}

fn not_understood(played: Played) -> (Option<u32>, Hresult, String) {
    match played {
        Played::NotUnderstood(failure) => (failure.call, failure.code, failure.sentence),
        other => panic!("{other:?}"),
    }
}

fn orders(numbers: &[u32]) -> Calls {
    recorded(|recorder| numbers.iter().for_each(|number| recorder.interface::<IShipment>().ship_order(*number).unwrap()))
}

#[test]
fn what_is_recorded_is_what_the_component_gets() {
    let calls = recorded(|recorder| {
        let shipment = recorder.interface::<IShipment>();
        shipment.ship_order(42).unwrap();
        shipment.send(parcel(), &parcel(), Pair(3, parcel())).unwrap();
        shipment.note("wörtlich", &[-1, 2], b"ab", vec!["x".into(), String::new()]).unwrap();
        shipment.attach(Object::persist(&Order(8)).unwrap(), &Variant::Empty, Bstr::from("bstr"), Guid::NULL).unwrap();
        shipment.stop().unwrap();
        assert_eq!(recorder.len(), 5);
    });
    let (end, seen) = played::<IShipment>(&calls, None);
    assert_eq!(end, Played::Done);
    assert_eq!(
        seen,
        [
            "order 42".to_owned(),
            format!("3 {:?}", parcel()),
            "wörtlich [-1, 2] [97, 98] [\"x\", \"\"]".to_owned(),
            format!("8 Empty bstr {}", Guid::NULL),
            "stop".to_owned(),
        ]
    );
}

#[test]
fn an_interface_is_the_same_as_an_idl_file_would_make_it() {
    let model = IShipment::model();
    assert_eq!((model.name.as_str(), model.help.as_deref()), ("IShipment", Some("Ships what was ordered, and tells of it.")));
    assert_eq!(model.bases.iter().map(|base| base.name.as_str()).collect::<Vec<_>>(), ["IDispatch", "IUnknown"]);
    assert!(model.attributes.queueable && model.attributes.dual && model.derives_from(IID_IDISPATCH));
    assert!(model.supports_queueing(), "{:?}", model.obstacles());
    let methods: Vec<_> =
        model.methods.iter().map(|method| (method.name.as_str(), method.number, method.dispid, method.signature().unwrap())).collect();
    assert_eq!(
        methods,
        [
            ("ShipOrder", 7, Some(7), "u".to_owned()),
            ("Send", 8, None, "(uasiaq)(uasiaq)(y(uasiaq))".to_owned()),
            ("Note", 9, None, "saxayas".to_owned()),
            ("Attach", 10, None, "v(qv)(bay)ay".to_owned()),
            ("Stop", 11, None, String::new()),
        ]
    );
    assert_eq!(model.methods[0].help.as_deref(), Some("Ships an order."));
    assert_eq!(model.methods[0].parameters[0].name, "orderNumber");
    assert_eq!(IReply::model().methods[0].number, 3);
    assert_eq!(IReply::model().bases.len(), 1);
}

#[test]
fn structures_and_enumerations_describe_themselves() {
    let Type::Struct { name, uuid, fields } = Parcel::kind() else { panic!() };
    assert_eq!((name.as_str(), uuid), ("Parcel", Some("11111111-2222-3333-4444-555555555555".parse().unwrap())));
    assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["weightInGrams", "label", "speed", "type"]);
    let Type::Enum { elements, .. } = Speed::kind() else { panic!() };
    let elements: Vec<_> = elements.iter().map(|element| (element.name.as_str(), element.value)).collect();
    assert_eq!(elements, [("Slow", 0), ("Fast", 5), ("Backwards", -1)]);
    assert_eq!((Speed::LEVELS, Parcel::LEVELS, Pair::LEVELS), (1, 3, 4));
    for (number, speed) in
        [(0, Ok(Speed::Slow)), (5, Ok(Speed::Fast)), (-1, Ok(Speed::Backwards)), (6, Err("an enumeration has no such value"))]
    {
        let bytes = i32::to_le_bytes(number);
        assert_eq!(Speed::read(&mut Reader::new(&bytes, Endian::Little)).map_err(|error| error.what), speed);
    }
}

#[test]
fn an_interface_that_derives_has_the_methods_of_its_base() {
    let model = IShipment2::model();
    assert_eq!(model.bases[0].iid, IShipment::IID);
    assert_eq!(model.methods.iter().map(|method| method.number).collect::<Vec<_>>(), [7, 8, 9, 10, 11, 12]);
    assert!(model.attributes.dual);
    let calls = recorded(|recorder| {
        let shipment = recorder.interface::<IShipment2>();
        shipment.ship_all(&[1, 2]).unwrap();
        shipment.ship_order(3).unwrap();
    });
    assert!(calls.methods().iter().all(|method| method.iid == IShipment2::IID));
    assert_eq!(played::<IShipment2>(&calls, None), (Played::Done, vec!["all [1, 2]".to_owned(), "order 3".to_owned()]));
    // Who has the newer interface has the older one, too; not the other way round.
    assert_eq!(played::<IShipment2>(&orders(&[4]), None), (Played::Done, vec!["order 4".to_owned()]));
    assert_eq!(not_understood(played::<IShipment>(&calls, None).0).1, REGDB_E_IIDNOTREG);
}

#[test]
fn the_first_call_that_fails_ends_the_playback() {
    let (end, seen) = played::<IShipment>(&orders(&[1, 13, 2]), None);
    assert_eq!((failure(end), seen), ((Some(1), E_ACCESSDENIED, "not this one".into()), vec!["order 1".to_owned()]));
    // A code of success is no success when the method fails.
    assert_eq!(failure(played::<IShipment>(&orders(&[17]), None).0).1, E_FAIL);
}

#[test]
fn a_panic_is_a_failure_of_the_call_whenever_it_comes() {
    let (end, seen) = played::<IShipment>(&orders(&[1, 14]), None);
    assert_eq!(failure(end), (Some(1), RPC_E_SERVERFAULT, "the component panicked: order 14".into()));
    assert_eq!(seen, ["order 1"]);
    let later = recorded(|recorder| recorder.interface::<IShipment>().note("panic later", &[], &[], vec![]).unwrap());
    assert_eq!(failure(played::<IShipment>(&later, None).0).1, RPC_E_SERVERFAULT);
    let component = Component::new(|_| -> Result<Shipper> { panic!("cannot be made") }).interface::<IShipment>();
    let end = limited(component.play(Playback::new(PlayedMessage::default()), &later));
    assert_eq!(failure(end), (None, RPC_E_SERVERFAULT, "the component panicked: cannot be made".into()));
}

#[test]
fn the_last_vote_counts_after_the_last_call() {
    let (end, seen) = played::<IShipment>(&orders(&[15, 1]), None);
    assert_eq!((failure(end), seen.len()), ((Some(1), CONTEXT_E_ABORTED, "the component voted to abort".into()), 2));
    assert_eq!(played::<IShipment>(&orders(&[15, 16]), None).0, Played::Done);
}

#[test]
fn what_is_not_understood_is_found_before_anything_is_done() {
    let unknown = |iid, name, signature| {
        let mut builder = Calls::builder();
        builder.push(IShipment::IID, "ShipOrder", "u", |writer| writer.u32(1)).unwrap();
        builder.push(iid, name, signature, |writer| writer.u32(1)).unwrap();
        let (end, seen) = played::<IShipment>(&builder.finish().unwrap(), None);
        assert_eq!(seen, [""; 0]);
        not_understood(end)
    };
    assert_eq!(unknown(IReply::IID, "Done", "u").1, REGDB_E_IIDNOTREG);
    assert_eq!(unknown(IShipment::IID, "ShipOrders", "u"), (Some(1), DISP_E_MEMBERNOTFOUND, "IShipment has no method `ShipOrders`".into()));
    let (call, code, sentence) = unknown(IShipment::IID, "ShipOrder", "i");
    assert_eq!((call, code), (Some(1), DISP_E_TYPEMISMATCH));
    assert_eq!(sentence, "`ShipOrder` of IShipment was recorded with `i`, and takes `u`");
}

#[test]
fn one_call_is_refused_by_its_own_code() {
    let code = |method: &str, signature: &str, bytes: &[u8]| {
        let reader = Reader::new(bytes, Endian::Little);
        limited(IShipment2::dispatch(&Shipper::default(), method, signature, reader)).map_err(|error| error.code())
    };
    assert_eq!(code("ShipOrder", "u", &[1, 0, 0, 0]), Ok(()));
    assert_eq!(code("ShipOrder", "u", &[1, 0, 0]), Err(COMQC_E_BAD_MESSAGE));
    assert_eq!(code("ShipOrder", "u", &[1, 0, 0, 0, 0]), Err(COMQC_E_BAD_MESSAGE));
    assert_eq!(code("ShipOrder", "i", &[1, 0, 0, 0]), Err(DISP_E_TYPEMISMATCH));
    assert_eq!(code("ship_order", "u", &[1, 0, 0, 0]), Err(DISP_E_MEMBERNOTFOUND));
}

#[test]
fn an_exception_class_is_told_first_and_then_gets_the_calls() {
    let (end, seen) = played::<IShipment>(&orders(&[1]), Some(FinalRetry::Server));
    assert_eq!((end, seen), (Played::Done, vec!["final server retry".to_owned(), "order 1".to_owned()]));
    let (end, seen) = played::<IShipment>(&orders(&[1]), Some(FinalRetry::Client));
    assert_eq!((failure(end), seen), ((None, E_FAIL, "no client".into()), vec![]));
    let plain = Component::new(|_| Ok(Shipper::default())).interface::<IShipment>();
    assert!(!plain.has_playback_control());
    let end = limited(plain.play_finally(FinalRetry::Server, Playback::new(PlayedMessage::default()), &orders(&[1])));
    assert_eq!(failure(end).1, E_NOINTERFACE);
}

#[test]
fn what_cannot_be_recorded_is_refused_at_the_call() {
    let recorder = recorder();
    let shipment = recorder.interface::<IShipment>();
    shipment.stop().unwrap();
    let error = shipment.note("fine", &[], &[], vec!["nul\0".into()]).unwrap_err();
    assert_eq!(error.code(), E_INVALIDARG);
    assert!(error.to_string().starts_with("the argument `move` of `Note` cannot be recorded: a string holds a NUL"), "{error}");
    let deep = (0..20).fold(Variant::Empty, |variant, _| consign_core::automation::SafeArray::from(vec![variant]).into());
    let error = shipment.attach(Object::Null, &deep, Bstr::NULL, Guid::NULL).unwrap_err();
    assert!(error.to_string().starts_with("the argument `described` of `Attach` cannot be recorded: "), "{error}");
    let error = shipment.note("", &[], &vec![0; LONGEST], vec![]).unwrap_err();
    assert_eq!(error.code(), MQ_ERROR_INSUFFICIENT_RESOURCES);
    let size = recorder.size();
    let calls = recorder.into_calls().unwrap();
    assert_eq!(calls.len(), 1);
    assert!(calls.as_bytes().len() <= size);
    let short = Recorder::new("queue:/new:A".parse().unwrap(), 1000);
    let error = short.interface::<IShipment>().note("", &[], &[0; 1000], vec![]).unwrap_err();
    assert_eq!((error.code(), short.len()), (MQ_ERROR_INSUFFICIENT_RESOURCES, 0));
    assert!(short.is_empty() && short.into_calls().is_none());
}

#[test]
fn what_was_recorded_before_a_refused_call_stays_as_it_was() {
    let plain = orders(&[1, 2]);
    let disturbed = recorded(|recorder| {
        let shipment = recorder.interface::<IShipment>();
        shipment.ship_order(1).unwrap();
        shipment.note("\0", &[], &[], vec![]).unwrap_err();
        shipment.ship_order(2).unwrap();
    });
    assert_eq!(plain, disturbed);
}

/// Its signature has more than 255 characters, which only the types together know.
#[crate::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2ec", queueable)]
trait Wide {
    fn send(&self, one: Fifty, two: Fifty, three: Fifty, four: Fifty, five: Fifty) -> Result<()>;
}

#[derive(Clone, Debug, Default, Queueable)]
struct Ten(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8);

#[derive(Clone, Debug, Default, Queueable)]
struct Fifty(Ten, Ten, Ten, Ten, Ten);

#[test]
fn a_signature_that_is_too_long_says_so_in_the_model_and_at_the_call() {
    let obstacles = IWide::model().obstacles();
    assert_eq!(obstacles.len(), 1);
    assert!(obstacles[0].to_string().contains("255"));
    let recorder = recorder();
    let wide = recorder.interface::<IWide>();
    let error = wide.send(Fifty::default(), Fifty::default(), Fifty::default(), Fifty::default(), Fifty::default()).unwrap_err();
    assert_eq!(error.code(), COMQC_E_NO_QUEUEABLE_INTERFACES);
}

#[test]
fn several_threads_record_on_one_recorder() {
    let recorder = recorder();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let shipment = recorder.interface::<IShipment>();
            scope.spawn(move || (0..100).for_each(|number| shipment.ship_order(1000 + 100 * thread + number).unwrap()));
        }
    });
    let (end, mut seen) = played::<IShipment>(&recorder.into_calls().unwrap(), None);
    seen.sort();
    seen.dedup();
    assert_eq!((end, seen.len()), (Played::Done, 400));
}

#[test]
fn a_recorder_is_an_argument_by_its_moniker() {
    let recorder = recorder();
    let Object::Recorder(named) = recorder.object::<IReply>() else { panic!() };
    assert_eq!((named.moniker.parse(), named.iid), (Ok(recorder.moniker().clone()), IReply::IID));
}

#[test]
fn arguments_are_kept_as_anybody_reads_them() {
    let calls = recorded(|recorder| recorder.interface::<IShipment>().send(parcel(), &parcel(), Pair(3, parcel())).unwrap());
    let mut values = Vec::new();
    calls.each(|call| values = Value::read_all(call.arguments, calls.methods()[call.method].signature, call.endian).unwrap());
    let parcel = Value::Structure(vec![
        Value::U32(1200),
        Value::Array("s".into(), vec![Value::Text("fragile".into())]),
        Value::I32(-1),
        Value::Array("q".into(), vec![Value::U16(1), Value::U16(2)]),
    ]);
    assert_eq!(values, [parcel.clone(), parcel.clone(), Value::Structure(vec![Value::U8(3), parcel])]);
}
