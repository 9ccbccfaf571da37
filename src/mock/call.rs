//! A call under way: what comes in is recorded, what goes out is the script's.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;

use super::answer::Step;
use super::script::Script;
use super::{Outcome, RecordedCall, State, lock};
use crate::transport::{Call, Code, EncodedMessage, Event, Metadata, Status};

/// The events of one call. Nothing happens before the first poll.
pub(super) struct Events {
    state: Arc<Mutex<State>>,
    call: Call,
    /// The call's place among the recorded ones.
    number: Option<usize>,
    /// What the caller sends; `None` after its end.
    input: Option<BoxStream<'static, EncodedMessage>>,
    steps: Option<VecDeque<Step>>,
    opened: bool,
}

impl Events {
    pub(super) fn new(
        state: Arc<Mutex<State>>,
        call: Call,
        input: BoxStream<'static, EncodedMessage>,
    ) -> Self {
        Self { state, call, number: None, input: Some(input), steps: None, opened: false }
    }

    /// Changes the call's record, which the first use makes.
    fn record<R>(&mut self, change: impl FnOnce(&mut RecordedCall) -> R) -> Option<R> {
        let calls = &mut lock(&self.state).calls;
        let number = *self.number.get_or_insert_with(|| {
            calls.push(RecordedCall::new(&self.call));
            calls.len() - 1
        });
        calls.get_mut(number).map(change)
    }

    /// Takes what the caller has sent, so that a writer does not wait for long.
    fn poll_input(&mut self, cx: &mut Context<'_>) {
        while let Some(input) = &mut self.input {
            match input.poll_next_unpin(cx) {
                Poll::Ready(Some(message)) => {
                    self.record(|call| call.messages.push(message.payload()));
                }
                Poll::Ready(None) => {
                    self.input = None;
                    self.record(|call| call.input_ended = true);
                }
                Poll::Pending => return,
            }
        }
    }

    /// The answer to the call's first message, once that has come.
    fn answer(&mut self) -> Option<VecDeque<Step>> {
        let first = self.record(|call| call.messages.first().cloned()).flatten();
        if first.is_none() && self.input.is_some() {
            return None;
        }
        // Without the lock: what a script looks like is up to the test, which may look at the mock in it.
        let scripts = lock(&self.state).scripts.clone();
        if let Some(steps) = Script::answer(&scripts, self.call.path, &first.unwrap_or_default()) {
            return Some(steps.into());
        }
        let said = self.record(|call| {
            call.unanswered = true;
            call.to_string()
        });
        let why = format!("no answer is scripted for {}, or all are used up", said.unwrap_or_default());
        Some([Step::Fail(Status::new(Code::Unimplemented, why))].into())
    }

    fn next_event(&mut self) -> Poll<Option<Result<Event, Status>>> {
        if self.steps.is_none() {
            self.steps = self.answer();
        }
        let Some(steps) = &mut self.steps else { return Poll::Pending };
        if !self.opened && !matches!(steps.front(), Some(Step::Fail(_))) {
            self.opened = true;
            return Poll::Ready(Some(Ok(Event::Opened(Metadata::new()))));
        }
        while matches!(steps.front(), Some(Step::AfterInput)) && self.input.is_none() {
            steps.pop_front();
        }
        match steps.front() {
            Some(Step::AfterInput | Step::Hang) => Poll::Pending,
            Some(Step::Message(message)) => {
                let message = message.clone();
                steps.pop_front();
                Poll::Ready(Some(Ok(Event::Message(message))))
            }
            Some(Step::Fail(status)) => {
                let status = status.clone();
                self.record(|call| call.outcome = Outcome::Failed(status.code()));
                Poll::Ready(Some(Err(status)))
            }
            None => {
                self.record(|call| call.outcome = Outcome::Done);
                Poll::Ready(None)
            }
        }
    }
}

impl Stream for Events {
    type Item = Result<Event, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_input(cx);
        self.next_event()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if self.number.is_some() {
            self.record(|call| {
                if call.outcome == Outcome::Open {
                    call.outcome = Outcome::Dropped;
                }
            });
        }
    }
}
