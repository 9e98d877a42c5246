//! A server for one test.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use collector::{Collector, Source};
use exporter_http::{Options, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server that runs until it is told to end or the test is over.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(source: impl Source + 'static, options: Options) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let collector = Arc::new(Collector::new(vec![Box::new(source)]));
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(serve(listener, collector, options, async { drop(ended.await) }));
        Server { address, end, task }
    }

    /// Asks the server to end; the handle is ready when it has.
    pub(crate) fn end(self) -> JoinHandle<io::Result<()>> {
        self.end.send(()).unwrap();
        self.task
    }
}
