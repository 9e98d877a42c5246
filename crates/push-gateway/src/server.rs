//! The listener's loop: connections, their limits, and their end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::stream::ImpatientStream;
use crate::{Surface, respond};

/// The longest head of a request: that of Go's server, about.
const HEAD_LEN: usize = 1024 * 1024; // 1 MiB

/// How long to wait when the machine has no file descriptor or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client that was turned away gets to take its answer.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// How long requests may still run once the server is to end.
const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// How long a connection may be idle.
const IDLE_TIME: Duration = Duration::from_secs(300);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 21\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    \r\n\
    too many connections\n";

/// Serves on `listener` until `shutdown` is ready, then lets running requests finish, for some seconds at most.
///
/// # Errors
/// When the listener itself no longer works. Connections that fail and a machine out of descriptors are none: these
/// are waited out.
///
/// # Panics
/// Outside of a tokio runtime with network and timer.
pub async fn serve(
    listener: TcpListener,
    surface: Arc<Surface>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(surface.options.connections));
    let refusals = Arc::new(Semaphore::new(surface.options.connections));
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
                    tracing::warn!("accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            // A small answer must not wait for the acknowledgement of the one before. Where it cannot be set, it waits.
            let _ = stream.set_nodelay(true);
            let connection = greet(stream, surface.clone(), stopping.clone());
            connections.spawn(async move {
                connection.await;
                drop(slot);
            });
        } else if let Ok(slot) = refusals.clone().try_acquire_owned() {
            // Where even the refusals are too many, the connection is closed without a word.
            connections.spawn(async move {
                let _ = timeout(REFUSAL_TIME, refuse(stream)).await;
                drop(slot);
            });
        }
    }
    drop(listener);
    drop(stop);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(SHUTDOWN_TIME, all_ended).await.is_err() {
        tracing::warn!("{} connections were cut at shutdown", connections.len());
        connections.shutdown().await;
    }
    Ok(())
}

/// Speaks TLS with the client first, where that is to be.
async fn greet(stream: TcpStream, surface: Arc<Surface>, stopping: watch::Receiver<()>) {
    let of_file = surface.options.web.as_ref().and_then(|web| web.get().tls.clone());
    let Some(tls) = of_file.or_else(|| surface.options.tls.clone()) else {
        return serve_connection(stream, surface, stopping).await;
    };
    match timeout(surface.options.request_time, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => serve_connection(stream, surface, stopping).await,
        Ok(Err(error)) => tracing::debug!("TLS handshake: {error}"),
        Err(_) => tracing::debug!("TLS handshake: it took too long"),
    }
}

/// Answers the requests of one connection until it ends, breaks a limit, or `stopping` and no request runs.
async fn serve_connection<S: AsyncRead + AsyncWrite + Send + Unpin>(
    stream: S,
    surface: Arc<Surface>,
    mut stopping: watch::Receiver<()>,
) {
    let _open = surface.open_connection();
    let patience = surface.options.request_time;
    let service = service_fn(|request| {
        let surface = &surface;
        async move { Ok::<_, Infallible>(respond(surface, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIME)
        .max_buf_size(HEAD_LEN)
        // A client that has said all may close its side and wait for the answer.
        .half_close(true)
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

/// Says that there are too many connections, then reads what the client has to say: closing with unread bytes would
/// reset the connection, and the client might never see the answer.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(REFUSAL).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
