//! The outbox of one database.

use std::path::Path;

use consign::ConnectOptions;
use consign_core::{
    Guid,
    random::{Random, SystemRandom},
};
use consign_store::outbox::{self, NoOutbox};
use rusqlite::Connection;

use crate::{Durability, Error, Result, Transaction, Wake, database::Database, wake::Waker};

/// How an outbox is used.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What a commit is worth.
    pub durability: Durability,
    /// Who is woken after a commit.
    pub wake: Wake,
}

/// An outbox: recorded calls in the application's own database. One for each process is enough; it can be
/// shared by threads, each with a connection of its own.
#[derive(Debug)]
pub struct Outbox {
    id: Guid,
    database: Database,
    waker: Waker,
}

impl Outbox {
    /// The outbox of the database that this is a connection to. Its tables are made where there are none.
    ///
    /// # Errors
    /// [`Error::NoFile`], [`Error::NotDurable`], [`Error::Tables`] (made by a newer version), [`Error::Lock`],
    /// [`Error::Sqlite`].
    pub fn open(connection: &Connection) -> Result<Self> {
        Self::open_with(connection, Options::default())
    }

    /// As [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(connection: &Connection, options: Options) -> Result<Self> {
        let database = Database::of(connection, options.durability)?;
        database.prepare(connection)?;
        let origin = match outbox::origin(connection) {
            Err(NoOutbox::Absent) => make(&database, connection)?,
            origin => origin.map_err(Error::Tables)?,
        };
        Ok(Self { id: origin.id, database, waker: Waker::new(options.wake) })
    }

    /// Connects to the database at `path`, which is made if there is none, and opens its outbox.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_file(path: &Path, options: Options) -> Result<(Connection, Self)> {
        let connection = Connection::open(path)?;
        let outbox = Self::open_with(&connection, options)?;
        Ok((connection, outbox))
    }

    /// Its id, made with it: the name of its stream of messages.
    pub fn id(&self) -> Guid {
        self.id
    }

    /// The path of the database.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// Runs `work` in a transaction and commits it: what it wrote and what it recorded are there together, or
    /// not at all. Writers of all processes queue for it, so that none of them starves; afterwards the service
    /// is woken.
    ///
    /// It blocks, and must not be called inside itself, not with another connection either: it would wait for
    /// its own end. An error of `work`, or a panic, rolls everything back.
    ///
    /// # Errors
    /// Those of `work`; [`Error::OtherDatabase`], [`Error::NotDurable`], [`Error::Lock`], [`Error::Ended`],
    /// [`Error::Sqlite`]. That the service could not be woken is none: it finds the message when it starts.
    pub fn transaction<T, E: From<Error>>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut recorded = 0;
        let value = self.database.write(connection, |transaction| {
            let transaction = Transaction::new(transaction);
            let value = work(&transaction)?;
            recorded = transaction.recorded();
            Ok::<_, E>(value)
        })?;
        if recorded > 0 {
            self.waker.wake(self.path());
        }
        Ok(value)
    }

    /// Wakes the service, and starts it if the options say so. For who recorded in a transaction of his own.
    ///
    /// # Errors
    /// When the service was not reached. Nothing is lost by that.
    pub fn wake(&self) -> Result<(), consign::Error> {
        self.waker.try_wake(self.path())
    }

    /// A transaction of the application's own, in which calls can be recorded. For who has his own way to
    /// begin and commit; he also takes care that writers do not starve each other, and calls
    /// [`wake`](Self::wake).
    ///
    /// # Errors
    /// [`Error::NoTransaction`].
    pub fn inside<'c>(&self, connection: &'c Connection) -> Result<Transaction<'c>> {
        if connection.is_autocommit() { Err(Error::NoTransaction) } else { Ok(Transaction::new(connection)) }
    }
}

/// [`Outbox::open`] and [`Outbox::transaction`] in one.
///
/// # Errors
/// Those of both.
pub fn transaction<T, E: From<Error>>(connection: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
    Outbox::open(connection)?.transaction(connection, work)
}

/// Makes the tables and the id. Somebody else may be doing the same.
fn make(database: &Database, connection: &Connection) -> Result<outbox::Origin> {
    database.locked(|| {
        let transaction = rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(outbox::TABLES)?;
        let id = Guid::from_bytes(SystemRandom.bytes()).to_string();
        let sql = "INSERT OR IGNORE INTO main.consign_outbox_origin (one, version, id) VALUES (1, ?1, ?2)";
        transaction.execute(sql, rusqlite::params![outbox::VERSION, id])?;
        let origin = outbox::origin(&transaction).map_err(Error::Tables)?;
        transaction.commit()?;
        Ok(origin)
    })
}

impl From<Wake> for Options {
    fn from(wake: Wake) -> Self {
        Self { wake, ..Self::default() }
    }
}

impl From<ConnectOptions> for Options {
    /// Wakes, and where they say so starts, the service that they reach.
    fn from(service: ConnectOptions) -> Self {
        Self { wake: Wake::Service(service), ..Self::default() }
    }
}
