use consign::{
    Guid, Hresult,
    automation::{Bstr, Currency, Date, Decimal, SafeArray, Sign, Variant},
    common::{DISP_E_OVERFLOW, DISP_E_TYPEMISMATCH},
};
use consign_core::{
    Playable,
    interface::{Element, Field, StringForm, Type},
    marshal::{Endian, Reader, Value, Writer, check},
};

use super::{Length, Misfit, from_text, show};

const LINE: Type = Type::String(StringForm::Bstr);

fn boxed(kind: Type) -> Box<Type> {
    Box::new(kind)
}

fn address() -> Type {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let fields = vec![
        field("city", Type::String(StringForm::Utf8)),
        field("lines", Type::Array(boxed(LINE))),
        field("floor", Type::Optional(boxed(Type::U8))),
    ];
    Type::Struct { name: "Address".to_owned(), uuid: None, fields }
}

fn speed() -> Type {
    let elements = vec![Element { name: "SLOW".to_owned(), value: 1 }, Element { name: "FAST".to_owned(), value: 2 }];
    Type::Enum { name: "Speed".to_owned(), elements }
}

fn write(value: &Value) -> Vec<u8> {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.into_bytes()
}

/// What a text becomes in the library's own types.
fn read<T: Playable>(text: &str) -> T {
    let value = from_text(&T::kind(), text).unwrap_or_else(|misfit| panic!("{text}: {misfit:?}"));
    let bytes = write(&value);
    check(&bytes, &T::kind().signature().unwrap(), Endian::Little).unwrap();
    let mut reader = Reader::new(&bytes, Endian::Little);
    let read = T::read(&mut reader).unwrap();
    reader.end().unwrap();
    read
}

/// What is shown of what was typed, after it was stored.
fn shown(kind: &Type, text: &str) -> String {
    let value = from_text(kind, text).unwrap_or_else(|misfit| panic!("{text}: {misfit:?}"));
    let values = Value::read_all(&write(&value), &kind.signature().unwrap(), Endian::Little).unwrap();
    show(Some(kind), &values[0]).to_text(Length::Full)
}

fn misfit(kind: &Type, text: &str) -> Misfit {
    from_text(kind, text).expect_err(text)
}

#[test]
fn words_become_values_of_every_simple_type() {
    assert_eq!((read::<bool>("yes"), read::<bool>("0")), (true, false));
    assert_eq!((read::<u8>("0xff"), read::<i8>("-128"), read::<i16>("-0x8000")), (255, -128, i16::MIN));
    assert_eq!((read::<u16>("65535"), read::<i32>("-2147483648"), read::<u32>("0xFFFFFFFF")), (u16::MAX, i32::MIN, u32::MAX));
    assert_eq!((read::<i64>("-9223372036854775808"), read::<u64>("18446744073709551615")), (i64::MIN, u64::MAX));
    assert_eq!((read::<f64>("1e3"), read::<f32>("0.5")), (1000.0, 0.5));
    assert!(read::<f64>("NaN").is_nan() && read::<f64>("-inf").is_infinite());
    assert_eq!(read::<Hresult>("0x80004005"), Hresult::new(0x8000_4005));
    assert_eq!(read::<Currency>("-12.3"), Currency { ten_thousandths: -123_000 });
    assert_eq!(read::<Decimal>("-1.20"), Decimal::new(Sign::Minus, 120, 2).unwrap());
    assert_eq!(read::<Guid>("{97184d0f-f7ef-413a-8c6d-c1745018b2e9}").to_string(), "97184d0f-f7ef-413a-8c6d-c1745018b2e9");
    assert_eq!((read::<String>(" ä "), read::<Bstr>("𝄞\0")), (" ä ".to_owned(), Bstr::from("𝄞\0")));
    assert_eq!((read::<Option<u32>>("null"), read::<Option<u32>>("7"), read::<Option<u8>>("7")), (None, Some(7), Some(7)));
    assert_eq!(
        (read::<Vec<u8>>("hex:00fF"), read::<Vec<u8>>("[1, 2]"), read::<Vec<u16>>("[1,\"0x10\"]")),
        (vec![0, 255], vec![1, 2], vec![1, 16])
    );
}

