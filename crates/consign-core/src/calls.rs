//! The content of a message: calls in the order in which they were recorded.
//!
//! Stored as the D-Bus value `(ya(aysg)a(uay))`, little-endian: the order of bytes in the arguments
//! (`l` or `B`), the methods that are called (IID, name, signature), and for each call the place of
//! its method among these and its arguments, marshalled for themselves. What is stored must be
//! readable for ever: `tests/golden` holds examples that are never changed.

use crate::{
    Guid,
    marshal::{Endian, Malformed, Reader, Writer, check},
};

/// The longest content of a message: what one MSMQ message holds.
pub const LONGEST: usize = 4 << 20;

/// The most different methods that one message calls.
pub const MOST_METHODS: usize = 1024;

/// Recorded calls, checked: every method has a name and a signature, every call the arguments that
/// the signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    bytes: Vec<u8>,
    count: usize,
}

/// What is called: an interface, a method of it, and the types of what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodRef<'a> {
    /// The interface.
    pub iid: Guid,
    /// The name of the method.
    pub name: &'a str,
    /// The types of its arguments, one after the other.
    pub signature: &'a str,
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The place of its method among the methods of the message.
    pub method: usize,
    /// The arguments, as the method's signature says.
    pub arguments: &'a [u8],
    /// The order of their bytes.
    pub endian: Endian,
}

/// A call cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// [`LONGEST`].
    #[error("the message would be longer than 4 MiB")]
    TooLong,
    /// [`MOST_METHODS`].
    #[error("the message would call more than 1024 different methods")]
    TooManyMethods,
    /// A name or a signature is longer than 255 bytes.
    #[error("the name or the signature of the method is longer than 255 characters")]
    BadMethod,
}

/// Puts calls together.
#[derive(Clone, Debug, Default)]
pub struct CallsBuilder {
    methods: Vec<(Guid, String, String)>,
    last: usize,
    methods_size: usize,
    calls: Writer,
    count: usize,
    arguments: Writer,
    endian: Endian,
}

impl Calls {
    /// Nothing recorded yet.
    pub fn builder() -> CallsBuilder {
        CallsBuilder::default()
    }

    /// Nothing recorded yet, by somebody who marshals arguments in that order of bytes.
    pub fn builder_of(endian: Endian) -> CallsBuilder {
        CallsBuilder { endian, ..CallsBuilder::default() }
    }

    /// Takes what was stored, or what somebody sent.
    ///
    /// # Errors
    /// When it is not the content of a message.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(&bytes, Endian::Little);
        if bytes.len() > LONGEST {
            return reader.fail("the message is longer than 4 MiB");
        }
        let endian = read_endian(&mut reader)?;
        let mut signatures = Vec::new();
        reader.array(8, |reader| {
            let method = read_method(reader)?;
            if method.name.is_empty() || method.name.len() > 255 || signatures.len() == MOST_METHODS {
                return reader.fail("a method has no name, a long one, or there are too many");
            }
            signatures.push(method.signature);
            Ok(())
        })?;
        let mut count = 0;
        reader.array(8, |reader| {
            let (method, arguments) = read_call(reader)?;
            let Some(signature) = signatures.get(method) else { return reader.fail("a call names no method of the message") };
            count += 1;
            check(arguments, signature, endian)
        })?;
        reader.end()?;
        if count == 0 {
            return reader.fail("the message has no calls");
        }
        Ok(Self { bytes, count })
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many calls it has; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a message without calls is none")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The order of bytes in the arguments.
    pub fn endian(&self) -> Endian {
        read_endian(&mut Reader::new(&self.bytes, Endian::Little)).unwrap_or_default()
    }

