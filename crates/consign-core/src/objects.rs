//! Objects as arguments. A queued call is played in another process, perhaps on another day, so a
//! live object cannot be in it: only what it was, written down, or a recorder, by its moniker.

use std::io::{self, Read, Write};

use crate::{
    Guid, Hresult, Playable, Queueable,
    calls::LONGEST,
    common::{CLASS_E_CLASSNOTAVAILABLE, COMQC_E_NO_IPERSISTSTREAM, E_FAIL, E_UNEXPECTED, STG_E_MEDIUMFULL},
    interface::Type,
    marshal::{Malformed, Reader, Writer},
};

/// A pointer to an interface, as a call can carry it. Kept as `v`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Object {
    /// NULL. Kept as `(ayay)` of a null CLSID.
    #[default]
    Null,
    /// A copy of an object. Kept as `(ayay)`.
    Persisted(Persisted),
    /// A recorder, on which the component can answer. Kept as `(ss)`.
    Recorder(RecorderMoniker),
}

/// An object with `IPersistStream`, written down. Kept as `(ayay)`: its CLSID, its stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Persisted {
    /// `GetClassID`: the class that can read the stream.
    pub class: Guid,
    /// What `Save` wrote.
    pub stream: Vec<u8>,
}

/// A recorder, named so that another process can make one like it. Kept as `(ss)`: its moniker, the IID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecorderMoniker {
    /// `queue:…/new:…`.
    pub moniker: String,
    /// The interface on which calls are expected.
    pub iid: Guid,
}

/// `IPersistStream`: what an object does to be passed by value. `IsDirty` is absent: whoever records
/// always saves.
pub trait PersistStream: Sized {
    /// `GetClassID`. Never `GUID_NULL`.
    const CLASS: Guid;

    /// `Save`.
    ///
    /// # Errors
    /// Whatever the object says; the call that it was to be passed with is refused with that.
    fn save(&self, stream: &mut dyn Write) -> Result<(), PersistError>;

    /// `Load`. Reads to the end of the stream.
    ///
    /// # Errors
    /// Whatever the object says.
    fn load(stream: &mut dyn Read) -> Result<Self, PersistError>;

    /// `GetSizeMax`: the most bytes that `save` writes. It is cut off there.
    fn size_max(&self) -> u64;
}

/// An object could not be written down or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct PersistError {
    /// Which HRESULT.
    pub code: Hresult,
    /// Why.
    pub sentence: String,
}

impl PersistError {
    /// A reason of the object's own.
    pub fn new(code: Hresult, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

impl From<io::Error> for PersistError {
    fn from(error: io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::StorageFull { STG_E_MEDIUMFULL } else { E_FAIL };
        Self::new(code, error.to_string())
    }
}

impl Object {
    /// Writes an object down as it is now.
    ///
    /// # Errors
    /// The object's own; `COMQC_E_NO_IPERSISTSTREAM` (its class is `GUID_NULL`), `STG_E_MEDIUMFULL` (it
    /// writes more than it said, or than a message can hold).
    pub fn persist<T: PersistStream>(object: &T) -> Result<Self, PersistError> {
        Persisted::of(object).map(Self::Persisted)
    }

    /// Makes the object that was written down; `None` for NULL.
    ///
    /// # Errors
    /// The object's own; `CLASS_E_CLASSNOTAVAILABLE` (it is one of another class, or a recorder),
    /// `E_UNEXPECTED` (it did not read to the end).
    pub fn load<T: PersistStream>(&self) -> Result<Option<T>, PersistError> {
        match self {
            Self::Null => Ok(None),
            Self::Persisted(persisted) => persisted.load().map(Some),
            Self::Recorder(_) => Err(PersistError::new(CLASS_E_CLASSNOTAVAILABLE, "the object is a recorder")),
        }
    }
}

impl Persisted {
    /// Writes an object down as it is now.
    ///
    /// # Errors
    /// As [`Object::persist`].
    pub fn of<T: PersistStream>(object: &T) -> Result<Self, PersistError> {
        if T::CLASS == Guid::NULL {
            return Err(PersistError::new(COMQC_E_NO_IPERSISTSTREAM, "the object has no class, so nobody could make it again"));
        }
        let most = usize::try_from(object.size_max()).map_or(LONGEST, |most| most.min(LONGEST));
        let mut stream = Stream { bytes: Vec::new(), most, overflow: false };
        let saved = object.save(&mut stream);
        if stream.overflow {
            // Also when the object took it for success.
            return Err(PersistError::new(STG_E_MEDIUMFULL, format!("the object writes more than {most} bytes")));
        }
        saved?;
        Ok(Self { class: T::CLASS, stream: stream.bytes })
    }

    /// Makes the object.
    ///
    /// # Errors
    /// As [`Object::load`].
    pub fn load<T: PersistStream>(&self) -> Result<T, PersistError> {
        if self.class != T::CLASS {
            let sentence = format!("the object is of class {}, not {}", self.class, T::CLASS);
            return Err(PersistError::new(CLASS_E_CLASSNOTAVAILABLE, sentence));
        }
        let mut rest = self.stream.as_slice();
        let object = T::load(&mut rest)?;
        if rest.is_empty() {
            Ok(object)
        } else {
            Err(PersistError::new(E_UNEXPECTED, format!("the object left {} bytes of its stream unread", rest.len())))
        }
    }
}

/// What an object is saved to.
struct Stream {
    bytes: Vec<u8>,
    most: usize,
    overflow: bool,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.most - self.bytes.len() {
            self.overflow = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const PERSISTED: &str = "(ayay)";
const RECORDER: &str = "(ss)";

impl Queueable for Object {
    fn kind() -> Type {
        Type::Interface { name: "IUnknown".to_owned() }
    }

    const ALIGNMENT: usize = 1;

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Null => {
                writer.signature(PERSISTED);
                Persisted { class: Guid::NULL, stream: Vec::new() }.write(writer);
            }
            Self::Persisted(persisted) => {
                writer.signature(PERSISTED);
                persisted.write(writer);
            }
            Self::Recorder(recorder) => {
                writer.signature(RECORDER);
                recorder.write(writer);
            }
        }
    }
}

impl Playable for Object {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.signature()? {
            PERSISTED => match Persisted::read(reader)? {
                Persisted { class: Guid::NULL, stream } if stream.is_empty() => Ok(Self::Null),
                Persisted { class: Guid::NULL, .. } => reader.fail("an object without a class has a stream"),
                persisted => Ok(Self::Persisted(persisted)),
            },
            RECORDER => RecorderMoniker::read(reader).map(Self::Recorder),
            _ => reader.fail("an object is neither persisted nor a recorder"),
        }
    }
}

impl Queueable for Persisted {
    fn kind() -> Type {
        Type::Persisted
    }

