//! PostgreSQL: a table, `INSERT` and `DELETE ... FOR UPDATE SKIP LOCKED`, prepared, each a
//! transaction of its own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufStream},
    net::UnixStream,
};

use super::{Peer, Running, Took, Turn, contest, program, version};
use crate::{
    Outcome,
    queue::{CLIENTS, crowd::Worker},
};

/// More of them only wait for each other.
const TAKERS: usize = 16;

const TABLE: &str = "CREATE TABLE queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message bytea NOT NULL)";
const INSERT: &str = "INSERT INTO queue (message) VALUES ($1)";
const TAKE: &str = "DELETE FROM queue WHERE id = (SELECT id FROM queue ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING message";

pub(super) struct Postgres {
    programs: PathBuf,
    /// Who it runs as: it refuses to be root.
    user: Option<User>,
}

#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Postgres {
    pub(super) fn find() -> Outcome<Self> {
        let folders: Vec<String> = (12..=30).rev().map(|version| format!("/usr/lib/postgresql/{version}/bin")).collect();
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        let initdb = program("initdb", &folders).map_err(|_| "PostgreSQL is not installed")?;
        let programs = initdb.parent().ok_or("initdb is nowhere")?.to_owned();
        let user = if rustix::process::geteuid().is_root() {
            program("setpriv", &[]).map_err(|_| "PostgreSQL does not run as root, and setpriv is not installed")?;
            Some(User::named("postgres").ok_or("PostgreSQL does not run as root, and there is no user postgres")?)
        } else {
            None
        };
        Ok(Self { programs, user })
    }

    /// One of its programs, as the right user.
    fn command(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match self.user {
            None => return Command::new(program),
            Some(_) => Command::new("setpriv"),
        };
        if let Some(User { uid, gid }) = self.user {
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned(), "--".to_owned()]);
        }
        command.arg(program);
        command
    }
}

impl User {
    fn named(name: &str) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").ok()?;
        let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }
}

impl Peer for Postgres {
    fn name(&self) -> String {
        format!("PostgreSQL {}", version(&self.programs.join("postgres")))
    }

    fn turn(&self, turn: &Turn<'_>) -> Outcome<Took> {
        if let Some(User { uid, gid }) = self.user {
            chown(turn.folder, Some(uid), Some(gid))?;
            let parent = turn.folder.parent().ok_or("the folder is nowhere")?;
            fs::set_permissions(parent, fs::Permissions::from_mode(0o711))?;
        }
        let data = turn.folder.join("data");
        let mut make = self.command("initdb");
        make.args(["--auth=trust", "--username=bench", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"]).arg(&data);
        let made = make.current_dir("/").stdin(Stdio::null()).output()?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr).trim()).into());
        }
        let socket = turn.folder.join(".s.PGSQL.5432");
        let mut serve = self.command("postgres");
        serve.arg("-D").arg(&data).arg("-k").arg(turn.folder).args(["-c", "listen_addresses=", "-c", "max_connections=200"]);
        let server = Running::start(serve.current_dir("/"), &socket)?;
        let took = turn.bench.runtime.block_on(async {
            let mut first = Connection::ready(&socket).await?;
            first.prepare(TABLE).await?;
            first.execute(None).await?;
            let recorder = async || {
                let mut connection = Connection::new(&socket).await?;
                connection.prepare(INSERT).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Recorder { connection, message: vec![b'x'; turn.size] })
            };
            let one = recorder().await?;
            let (mut many, mut takers) = (Vec::new(), Vec::new());
            for _ in 0..CLIENTS {
                many.push(recorder().await?);
            }
            for _ in 0..TAKERS {
                let mut connection = Connection::new(&socket).await?;
                connection.prepare(TAKE).await?;
                takers.push(Taker(connection));
            }
            contest(turn, one, many, takers).await
        })?;
        server.stop()?;
        Ok(took)
    }
}

/// A connection with one prepared statement.
struct Connection(BufStream<UnixStream>);