#[test]
fn dates_count_days_as_ole_does() {
    for (text, days) in [
        ("1899-12-30", 0.0),
        ("1899-12-30T06:00:00", 0.25),
        ("1899-12-29T06:00:00", -1.25),
        ("2026-11-21T12:00:00", 46_347.5),
        ("1900-01-01", 2.0),
        ("0100-01-01", -657_434.0),
        ("9999-12-31", 2_958_465.0),
    ] {
        assert_eq!(read::<Date>(text), Date { days }, "{text}");
        assert_eq!(shown(&Type::Date, text), text);
    }
    assert_eq!(shown(&Type::Date, "2026-11-21T12:04:31.5"), "2026-11-21T12:04:31.5");
    assert_eq!(show(Some(&Type::Date), &Value::F64(1e300)).to_text(Length::Full).len(), 301, "no calendar has it");
}

#[test]
fn numbers_out_of_range_and_other_words_are_told_apart() {
    for (kind, text, code, words) in [
        (Type::U8, "256", DISP_E_OVERFLOW, "expected 0 to 255"),
        (Type::U32, "-1", DISP_E_OVERFLOW, "`-1` is too small"),
        (Type::I64, "99999999999999999999999999999999999999999999", DISP_E_OVERFLOW, "too large"),
        (Type::I32, "1.5", DISP_E_TYPEMISMATCH, "no whole number"),
        (Type::I32, "", DISP_E_TYPEMISMATCH, "no whole number"),
        (Type::I32, "0x", DISP_E_TYPEMISMATCH, "no whole number"),
        (Type::I32, "--1", DISP_E_TYPEMISMATCH, "no whole number"),
        (Type::Boolean, "maybe", DISP_E_TYPEMISMATCH, "neither true nor false"),
        (Type::F32, "1e39", DISP_E_OVERFLOW, "too large"),
        (Type::F64, "1e999", DISP_E_OVERFLOW, "too large"),
        (Type::F64, "one", DISP_E_TYPEMISMATCH, "no number"),
        (Type::Currency, "1.23456", DISP_E_TYPEMISMATCH, "four digits"),
        (Type::Currency, "922337203685477.5808", DISP_E_OVERFLOW, "too large"),
        (Type::Currency, ".", DISP_E_TYPEMISMATCH, "no amount"),
        (Type::Decimal, "79228162514264337593543950336", DISP_E_OVERFLOW, "96 bits"),
        (Type::Date, "21.11.2026", DISP_E_TYPEMISMATCH, "no date"),
        (Type::Date, "2026-11-21T12:00:00Z", DISP_E_TYPEMISMATCH, "time zone"),
        (Type::Date, "2026-11-21T12:00:00+01:00", DISP_E_TYPEMISMATCH, "time zone"),
        (Type::Date, "0099-01-01", DISP_E_OVERFLOW, "too early"),
        (Type::Date, "2026-02-30", DISP_E_TYPEMISMATCH, "no date"),
        (Type::Guid, "x", DISP_E_TYPEMISMATCH, "no GUID"),
        (Type::String(StringForm::Utf8), "a\0", DISP_E_TYPEMISMATCH, "NUL"),
        (speed(), "FASST", DISP_E_TYPEMISMATCH, "did you mean FAST?"),
        (speed(), "99999999999", DISP_E_OVERFLOW, "too large"),
        (Type::Array(boxed(Type::U8)), "hex:0", DISP_E_TYPEMISMATCH, "pairs"),
        (Type::Array(boxed(Type::I32)), "{", DISP_E_TYPEMISMATCH, "no JSON"),
        (address(), "[1]", DISP_E_TYPEMISMATCH, "expected an object {\"city\": …, \"lines\": …, \"floor\": …}"),
        (Type::Variant, "{\"vt\":\"VT_X\",\"value\":1}", DISP_E_TYPEMISMATCH, "no VT"),
        (Type::Interface { name: "IUnknown".into() }, "5", DISP_E_TYPEMISMATCH, "expected null"),
    ] {
        let misfit = misfit(&kind, text);
        assert_eq!(misfit.code, code, "{text}: {misfit:?}");
        assert!(misfit.sentence.contains(words), "{text}: {misfit:?}");
    }
}