    const ALIGNMENT: usize = 8;

    fn write(&self, writer: &mut Writer) {
        writer.structure();
        self.class.write(writer);
        writer.bytes(&self.stream);
    }
}

impl Playable for Persisted {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.structure()?;
        Ok(Self { class: Guid::read(reader)?, stream: reader.bytes()?.to_vec() })
    }
}

impl Queueable for RecorderMoniker {
    fn kind() -> Type {
        Type::Recorder
    }

    const ALIGNMENT: usize = 8;

    fn write(&self, writer: &mut Writer) {
        writer.structure();
        writer.str(&self.moniker);
        writer.str(&self.iid.to_string());
    }
}

impl Playable for RecorderMoniker {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.structure()?;
        let moniker = reader.str()?.to_owned();
        match reader.str()?.parse() {
            Ok(iid) => Ok(Self { moniker, iid }),
            Err(_) => reader.fail("the IID of a recorder is no GUID"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::E_ACCESSDENIED;

    #[derive(Debug, PartialEq)]
    struct Order {
        number: u32,
    }

    impl PersistStream for Order {
        const CLASS: Guid = Guid::from_bytes([3; 16]);

        fn save(&self, stream: &mut dyn Write) -> Result<(), PersistError> {
            match self.number {
                13 => Err(PersistError::new(E_ACCESSDENIED, "not this one")),
                // Does not say that it could not write.
                14 => {
                    let _ = stream.write_all(&[0; 5]);
                    Ok(())
                }
                number => Ok(stream.write_all(&number.to_le_bytes())?),
            }
        }

        fn load(stream: &mut dyn Read) -> Result<Self, PersistError> {
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes)?;
            Ok(Self { number: u32::from_le_bytes(bytes) })
        }

        fn size_max(&self) -> u64 {
            4
        }
    }

    struct Nameless;

    impl PersistStream for Nameless {
        const CLASS: Guid = Guid::NULL;

        fn save(&self, _: &mut dyn Write) -> Result<(), PersistError> {
            Ok(())
        }

        fn load(_: &mut dyn Read) -> Result<Self, PersistError> {
            Ok(Self)
        }

        fn size_max(&self) -> u64 {
            0
        }
    }

    fn order(number: u32) -> Order {
        Order { number }
    }

    #[test]
    fn an_object_is_made_again_from_its_stream() {
        let object = Object::persist(&order(7)).unwrap();
        assert_eq!(object.load::<Order>(), Ok(Some(order(7))));
        assert_eq!(Object::Null.load::<Order>(), Ok(None));
    }

    #[test]
    fn what_cannot_be_saved_is_refused_at_once_with_the_objects_own_code() {
        let code = |object: Result<Object, PersistError>| object.map_err(|error| error.code);
        assert_eq!(code(Object::persist(&order(13))), Err(E_ACCESSDENIED));
        assert_eq!(code(Object::persist(&order(14))), Err(STG_E_MEDIUMFULL));
        assert_eq!(code(Object::persist(&Nameless)), Err(COMQC_E_NO_IPERSISTSTREAM));
    }

    #[test]
    fn another_class_and_a_rest_in_the_stream_are_refused() {
        let mut persisted = Persisted::of(&order(7)).unwrap();
        persisted.stream.push(0);
        assert_eq!(persisted.load::<Order>().map_err(|error| error.code), Err(E_UNEXPECTED));
        persisted.stream.truncate(3);
        assert_eq!(persisted.load::<Order>().map_err(|error| error.code), Err(E_FAIL));
        let other = Object::Persisted(Persisted { class: Guid::from_bytes([4; 16]), stream: vec![0; 4] });
        assert_eq!(other.load::<Order>().map_err(|error| error.code), Err(CLASS_E_CLASSNOTAVAILABLE));
        let recorder = Object::Recorder(RecorderMoniker { moniker: "queue:/new:A".into(), iid: Guid::NULL });
        assert_eq!(recorder.load::<Order>().map_err(|error| error.code), Err(CLASS_E_CLASSNOTAVAILABLE));
    }
}
