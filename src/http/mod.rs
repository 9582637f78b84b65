//! The HTTP core: one executor that answers whatever sources, clients and disk do.
//!
//! It touches no SQLite and waits for nobody: what it tells is read from gauges. For now each connection serves one
//! request and is closed, all within one deadline.

mod gatekeeper;
mod health;
mod io;
#[allow(dead_code, unused_imports, reason = "the routes that serve the pages stand elsewhere")]
mod page;

use std::cell::Cell;
use std::convert::Infallible;
use std::io as std_io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_lite::FutureExt;
use glommio::net::TcpStream;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use socket2::{Domain, Protocol, Socket, Type};

pub use gatekeeper::Policy;
pub use health::{Report, Sources, Status};

use gatekeeper::Refusal;

use crate::descriptor;
use crate::executor::sleep;
use crate::limits::{ACCEPT_RETRY_MS, CONNECTION_TIMEOUT, CONNECTIONS_MAX, LISTEN_BACKLOG, REQUEST_HEAD_BYTES_MAX};

/// Binds the listener, without SO_REUSEPORT: two daemons would share a port without a word.
///
/// # Errors
///
/// As the kernel says, `AddrInUse` among them.
pub(crate) fn bind(address: SocketAddr) -> std_io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the old one's connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket)
}

/// Serves until `stop` resolves.
pub(crate) async fn serve(socket: Socket, sources: Arc<Sources>, stop: oneshot::Receiver<()>) {
    let closing = socket.try_clone();
    let listener = descriptor::listener(socket);
    let open = Rc::new(Cell::new(0));
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok(stream) if open.get() >= CONNECTIONS_MAX => drop(stream),
                Ok(stream) => {
                    let counted = Counted::new(&open);
                    let sources = sources.clone();
                    let task = async move {
                        // A panic that left the task would end the executor, and with it every answer to come.
                        if AssertUnwindSafe(connection(stream, sources)).catch_unwind().await.is_err() {
                            log::error!("an HTTP connection's task panicked; the others go on");
                        }
                        drop(counted);
                    };
                    glommio::spawn_local(task).detach();
                }
                // Out of descriptors, mostly: it passes, and until then accepting in a loop would take the whole core.
                Err(_) => sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await,
            }
        }
    };
    let stopping = async {
        let _ = stop.await;
    };
    accepting.or(stopping).await;
    // The accept that waits in the ring would hold the port until the kernel tidies up, even after the process has ended.
    if let Ok(socket) = closing {
        let _ = socket.shutdown(Shutdown::Read);
    }
}

/// One more connection, for as long as it lives.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(open: &Rc<Cell<usize>>) -> Counted {
        open.set(open.get() + 1);
        Counted(open.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn connection(stream: TcpStream, sources: Arc<Sources>) {
    // It fails on a dead socket alone.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let service = service_fn(move |request| {
        let response = answer(&request, peer, &sources);
        async { Ok::<_, Infallible>(response) }
    });
    let serving = async {
        // A client's mistake or its going away is its own business.
        let _ = http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(REQUEST_HEAD_BYTES_MAX)
            .serve_connection(io::Stream(stream), service)
            .await;
    };
    // In total, and not per read: a client that sends a byte a second is gone by then as well.
    let too_late = async {
        sleep(CONNECTION_TIMEOUT).await;
    };
    serving.or(too_late).await;
}

fn answer(request: &Request<Incoming>, peer: IpAddr, sources: &Sources) -> Response<Full<Bytes>> {
    if let Err(refusal) = sources.policy.admit(request, peer) {
        return refused(refusal);
    }
    let report = || Report::of(sources);
    let up_to = |worst: Status| if report().status <= worst { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match request.uri().path() {
        "/" => text(StatusCode::OK, report().to_text()),
        "/health" => {
            let report = report();
            let status =
                if report.status == Status::Failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            with_type(status, "application/json", report.to_json())
        }
        // That this is answered at all is the answer.
        "/health/live" => text(StatusCode::OK, "ok\n"),
        "/health/ready" => text(up_to(Status::Degraded), "ok\n"),
        _ => with_type(StatusCode::NOT_FOUND, "application/problem+json", r#"{"title":"no such page","status":404}"#),
    }
}

/// A problem of RFC 9457, telling nothing of the inside.
fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let (status, title) = refusal.status_and_title();
    let body = format!(r#"{{"title":"{title}","status":{}}}"#, status.as_u16());
    let mut response = with_type(status, "application/problem+json", body);
    match refusal {
        Refusal::Method => response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD")),
        Refusal::Token => {
            let ways = HeaderValue::from_static(r#"Bearer, Basic realm="rssd""#);
            response.headers_mut().insert(WWW_AUTHENTICATE, ways)
        }
        _ => None,
    };
    response
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", body)
}

fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header(CACHE_CONTROL, "no-store")
        .body(Full::new(body.into()))
        .expect("every part of it is a constant that is valid")
}
