//! What every gRPC answer is read by, whichever protocol carries it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;

use super::{Code, Event, MessageStream, Metadata, Reply, Status};

/// An answer whose head has come, read message by message up to the server's verdict.
pub(super) trait Answers: Send + Unpin + 'static {
    /// What has come so far: headers, then trailers.
    fn metadata(&self) -> &Metadata;

    /// All of it, at the end.
    fn into_metadata(self) -> Metadata;

    /// The next message; `None` after the server's OK.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>>;
}

/// Reads the one answer to a unary call.
pub(super) async fn single(mut answers: impl Answers) -> Result<Reply, Status> {
    let message = poll_fn(|cx| answers.poll_message(cx)).await?;
    let message =
        message.ok_or_else(|| Status::new(Code::Internal, "the server said OK without an answer"))?;
    if poll_fn(|cx| answers.poll_message(cx)).await?.is_some() {
        return Err(Status::new(Code::Internal, "the server sent more than one answer to a unary call"));
    }
    Ok(Reply::new(message, answers.into_metadata()))
}

/// The stream of an answer, whose first state is its opening.
pub(super) fn stream<A: Answers>(
    opening: impl Future<Output = Result<A, Status>> + Send + 'static,
) -> MessageStream {
    MessageStream::new(AnswerStream::Opening(Box::pin(opening)))
}

enum AnswerStream<A> {
    Opening(BoxFuture<'static, Result<A, Status>>),
    Open(A),
}

impl<A: Answers> Stream for AnswerStream<A> {
    type Item = Result<Event, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::Opening(opening) => {
                let answers = ready!(opening.as_mut().poll(cx))?;
                let headers = answers.metadata().clone();
                *self = Self::Open(answers);
                Poll::Ready(Some(Ok(Event::Opened(headers))))
            }
            Self::Open(answers) => {
                answers.poll_message(cx).map(|item| item.map(|m| m.map(Event::Message)).transpose())
            }
        }
    }
}