    /// The methods that are called.
    pub fn methods(&self) -> Vec<MethodRef<'_>> {
        let mut methods = Vec::new();
        // Checked when it was taken.
        let _ = self.read_methods(|method| methods.push(method));
        methods
    }

    /// Looks at each call, in order.
    pub fn each<'a>(&'a self, mut look: impl FnMut(Call<'a>)) {
        // Checked when it was taken.
        let _ = self.read_methods(drop).and_then(|(mut reader, endian)| {
            reader.array(8, |reader| {
                let (method, arguments) = read_call(reader)?;
                look(Call { method, arguments, endian });
                Ok(())
            })
        });
    }

    fn read_methods<'a>(&'a self, mut look: impl FnMut(MethodRef<'a>)) -> Result<(Reader<'a>, Endian), Malformed> {
        let mut reader = Reader::new(&self.bytes, Endian::Little);
        let endian = read_endian(&mut reader)?;
        reader.array(8, |reader| {
            look(read_method(reader)?);
            Ok(())
        })?;
        Ok((reader, endian))
    }
}

impl CallsBuilder {
    /// Appends a call, whose arguments `write` writes as `signature` says. A call that is refused
    /// leaves those before it as they were.
    ///
    /// # Errors
    /// When the message would become larger than one may be.
    pub fn push(&mut self, iid: Guid, name: &str, signature: &str, write: impl FnOnce(&mut Writer)) -> Result<(), TooMuch> {
        let mut arguments = std::mem::take(&mut self.arguments);
        arguments.clear();
        write(&mut arguments);
        let pushed = self.push_arguments(iid, name, signature, arguments.as_bytes());
        self.arguments = arguments;
        pushed
    }

    /// Names a method for [`CallsBuilder::push_declared`], in the order of their places.
    ///
    /// # Errors
    /// When the message would name more than one may, or the name or the signature is none.
    pub fn declare(&mut self, iid: Guid, name: &str, signature: &str) -> Result<(), TooMuch> {
        if name.is_empty() || name.len() > 255 || signature.len() > 255 {
            return Err(TooMuch::BadMethod);
        }
        if self.methods.len() == MOST_METHODS {
            return Err(TooMuch::TooManyMethods);
        }
        self.methods.push((iid, name.to_owned(), signature.to_owned()));
        self.methods_size += name.len() + signature.len() + 48;
        Ok(())
    }

    /// Appends a call of a method that was declared, as [`CallsBuilder::push_arguments`] does.
    ///
    /// # Errors
    /// When the message would become larger than one may be.
    pub fn push_declared(&mut self, method: u32, arguments: &[u8]) -> Result<(), TooMuch> {
        if self.size() + arguments.len() + 16 > LONGEST {
            return Err(TooMuch::TooLong);
        }
        self.calls.structure();
        self.calls.u32(method);
        self.calls.bytes(arguments);
        self.count += 1;
        Ok(())
    }

    /// Appends a call whose arguments were marshalled and checked before, in the order of bytes that the
    /// builder has.
    ///
    /// # Errors
    /// When the message would become larger than one may be.
    pub fn push_arguments(&mut self, iid: Guid, name: &str, signature: &str, arguments: &[u8]) -> Result<(), TooMuch> {
        if name.is_empty() || name.len() > 255 || signature.len() > 255 {
            return Err(TooMuch::BadMethod);
        }
        let is_it = |known: &(Guid, String, String)| known.0 == iid && known.1 == name && known.2 == signature;
        // Who calls a method often calls it often in a row.
        let known = match self.methods.get(self.last) {
            Some(last) if is_it(last) => Some(self.last),
            _ => self.methods.iter().position(is_it),
        };
        let new_method = if known.is_some() { 0 } else { name.len() + signature.len() + 48 };
        if self.size() + new_method + arguments.len() + 16 > LONGEST {
            return Err(TooMuch::TooLong);
        }
        let method = match known {
            Some(known) => known,
            None if self.methods.len() == MOST_METHODS => return Err(TooMuch::TooManyMethods),
            None => {
                self.methods.push((iid, name.to_owned(), signature.to_owned()));
                self.methods_size += new_method;
                self.methods.len() - 1
            }
        };
        self.last = method;
        self.calls.structure();
        self.calls.u32(u32::try_from(method).unwrap_or(u32::MAX));
        self.calls.bytes(arguments);
        self.count += 1;
        Ok(())
    }

    /// How many calls there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// About how long the content will be, in bytes; never less than it is.
    pub fn size(&self) -> usize {
        32 + self.methods_size + self.calls.as_bytes().len()
    }

