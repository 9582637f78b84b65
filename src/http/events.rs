//! The pipe between what serves a stream and the connection that sends it: one chunk at a time, so that a client which
//! does not read holds no more than that.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::body::Bytes;

#[derive(Debug, Default)]
struct Pipe {
    chunk: Option<Bytes>,
    /// Nobody writes any more.
    is_done: bool,
    /// Nobody reads any more.
    is_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The connection's end.
#[derive(Debug)]
pub(super) struct Events(Rc<RefCell<Pipe>>);

/// The stream's end.
#[derive(Debug)]
pub(super) struct Pump(Rc<RefCell<Pipe>>);

/// The client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

pub(super) fn pipe() -> (Pump, Events) {
    let pipe = Rc::new(RefCell::default());
    (Pump(pipe.clone()), Events(pipe))
}

impl Events {
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut pipe = self.0.borrow_mut();
        if let Some(chunk) = pipe.chunk.take() {
            wake(&mut pipe.writer);
            return Poll::Ready(Some(chunk));
        }
        if pipe.is_done {
            return Poll::Ready(None);
        }
        pipe.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut pipe = self.0.borrow_mut();
        pipe.is_gone = true;
        wake(&mut pipe.writer);
    }
}

impl Pump {
    /// Hands a chunk over once the one before it was taken.
    ///
    /// # Errors
    ///
    /// The client has left.
    pub(super) async fn send(&self, chunk: Bytes) -> Result<(), Gone> {
        self.taken().await?;
        let mut pipe = self.0.borrow_mut();
        pipe.chunk = Some(chunk);
        wake(&mut pipe.reader);
        Ok(())
    }

    /// Until the chunk sent last was taken.
    pub(super) async fn taken(&self) -> Result<(), Gone> {
        poll_fn(|context| {
            let mut pipe = self.0.borrow_mut();
            if pipe.is_gone {
                return Poll::Ready(Err(Gone));
            }
            if pipe.chunk.is_none() {
                return Poll::Ready(Ok(()));
            }
            pipe.writer = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Until the client leaves.
    pub(super) async fn gone(&self) {
        poll_fn(|context| {
            let mut pipe = self.0.borrow_mut();
            if pipe.is_gone {
                return Poll::Ready(());
            }
            pipe.writer = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        let mut pipe = self.0.borrow_mut();
        pipe.is_done = true;
        wake(&mut pipe.reader);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;

    fn next(events: &mut Events) -> Option<Option<Bytes>> {
        block_on(poll_once(poll_fn(|context| events.poll_next(context))))
    }

    #[test]
    fn one_chunk_waits_and_no_more() {
        let (pump, mut events) = pipe();
        assert_eq!(next(&mut events), None);
        assert_eq!(block_on(pump.send(Bytes::from_static(b"1"))), Ok(()));
        assert_eq!(block_on(poll_once(pump.send(Bytes::from_static(b"2")))), None);
        assert_eq!(next(&mut events), Some(Some(Bytes::from_static(b"1"))));
        assert_eq!(block_on(pump.send(Bytes::from_static(b"2"))), Ok(()));
        drop(pump);
        assert_eq!(next(&mut events), Some(Some(Bytes::from_static(b"2"))));
        assert_eq!(next(&mut events), Some(None));
    }

    #[test]
    fn a_client_that_leaves_is_noticed() {
        let (pump, events) = pipe();
        assert_eq!(block_on(poll_once(pump.gone())), None);
        drop(events);
        assert_eq!(block_on(poll_once(pump.gone())), Some(()));
        assert_eq!(block_on(pump.send(Bytes::new())), Err(Gone));
    }
}
