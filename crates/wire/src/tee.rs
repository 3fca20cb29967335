use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use contract::Content;
use hyper::body::{Body, Bytes, Frame, SizeHint};

/// How much of a body is kept. Only media are longer.
const KEPT: usize = 8 << 20;

/// A copy of a body that passes through.
pub(crate) type Copy = Arc<Mutex<Content>>;

/// A body that is copied as it passes through. `guest` is dropped with it.
pub(crate) struct Tee<B, G> {
    body: B,
    copy: Copy,
    _guest: G,
}

impl<B: Body<Data = Bytes>, G> Tee<B, G> {
    pub fn new(body: B, copy: Copy, guest: G) -> Self {
        copy.lock().unwrap().whole = body.is_end_stream();
        Self {
            body,
            copy,
            _guest: guest,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin, G: Unpin> Body for Tee<B, G> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let mut copy = self.copy.lock().unwrap();
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let room = KEPT.saturating_sub(copy.bytes.len());
                    copy.bytes.extend_from_slice(&data[..room.min(data.len())]);
                    copy.length += data.len() as u64;
                }
                copy.whole = self.body.is_end_stream();
            }
            Some(Err(_)) => {}
            None => copy.whole = true,
        }
        drop(copy);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