    /// The content; `None` where nothing was recorded, because there is no message then.
    pub fn finish(self) -> Option<Calls> {
        if self.count == 0 {
            return None;
        }
        let mut writer = Writer::default();
        writer.u8(self.endian.as_byte());
        writer.array(8, |writer| {
            for (iid, name, signature) in &self.methods {
                writer.structure();
                writer.bytes(iid.as_bytes());
                writer.str(name);
                writer.signature(signature);
            }
        });
        let calls = self.calls.as_bytes();
        writer.array(8, |writer| writer.append(calls));
        Some(Calls { bytes: writer.into_bytes(), count: self.count })
    }
}

fn read_endian(reader: &mut Reader<'_>) -> Result<Endian, Malformed> {
    match Endian::from_byte(reader.u8()?) {
        Some(endian) => Ok(endian),
        None => reader.fail("the order of bytes is neither l nor B"),
    }
}

fn read_method<'a>(reader: &mut Reader<'a>) -> Result<MethodRef<'a>, Malformed> {
    reader.structure()?;
    let Ok(iid) = <[u8; 16]>::try_from(reader.bytes()?) else { return reader.fail("an IID does not have 16 bytes") };
    Ok(MethodRef { iid: Guid::from_bytes(iid), name: reader.str()?, signature: reader.signature()? })
}

fn read_call<'a>(reader: &mut Reader<'a>) -> Result<(usize, &'a [u8]), Malformed> {
    reader.structure()?;
    let method = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    Ok((method, reader.bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPMENT: Guid = Guid::from_bytes([7; 16]);

    fn two() -> Calls {
        let mut builder = Calls::builder();
        builder.push(SHIPMENT, "ShipOrder", "u", |writer| writer.u32(42)).unwrap();
        builder
            .push(SHIPMENT, "Note", "sd", |writer| {
                writer.str("wörtlich");
                writer.f64(0.5);
            })
            .unwrap();
        builder.push(SHIPMENT, "ShipOrder", "u", |writer| writer.u32(43)).unwrap();
        builder.finish().unwrap()
    }

    #[test]
    fn what_was_recorded_is_read_in_order() {
        let calls = Calls::from_bytes(two().as_bytes().to_vec()).unwrap();
        assert_eq!(calls, two());
        let methods = calls.methods();
        let mut seen = Vec::new();
        calls.each(|call| seen.push((methods[call.method].name, call.arguments.to_vec())));
        assert_eq!(seen.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["ShipOrder", "Note", "ShipOrder"]);
        assert_eq!(seen[2].1, 43_u32.to_le_bytes());
        assert_eq!((calls.len(), methods.len()), (3, 2));
    }

    #[test]
    fn no_calls_are_no_message() {
        assert_eq!(Calls::builder().finish(), None);
        let mut writer = Writer::default();
        writer.u8(b'l');
        writer.array(8, |_| {});
        writer.array(8, |_| {});
        assert!(Calls::from_bytes(writer.into_bytes()).is_err());
    }

    #[test]
    fn a_call_too_many_is_refused_and_those_before_stay() {
        let mut builder = Calls::builder();
        let large = vec![1_u8; 1 << 20];
        for _ in 0..3 {
            builder.push(SHIPMENT, "Put", "ay", |writer| writer.bytes(&large)).unwrap();
        }
        assert_eq!(builder.push(SHIPMENT, "Put", "ay", |writer| writer.bytes(&large)), Err(TooMuch::TooLong));
        builder.push(SHIPMENT, "Put", "ay", |writer| writer.bytes(&large[..1000])).unwrap();
        let size = builder.size();
        let calls = builder.finish().unwrap();
        assert_eq!(calls.len(), 4);
        assert!(calls.as_bytes().len() <= size && size <= LONGEST);
    }

    #[test]
    fn every_cut_and_every_changed_length_is_refused_or_whole() {
        let whole = two().as_bytes().to_vec();
        for end in 0..whole.len() {
            assert!(Calls::from_bytes(whole[..end].to_vec()).is_err(), "cut at {end}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                if let Ok(calls) = Calls::from_bytes(changed) {
                    let mut count = 0;
                    calls.each(|_| count += 1);
                    assert_eq!(count, calls.len());
                }
            }
        }
    }
}
