use super::*;
use crate::{
    Guid, Hresult, Object, Persisted, Playable, Queueable, RecorderMoniker,
    marshal::{Endian, Reader, Writer, check},
};

const DOCUMENTATION: &str = include_str!("../../../../docs/types.md");

/// Writes a value, compares the bytes with these, looks for them in `docs/types.md`, and reads it again.
fn golden<T: Playable + PartialEq + std::fmt::Debug>(value: &T, bytes: &str) {
    let mut writer = Writer::default();
    value.write(&mut writer);
    let hex: String = writer.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, bytes.replace(' ', ""), "{value:?}");
    let mut documented = DOCUMENTATION.split('`').map(|code| code.replace(' ', ""));
    assert!(documented.any(|code| code == hex), "`docs/types.md` has no row with {bytes}");
    let signature = T::kind().signature().unwrap();
    check(writer.as_bytes(), &signature, Endian::Little).unwrap();
    let mut reader = Reader::new(writer.as_bytes(), Endian::Little);
    assert_eq!(T::read(&mut reader).as_ref(), Ok(value));
    reader.end().unwrap();
    every_damage_is_refused_or_read::<T>(writer.as_bytes(), &signature);
}

/// No cut and no changed byte does more than be refused, and what is read is what was checked.
fn every_damage_is_refused_or_read<T: Playable>(whole: &[u8], signature: &str) {
    for end in 0..whole.len() {
        assert!(T::read(&mut Reader::new(&whole[..end], Endian::Little)).is_err(), "cut at {end}");
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x20, 0x7f, 0xff] {
            let mut changed = whole.to_vec();
            changed[at] = value;
            let mut reader = Reader::new(&changed, Endian::Little);
            if T::read(&mut reader).is_ok() && reader.end().is_ok() {
                assert_eq!(check(&changed, signature, Endian::Little), Ok(()), "{value} at {at}");
            }
        }
    }
}