#[test]
fn a_misfit_says_where_it_stands() {
    for (text, place, words) in [
        (r#"{"city": "a", "lines": ["b", 5]}"#, ".lines[1]", "expected a text"),
        (r#"{"city": "a", "lines": [], "floor": 300}"#, ".floor", "expected 0 to 255"),
        (r#"{"city": "a"}"#, "", "`lines` is missing"),
        (r#"{"city": "a", "lines": [], "street": 1}"#, "", "no field `street`"),
    ] {
        let misfit = misfit(&address(), text);
        assert_eq!(misfit.place, place, "{misfit:?}");
        assert!(misfit.sentence.contains(words), "{misfit:?}");
    }
}

#[test]
fn what_is_shown_can_be_typed_again() {
    let object = Type::Interface { name: "IUnknown".into() };
    let recorder = r#"{"iid": "97184d0f-f7ef-413a-8c6d-c1745018b2e9", "recorder": "queue:/new:Test.Orders"}"#;
    for (kind, text) in [
        (address(), r#"{"city": "a\"\\", "floor": 3, "lines": ["b", null]}"#),
        (speed(), "FAST"),
        (speed(), "17"),
        (Type::Variant, r#"{"vt": "VT_CY", "value": "1.5000"}"#),
        (Type::Variant, r#"{"vt": "VT_EMPTY"}"#),
        (Type::Variant, r#"{"vt": "VT_ARRAY|VT_I4", "value": [1, 2]}"#),
        (Type::SafeArray(boxed(LINE)), r#"["a", "b"]"#),
        (Type::SafeArray(boxed(Type::I16)), r#"{"bounds": [{"count": 1, "lower": 1}, {"count": 2, "lower": -5}], "elements": [1, 2]}"#),
        (object.clone(), "null"),
        (object.clone(), r#"{"class": "97184d0f-f7ef-413a-8c6d-c1745018b2e9", "stream": "hex:0102"}"#),
        (object, recorder),
        (Type::Recorder, recorder),
        (Type::Currency, "12.3400"),
        (Type::Decimal, "0.010"),
        (Type::Hresult, "0x80004005"),
        (Type::F64, "0.1"),
        (Type::Boolean, "true"),
    ] {
        let value = from_text(&kind, text).unwrap_or_else(|misfit| panic!("{text}: {misfit:?}"));
        let json = show(Some(&kind), &value).to_json();
        let again = if let Some(word) = json.as_str() { word.to_owned() } else { json.to_string() };
        assert_eq!(from_text(&kind, &again), Ok(value), "{text}: {again}");
    }
}

#[test]
fn a_variant_has_the_type_that_fits() {
    for (text, expected) in [
        ("null", Variant::Empty),
        ("true", Variant::Bool(true)),
        ("5", Variant::I4(5)),
        ("5000000000", Variant::I8(5_000_000_000)),
        ("0.5", Variant::R8(0.5)),
        ("\"a\"", "a".into()),
        ("a word", "a word".into()),
        (r#"{"vt":"VT_NULL"}"#, Variant::Null),
        (r#"{"vt":"VT_UI1","value":7}"#, Variant::UI1(7)),
        (r#"{"vt":"VT_DATE","value":"1899-12-31"}"#, Variant::Date(Date { days: 1.0 })),
        ("[1]", SafeArray::from(vec![Variant::I4(1)]).try_into_variant()),
    ] {
        assert_eq!(read::<Variant>(text), expected, "{text}");
    }
    let misfit = misfit(&Type::Variant, r#"{"vt":"VT_UI1","value":700}"#);
    assert_eq!((misfit.place.as_str(), misfit.code), (".value", DISP_E_OVERFLOW));
}

trait TryIntoVariant {
    fn try_into_variant(self) -> Variant;
}

impl TryIntoVariant for SafeArray<Variant> {
    fn try_into_variant(self) -> Variant {
        let array = consign::automation::VariantArray::new(
            consign::automation::VariantType::Variant,
            self.bounds().to_vec(),
            self.elements().to_vec(),
        );
        Variant::Array(Box::new(array.unwrap()))
    }
}

#[test]
fn people_see_long_values_shortened_and_nothing_that_moves_the_cursor() {
    let text = |value: &Value| show(None, value).to_text(Length::Short);
    assert_eq!(text(&Value::Text("a\x1b[2J\"\n".into())), "\"a\\u{1b}[2J\\\"\\n\"");
    let long = text(&Value::Text("x".repeat(1000)));
    assert!(long.ends_with("x…\" (1000 characters)") && long.len() < 120, "{long}");
    assert!(text(&Value::Bytes(vec![0xab; 100])).ends_with("ab… (100 bytes)"));
    let many = Value::Array("y".into(), vec![Value::U8(1); 20]);
    assert_eq!(text(&many), "[1, 1, 1, 1, 1, 1, 1, 1, … (20 elements)]");
    assert_eq!(show(None, &many).to_text(Length::Full).matches('1').count(), 20);
    // A value of another type than was thought is shown as it is.
    assert_eq!(show(Some(&Type::Guid), &Value::Bytes(vec![1])).to_text(Length::Short), "hex:01");
}
