//! What one socket still has to send: bounded, so that a slow reader costs a known amount.
//!
//! The hub pushes and never waits; the socket takes everything at once and writes it with
//! one flush. An outbox that overflows forgets its frames and asks for a close instead.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use futures_util::task::AtomicWaker;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboxLimits {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

/// The sending end; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    limits: OutboxLimits,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Message>,
    bytes: usize,
    close: Option<CloseFrame>,
}

/// Everything there is to write now: frames, then perhaps a close.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) frames: VecDeque<Message>,
    pub(crate) close: Option<CloseFrame>,
}

impl Outbox {
    pub(crate) fn new(limits: OutboxLimits) -> Self {
        let (queue, waker) = (Mutex::default(), AtomicWaker::new());
        Self(Arc::new(Shared {
            queue,
            waker,
            limits,
        }))
    }

    /// Adds a frame. After a close nothing is taken any more.
    pub(crate) fn push(&self, frame: Message) {
        let limits = self.0.limits;
        let mut queue = self.queue();
        if queue.close.is_some() {
            return;
        }
        let bytes = queue.bytes + frame.len();
        if queue.frames.len() >= limits.frames || bytes > limits.bytes {
            *queue = Queue {
                close: Some(frame_of(1013, "too slow")),
                ..Queue::default()
            };
        } else {
            queue.bytes = bytes;
            queue.frames.push_back(frame);
        }
        drop(queue);
        self.0.waker.wake();
    }

    /// Adds a frame if there is room for it and for as much again. True when it did, or when
    /// there is nobody any more who would read it.
    pub(crate) fn offer(&self, frame: Message) -> bool {
        let limits = self.0.limits;
        let queue = self.queue();
        let closed = queue.close.is_some();
        let fits =
            queue.frames.len() < limits.frames / 2 && queue.bytes + frame.len() <= limits.bytes / 2;
        drop(queue);
        if fits && !closed {
            self.push(frame);
        }
        fits || closed
    }

    /// Closes the socket after what is queued. The first close wins.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        self.queue()
            .close
            .get_or_insert_with(|| frame_of(code, reason));
        self.0.waker.wake();
    }

    /// Waits until there is something to write, and takes all of it.
    pub(crate) async fn take(&self) -> Batch {
        poll_fn(|context| {
            self.0.waker.register(context.waker());
            let mut queue = self.queue();
            if queue.frames.is_empty() && queue.close.is_none() {
                return Poll::Pending;
            }
            queue.bytes = 0;
            let frames = std::mem::take(&mut queue.frames);
            Poll::Ready(Batch {
                frames,
                close: queue.close.clone(),
            })
        })
        .await
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 6455 section 5.5: a reason has at most 123 bytes.
fn frame_of(code: u16, reason: &str) -> CloseFrame {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    CloseFrame {
        code: CloseCode::from(code),
        reason: reason[..end].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(OutboxLimits {
            frames: 3,
            bytes: 10,
        })
    }

    #[tokio::test]
    async fn frames_leave_in_order_and_all_at_once() {
        let outbox = outbox();
        for frame in ["a", "b", "c"] {
            outbox.push(Message::text(frame));
        }
        let batch = outbox.take().await;
        assert_eq!(batch.frames, ["a", "b", "c"].map(Message::text));
        assert!(batch.close.is_none());
    }

    #[tokio::test]
    async fn an_overflow_by_count_or_size_becomes_a_close() {
        for frames in [vec!["a", "b", "c", "d"], vec!["12345678901"]] {
            let outbox = outbox();
            for frame in frames {
                outbox.push(Message::text(frame));
            }
            let batch = outbox.take().await;
            assert!(batch.frames.is_empty());
            assert_eq!(batch.close.map(|close| close.code.into()), Some(1013_u16));
        }
    }

    #[tokio::test]
    async fn a_close_comes_after_what_was_queued_and_wins_over_later_ones() {
        let outbox = outbox();
        outbox.push(Message::text("bye"));
        outbox.close(1000, "left");
        outbox.close(1012, "restart");
        outbox.push(Message::text("late"));
        let batch = outbox.take().await;
        assert_eq!(batch.frames, [Message::text("bye")]);
        assert_eq!(batch.close.map(|close| close.code.into()), Some(1000_u16));
    }

    #[tokio::test]
    async fn what_is_only_offered_leaves_room_and_closes_nothing() {
        let outbox = outbox();
        assert!(!outbox.offer(Message::text("123456")), "more than half");
        assert!(outbox.offer(Message::text("12345")));
        assert!(!outbox.offer(Message::text("6")), "by number and by size");
        let batch = outbox.take().await;
        assert_eq!(batch.frames, [Message::text("12345")]);
        assert!(batch.close.is_none());
        outbox.close(1000, "left");
        assert!(outbox.offer(Message::text("late")), "nobody waits for it");
    }

    #[test]
    fn reasons_are_cut_at_a_character() {
        assert_eq!(frame_of(1008, &"é".repeat(80)).reason.len(), 122);
    }
}
