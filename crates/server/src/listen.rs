//! The listening socket and its connections: HTTP/1.1 with bounds on everything that a slow or greedy client could stretch.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::access::Peer;

/// Room for headers.
const HEADER_BYTES: usize = 64 * 1024;
/// Most headers of a request.
const MAX_HEADERS: usize = 100;
/// Open connections; more wait in the kernel's queue.
const CONNECTIONS: usize = 20_000;
/// After an error of accept (too many open files), wait this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves connections until told to stop, then lets those under way finish their answer.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    connections: Arc<Connections>,
    idle: Duration,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let slot = Arc::clone(&connections.slots).acquire_owned().await.map_err(io::Error::other)?;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => return Ok(()),
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                tokio::spawn(async move {
                    let _slot = slot;
                    connection(stream, peer, router, stopping, idle).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits until the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server is gone already.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// Connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    slots: Arc<Semaphore>,
}

impl Default for Connections {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl Connections {
    /// Waits until all are closed.
    pub(crate) async fn closed(&self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        drop(self.slots.acquire_many(all).await);
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    idle: Duration,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = TowerToHyperService::new(router);
    let serve = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let service = service.clone();
        async move {
            use hyper::service::Service as _;
            Ok::<_, Infallible>(service.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEADER_BYTES).max_headers(MAX_HEADERS);
    let connection = builder.serve_connection(TokioIo::new(stream), serve);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended");
    }
}
