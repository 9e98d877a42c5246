//! A way to a server on which requests and answers get lost, as they are told to.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A way to a server on which pipelines get lost.
pub(crate) struct Lossy {
    pub(crate) port: u16,
    losses: Arc<Mutex<VecDeque<Loss>>>,
}

/// What happens to one pipeline of changes.
pub(crate) struct Loss {
    /// So many of its commands reach the server, and are carried out.
    pub(crate) after: usize,
    /// What the others are answered with, but for the last (`ROLE`); else no answer comes back at all.
    pub(crate) says: Option<&'static str>,
    /// What happens then, before whoever sent it knows.
    pub(crate) then: Box<dyn FnOnce() + Send>,
}

impl Lossy {
    /// To this port of this machine.
    pub(crate) fn to(port: u16) -> Lossy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let losses = Arc::<Mutex<VecDeque<Loss>>>::default();
        let (own, all) = (listener.local_addr().unwrap().port(), losses.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, losses) = (client.unwrap(), all.clone());
                // It ends with either of the two.
                thread::spawn(move || drop(carry(client, port, &losses)));
            }
        });
        Lossy { port: own, losses }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// The next pipelines of changes are lost so.
    pub(crate) fn lose(&self, losses: impl IntoIterator<Item = Loss>) {
        *self.losses.lock().unwrap() = losses.into_iter().collect();
    }

    /// How many losses are to come yet.
    pub(crate) fn left(&self) -> usize {
        self.losses.lock().unwrap().len()
    }
}

fn carry(mut client: TcpStream, port: u16, losses: &Mutex<VecDeque<Loss>>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    loop {
        let Some(commands) = pipeline(&mut client)? else { return Ok(()) };
        let of_changes = commands[0].starts_with(b"*")
            && text(&commands[0]).contains("\r\nEVAL")
            && text(&commands[0]).contains("\r\n$1\r\n9\r\n");
        let loss = if of_changes { losses.lock().unwrap().pop_front() } else { None };
        let sent = loss.as_ref().map_or(commands.len(), |loss| loss.after.min(commands.len()));
        server.write_all(&commands[..sent].concat())?;
        let replies = replies(&mut server, sent)?;
        match loss {
            Some(loss) => {
                (loss.then)();
                let Some(says) = loss.says else { return Ok(()) };
                server.write_all(&commands[commands.len() - 1])?;
                let errors = format!("-{says}\r\n").repeat(commands.len() - 1 - sent);
                let role = self::replies(&mut server, 1)?;
                client.write_all(&[replies, errors.into(), role].concat())?;
            }
            None => client.write_all(&replies)?,
        }
    }
}

/// All commands of the next pipeline: our stores end each with `ROLE`, or ask for `INFO server`.
fn pipeline(client: &mut TcpStream) -> std::io::Result<Option<Vec<Vec<u8>>>> {
    let (mut bytes, mut commands) = (Vec::new(), Vec::<Vec<u8>>::new());
    loop {
        let mut at = 0;
        while let Some(end) = length(&bytes[at..]) {
            commands.push(bytes[at..at + end].to_vec());
            at += end;
        }
        bytes.drain(..at);
        let is_last =
            |command: &Vec<u8>| command.ends_with(b"\r\nROLE\r\n") || command.ends_with(b"\r\nserver\r\n");
        if bytes.is_empty() && commands.last().is_some_and(is_last) {
            return Ok(Some(commands));
        }
        if !more(client, &mut bytes)? {
            return Ok(None);
        }
    }
}

/// So many answers.
fn replies(server: &mut TcpStream, mut count: usize) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut at) = (Vec::new(), 0);
    while count > 0 {
        match length(&bytes[at..]) {
            Some(end) => (at, count) = (at + end, count - 1),
            None if !more(server, &mut bytes)? => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            None => {}
        }
    }
    Ok(bytes)
}

fn more(from: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut window = [0; 65_536];
    let count = from.read(&mut window)?;
    bytes.extend_from_slice(&window[..count]);
    Ok(count > 0)
}

/// How long the value is with which the bytes begin, if it is there as a whole.
fn length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let number = || text(&bytes[1..line - 2]).parse::<i64>().unwrap();
    match bytes[0] {
        b'$' if number() >= 0 => {
            let whole = line + number() as usize + 2;
            (bytes.len() >= whole).then_some(whole)
        }
        b'*' => (0..number()).try_fold(line, |at, _| Some(at + length(bytes.get(at..)?)?)),
        _ => Some(line),
    }
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
