//! The listener's loop: connections, their limits, and their end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use collector::Collector;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::stream::ImpatientStream;
use crate::{Exporter, Options, respond};

/// The longest head of a request. Prometheus sends a few hundred bytes; many `name[]` need room.
const HEAD_LEN: usize = 64 * 1024; // 64 KiB

/// How long to wait when the machine has no file descriptor or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client that was turned away gets to take its answer.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 21\r\n\
    connection: close\r\n\
    \r\n\
    too many connections\n";

/// Serves what `collector` collects on `listener` until `shutdown` is ready; then lets running requests
/// finish, for [`Options::shutdown_time`] at most.
///
/// The caller binds: it knows about addresses, sockets passed down, and privileges. Dropping the future
/// closes everything at once. A source that hangs in a system call outlives the server, on a blocking thread
/// of the runtime; a program that wants to end all the same uses `Runtime::shutdown_timeout`.
///
/// # Errors
/// When the listener itself no longer works. Connections that fail and a machine out of descriptors are none:
/// these are waited out.
///
/// # Panics
/// Outside of a tokio runtime with network and timer.
pub async fn serve(
    listener: TcpListener,
    collector: Arc<Collector>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_exporter(listener, Arc::new(Exporter::new(collector, options)), shutdown).await
}

/// [`serve`] for an exporter that has several listeners.
///
/// # Errors
/// As [`serve`].
///
/// # Panics
/// As [`serve`].
pub async fn serve_exporter(
    listener: TcpListener,
    exporter: Arc<Exporter>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(exporter.options.connections));
    let refusals = Arc::new(Semaphore::new(exporter.options.connections));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => stream,
                // EINVAL: the socket does not listen any more.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
                Err(error) => {
                    // A connection that ended before it was taken, or no descriptors left.
                    tracing::warn!("accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            let connection = serve_connection(stream, exporter.clone(), stopping.clone());
            connections.spawn(async move {
                connection.await;
                drop(slot);
            });
        } else {
            exporter.own.refuse_connection();
            // Where even the refusals are too many, the connection is closed without a word.
            if let Ok(slot) = refusals.clone().try_acquire_owned() {
                connections.spawn(async move {
                    let _ = timeout(REFUSAL_TIME, refuse(stream)).await;
                    drop(slot);
                });
            }
        }
    }
    drop(listener);
    drop(stop);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(exporter.options.shutdown_time, all_ended).await.is_err() {
        tracing::warn!("{} connections were cut at shutdown", connections.len());
        connections.shutdown().await;
    }
    Ok(())
}

/// Answers the requests of one connection until it ends, breaks a limit, or `stopping` and no request runs.
async fn serve_connection(stream: TcpStream, exporter: Arc<Exporter>, mut stopping: watch::Receiver<()>) {
    // A small answer must not wait for the acknowledgement of the one before. Where it cannot be set, it
    // waits.
    let _ = stream.set_nodelay(true);
    let _open = exporter.own.open_connection();
    let patience = exporter.options.client_time;
    let service = service_fn(|request| {
        let exporter = &exporter;
        async move { Ok::<_, Infallible>(respond(exporter, &request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD_LEN)
        .serve_connection(TokioIo::new(ImpatientStream::new(stream, patience)), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // The sender is dropped, never used.
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("connection: {error}");
    }
}

/// Says that there are too many connections, then reads what the client has to say: closing with unread bytes
/// would reset the connection, and the client might never see the answer.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(REFUSAL).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