#[test]
fn plain_values_are_kept_for_ever_as_they_are_today() {
    golden(&true, "01000000");
    golden(&0x12_u8, "12");
    golden(&-2_i8, "feff");
    golden(&-2_i16, "feff");
    golden(&0x1234_u16, "3412");
    golden(&-2_i32, "feffffff");
    golden(&42_u32, "2a000000");
    golden(&-2_i64, "feffffffffffffff");
    golden(&2_u64, "0200000000000000");
    golden(&1.5_f32, "000000000000f83f");
    golden(&1.5_f64, "000000000000f83f");
    golden(&crate::common::E_FAIL, "05400080");
    golden(&5_i32, "05000000");
    golden(&"ab".to_owned(), "02000000 616200");
    golden(&vec![1_u8, 2], "02000000 0102");
    golden(&vec![1_u16, 2], "04000000 0100 0200");
    golden(&Some(7_u64), "08000000 00000000 0700000000000000");
    golden(&None::<u64>, "00000000 00000000");
    golden(&"97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse::<Guid>().unwrap(), "10000000 97184d0ff7ef413a8c6dc1745018b2e9");
}

#[test]
fn values_of_automation_are_kept_for_ever_as_they_are_today() {
    golden(&Currency { ten_thousandths: 123_400 }, "08e2010000000000");
    golden(&Date { days: 2.5 }, "0000000000000440");
    golden(&Decimal::new(Sign::Minus, (1 << 64) + 5, 2).unwrap(), "02 80 0000 01000000 0500000000000000");
    golden(&Bstr::from("aé"), "01000000 04000000 6100e900");
    golden(&Bstr::from_units([0xd800, 0]), "01000000 04000000 00d80000");
    golden(&Bstr::from(""), "01000000 00000000");
    golden(&Bstr::NULL, "00000000 00000000");
}

#[test]
fn objects_are_kept_for_ever_as_they_are_today() {
    let persisted = Persisted { class: Guid::from_bytes([0x11; 16]), stream: vec![1, 2, 3] };
    let class = "11111111111111111111111111111111";
    golden(&persisted, &format!("10000000 {class} 03000000 010203"));
    golden(&Object::Persisted(persisted), &format!("06 28617961792900 10000000 {class} 03000000 010203"));
    golden(&Object::Null, "06 28617961792900 10000000 00000000000000000000000000000000 00000000");
    let recorder = RecorderMoniker { moniker: "queue:/new:A".into(), iid: Guid::from_bytes([0x22; 16]) };
    let text = "0c000000 71756575653a2f6e65773a4100 000000 24000000 \
                32323232323232322d323232322d323232322d323232322d32323232323232323232323200";
    golden(&recorder, text);
    golden(&Object::Recorder(recorder), &format!("04 2873732900 0000 {text}"));
}

#[test]
fn variants_are_kept_for_ever_as_they_are_today() {
    golden(&Variant::Empty, "0000 01 7900 00");
    golden(&Variant::Null, "0100 01 7900 00");
    golden(&Variant::I2(-2), "0200 01 6e00 00 feff");
    golden(&Variant::I4(-2), "0300 01 6900 000000 feffffff");
    golden(&Variant::R4(1.5), "0400 01 6400 000000 000000000000f83f");
    golden(&Variant::R8(1.5), "0500 01 6400 000000 000000000000f83f");
    golden(&Variant::Currency(Currency { ten_thousandths: 1 }), "0600 01 7800 000000 0100000000000000");
    golden(&Variant::Date(Date { days: 2.5 }), "0700 01 6400 000000 0000000000000440");
    golden(&Variant::from("a"), "0800 05 286261792900 00000000000000 01000000 02000000 6100");
    golden(&Variant::Error(Hresult::new(0x8002_0004)), "0a00 01 6900 000000 04000280");
    golden(&Variant::Bool(true), "0b00 01 6200 000000 01000000");
    golden(&Variant::Unknown(Object::Null), "0d00 01 7600 06 28617961792900 00 0000 10000000 00000000000000000000000000000000 00000000");
    golden(&Variant::Dispatch(Object::Null), "0900 01 7600 06 28617961792900 00 0000 10000000 00000000000000000000000000000000 00000000");
    golden(
        &Variant::Decimal(Decimal::new(Sign::Plus, 5, 2).unwrap()),
        "0e00 06 28797975742900 000000000000 02 00 0000 00000000 0500000000000000",
    );
    golden(&Variant::I1(-2), "1000 01 6e00 00 feff");
    golden(&Variant::UI1(2), "1100 01 7900 02");
    golden(&Variant::UI2(2), "1200 01 7100 00 0200");
    golden(&Variant::UI4(2), "1300 01 7500 000000 02000000");
    golden(&Variant::I8(-2), "1400 01 7800 000000 feffffffffffffff");
    golden(&Variant::UI8(2), "1500 01 7400 000000 0200000000000000");
    golden(&Variant::Int(-2), "1600 01 6900 000000 feffffff");
    golden(&Variant::UInt(2), "1700 01 7500 000000 02000000");
}

#[test]
fn arrays_are_kept_for_ever_as_they_are_today() {
    let numbers = SafeArray::new(vec![Bound { count: 2, lower: 1 }], vec![7_i16, 8]).unwrap();
    let bytes = "0200 0000 08000000 02000000 01000000 0c000000 01 6e00 00 0700 01 6e00 00 0800";
    golden(&numbers, bytes);
    golden(&Variant::from(numbers), &format!("0220 0a 2871612875692961762900 0000 {bytes}"));
    let grid = SafeArray::new(vec![Bound { count: 2, lower: 0 }, Bound { count: 1, lower: -1 }], vec![true, false]).unwrap();
    golden(&grid, "0b00 0000 10000000 02000000 00000000 01000000 ffffffff 10000000 01 6200 00 01000000 01 6200 00 00000000");
    let mixed = SafeArray::from(vec![Variant::UI1(1), Variant::Empty]);
    let bytes = "0c00 0000 08000000 02000000 00000000 22000000 04 2871762900 000000000000 1100 01 7900 01 \
                 04 2871762900 00000000 0000 01 7900 00";
    golden(&mixed, bytes);
    golden(&Variant::from(mixed), &format!("0c20 0a 2871612875692961762900 0000 {bytes}"));
    golden(&SafeArray::<Bstr>::from(Vec::new()), "0800 0000 08000000 00000000 00000000 00000000");
}

#[test]
fn every_type_has_one_number_and_its_own_signature() {
    for number in 0..u16::MAX {
        let Some(kind) = VariantType::from_number(number) else { continue };
        assert_eq!(kind.number(), number);
    }
    fn same<T: SafeArrayElement>() {
        assert_eq!(T::TYPE.signature(), T::kind().signature().unwrap(), "{:?}", T::TYPE);
    }
    same::<i16>();
    same::<i32>();
    same::<f32>();
    same::<f64>();
    same::<Currency>();
    same::<Date>();
    same::<Bstr>();
    same::<Hresult>();
    same::<bool>();
    same::<Variant>();
    same::<Object>();
    same::<Decimal>();
    same::<i8>();
    same::<u8>();
    same::<u16>();
    same::<u32>();
    same::<i64>();
    same::<u64>();
}

#[test]
fn shapes_and_numbers_that_cannot_be_are_refused() {
    let bound = |count| Bound { count, lower: 0 };
    assert_eq!(SafeArray::new(vec![], vec![1_i32]), Err(WrongShape));
    assert_eq!(SafeArray::new(vec![bound(2)], vec![1_i32]), Err(WrongShape));
    assert_eq!(SafeArray::<i32>::new(vec![bound(u32::MAX); 3], vec![]), Err(WrongShape));
    assert!(SafeArray::<i32>::new(vec![bound(u32::MAX), bound(0)], vec![]).is_ok());
    assert_eq!(VariantArray::new(VariantType::I2, vec![bound(1)], vec![Variant::I4(1)]), Err(WrongShape));
    assert_eq!(VariantArray::new(VariantType::Null, vec![bound(1)], vec![Variant::Null]), Err(WrongShape));
    assert_eq!(Decimal::new(Sign::Plus, 1 << 96, 0), Err(NotDecimal));
    assert_eq!(Decimal::new(Sign::Plus, 0, 29), Err(NotDecimal));
}

#[test]
fn variants_in_variants_end_somewhere() {
    let mut variant = Variant::UI1(1);
    let mut deepest = 0;
    for depth in 1..40 {
        variant = SafeArray::from(vec![variant]).into();
        let mut writer = Writer::default();
        variant.write(&mut writer);
        let checked = check(writer.as_bytes(), "(qv)", Endian::Little).is_ok();
        let read = Variant::read(&mut Reader::new(writer.as_bytes(), Endian::Little));
        if checked {
            deepest = depth;
            assert_eq!(read.as_ref(), Ok(&variant), "what is checked can be read");
        }
        assert!(depth < 10 || read.is_err());
    }
    assert!(deepest >= 3, "{deepest}");
}

#[test]
fn numbers_are_printed_as_people_write_them() {
    let decimal = |sign, magnitude, scale| Decimal::new(sign, magnitude, scale).unwrap().to_string();
    assert_eq!(decimal(Sign::Minus, 5, 2), "-0.05");
    assert_eq!(decimal(Sign::Plus, 1234, 0), "1234");
    assert_eq!(Currency { ten_thousandths: -5 }.to_string(), "-0.0005");
    assert_eq!(Currency { ten_thousandths: i64::MIN }.to_string(), "-922337203685477.5808");
    assert_eq!(Bstr::from("é").to_text().unwrap().as_deref(), Some("é"));
    assert_eq!(Bstr::NULL.to_text().unwrap(), None);
    assert!(Bstr::from_units([0xd800]).to_text().is_err());
}
