//! Redis: a stream with one group of consumers, `appendfsync always`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::UnixStream,
};

use super::{Peer, Running, Took, Turn, contest, program, version};
use crate::{
    Outcome,
    queue::{CLIENTS, crowd::Worker},
};

pub(super) struct Redis {
    program: PathBuf,
}

impl Redis {
    pub(super) fn find() -> Outcome<Self> {
        Ok(Self { program: program("redis-server", &[])? })
    }
}

impl Peer for Redis {
    fn name(&self) -> String {
        format!("Redis {}", version(&self.program))
    }

    fn turn(&self, turn: &Turn<'_>) -> Outcome<Took> {
        let socket = turn.folder.join("redis.sock");
        let mut command = Command::new(&self.program);
        command.args(["--port", "0", "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no"]);
        command.args(["--auto-aof-rewrite-percentage", "0"]).arg("--dir").arg(turn.folder).arg("--unixsocket").arg(&socket);
        let server = Running::start(&mut command, &socket)?;
        let took = turn.bench.runtime.block_on(async {
            let mut first = Connection::new(&socket).await?;
            first.ask(&[b"XGROUP", b"CREATE", b"queue", b"group", b"0", b"MKSTREAM"]).await?;
            let recorder =
                async || Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Recorder::new(Connection::new(&socket).await?, turn.size));
            let one = recorder().await?;
            let (mut many, mut takers) = (Vec::new(), Vec::new());
            for _ in 0..CLIENTS {
                many.push(recorder().await?);
                takers.push(Taker(Connection::new(&socket).await?));
            }
            contest(turn, one, many, takers).await
        })?;
        server.stop()?;
        Ok(took)
    }
}

struct Connection(BufStream<UnixStream>);

/// What Redis answers.
enum Answer {
    /// A line, a number or a string.
    Text(Vec<u8>),
    /// A list, with all that is in it one after the other.
    List(Vec<Vec<u8>>),
    Nothing,
}

impl Connection {
    async fn new(socket: &Path) -> Outcome<Self> {
        Ok(Self(BufStream::new(UnixStream::connect(socket).await?)))
    }

    fn command(words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    async fn ask(&mut self, words: &[&[u8]]) -> Outcome<Answer> {
        self.send(&Self::command(words)).await?;
        self.answer().await
    }

    async fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.0.write_all(bytes).await?;
        Ok(self.0.flush().await?)
    }

    async fn answer(&mut self) -> Outcome<Answer> {
        let mut list = Vec::new();
        // Lists in lists are read as one.
        let (mut left, mut is_list) = (1_usize, false);
        while left > 0 {
            left -= 1;
            let mut line = Vec::new();
            self.0.read_until(b'\n', &mut line).await?;
            let Some((kind, rest)) = line.strip_suffix(b"\r\n").and_then(<[u8]>::split_first) else {
                return Err("Redis has closed the connection".into());
            };
            let length = || std::str::from_utf8(rest).ok().and_then(|text| text.parse::<i64>().ok());
            match kind {
                b'+' | b':' => list.push(rest.to_vec()),
                b'-' => return Err(format!("Redis refuses: {}", String::from_utf8_lossy(rest)).into()),
                b'$' | b'*' if length() == Some(-1) => {}
                b'$' => {
                    let mut text = vec![0; usize::try_from(length().ok_or("no length")?)? + 2];
                    self.0.read_exact(&mut text).await?;
                    text.truncate(text.len() - 2);
                    list.push(text);
                }
                b'*' => {
                    is_list = true;
                    left += usize::try_from(length().ok_or("no length")?)?;
                }
                _ => return Err("Redis answers something else".into()),
            }
        }
        Ok(match (is_list, list.pop()) {
            (_, None) => Answer::Nothing,
            (false, Some(text)) => Answer::Text(text),
            (true, Some(last)) => {
                list.push(last);
                Answer::List(list)
            }
        })
    }
}

struct Recorder {
    connection: Connection,
    command: Vec<u8>,
}

impl Recorder {
    fn new(connection: Connection, size: usize) -> Self {
        Self { connection, command: Connection::command(&[b"XADD", b"queue", b"*", b"m", &vec![b'x'; size]]) }
    }
}

impl Worker for Recorder {
    async fn step(&mut self) -> Outcome<usize> {
        self.connection.send(&self.command).await?;
        match self.connection.answer().await? {
            Answer::Text(_) => Ok(1),
            _ => Err("XADD answers something else".into()),
        }
    }
}

/// Takes one message, and then acknowledges it and takes it away in one step.
struct Taker(Connection);

impl Worker for Taker {
    async fn step(&mut self) -> Outcome<usize> {
        let taken = self.0.ask(&[b"XREADGROUP", b"GROUP", b"group", b"one", b"COUNT", b"1", b"STREAMS", b"queue", b">"]).await?;
        let Answer::List(taken) = taken else { return Ok(0) };
        let id = taken.get(1).ok_or("a message without an id")?;
        let mut both = Connection::command(&[b"XACK", b"queue", b"group", id]);
        both.extend(Connection::command(&[b"XDEL", b"queue", id]));
        self.0.send(&both).await?;
        for _ in 0..2 {
            match self.0.answer().await? {
                Answer::Text(one) if one == b"1" => {}
                _ => return Err("a message was not there any more".into()),
            }
        }
        Ok(1)
    }
}