impl Connection {
    async fn new(socket: &Path) -> Outcome<Self> {
        let mut connection = Self(BufStream::new(UnixStream::connect(socket).await?));
        let mut hello = 0x0003_0000_u32.to_be_bytes().to_vec();
        hello.extend_from_slice(b"user\0bench\0database\0postgres\0\0");
        connection.0.write_all(&u32::try_from(hello.len() + 4)?.to_be_bytes()).await?;
        connection.0.write_all(&hello).await?;
        connection.0.flush().await?;
        connection.until_ready().await?;
        Ok(connection)
    }

    /// It listens before it lets anybody in.
    async fn ready(socket: &Path) -> Outcome<Self> {
        let began = std::time::Instant::now();
        loop {
            match Self::new(socket).await {
                Ok(connection) => return Ok(connection),
                Err(error) if began.elapsed() > super::LIMIT => return Err(error),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    }

    async fn prepare(&mut self, statement: &str) -> Outcome {
        let mut bytes = Vec::new();
        message(&mut bytes, b'P', &[b"s\0", statement.as_bytes(), b"\0", &0_u16.to_be_bytes()])?;
        message(&mut bytes, b'S', &[])?;
        self.0.write_all(&bytes).await?;
        self.0.flush().await?;
        self.until_ready().await.map(drop)
    }

    /// Executes the statement; tells how many rows were changed.
    async fn execute(&mut self, parameter: Option<&[u8]>) -> Outcome<usize> {
        let mut bytes = Vec::new();
        let one = 1_u16.to_be_bytes();
        match parameter {
            // All parameters and all results in binary form.
            Some(value) => {
                message(&mut bytes, b'B', &[b"\0s\0", &one, &one, &one, &u32::try_from(value.len())?.to_be_bytes(), value, &one, &one])?;
            }
            None => message(&mut bytes, b'B', &[b"\0s\0", &one, &one, &[0, 0], &one, &one])?,
        }
        message(&mut bytes, b'E', &[b"\0", &0_u32.to_be_bytes()])?;
        message(&mut bytes, b'S', &[])?;
        self.0.write_all(&bytes).await?;
        self.0.flush().await?;
        self.until_ready().await
    }

    /// Reads answers up to the one that says that all is done.
    async fn until_ready(&mut self) -> Outcome<usize> {
        let (mut rows, mut refused) = (0, None);
        loop {
            let kind = self.0.read_u8().await?;
            let length = usize::try_from(self.0.read_u32().await?)?.checked_sub(4).ok_or("an answer without length")?;
            let mut content = vec![0; length];
            self.0.read_exact(&mut content).await?;
            match kind {
                b'Z' => return refused.map_or(Ok(rows), |refused: String| Err(refused.into())),
                b'E' => {
                    let text = String::from_utf8_lossy(&content).replace('\0', " ");
                    if text.contains("FATAL") {
                        return Err(text.into());
                    }
                    refused = Some(text);
                }
                // `INSERT 0 1`, `DELETE 1`.
                b'C' => {
                    let tag = content.strip_suffix(b"\0").unwrap_or(&content);
                    let count = tag.rsplit(|byte| *byte == b' ').next().and_then(|word| std::str::from_utf8(word).ok());
                    rows = count.and_then(|count| count.parse().ok()).unwrap_or(0);
                }
                _ => {}
            }
        }
    }
}

fn message(bytes: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) -> Outcome {
    bytes.push(kind);
    let length: usize = parts.iter().map(|part| part.len()).sum();
    bytes.extend_from_slice(&u32::try_from(length + 4)?.to_be_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Ok(())
}

struct Recorder {
    connection: Connection,
    message: Vec<u8>,
}

impl Worker for Recorder {
    async fn step(&mut self) -> Outcome<usize> {
        match self.connection.execute(Some(&self.message)).await? {
            1 => Ok(1),
            _ => Err("nothing was inserted".into()),
        }
    }
}

struct Taker(Connection);

impl Worker for Taker {
    async fn step(&mut self) -> Outcome<usize> {
        self.0.execute(None).await
    }
}
