//! A command in a box, its input and output on one call.

use futures_util::{StreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};

use super::{Api, Stream};
use crate::machine::{ExecEvent, ExecInput, ExecOutput, ExecRequest, WindowSize};
use crate::wire::ExecChunk;

/// A terminal that the client gives no size.
const TERMINAL: WindowSize = WindowSize { cols: 80, rows: 24 };

pub(super) async fn exec(api: &Api, mut chunks: Streaming<ExecChunk>) -> Result<Stream<ExecChunk>, Status> {
    let first = chunks.message().await?;
    let first = first.ok_or_else(|| {
        Status::invalid_argument("the call ended before its first chunk, which names the box and the command")
    })?;
    let machine = api.boxes.awake(&first.vm_id).await?;
    let tty = first.tty.then(|| size(&first).unwrap_or(TERMINAL));
    let exec = machine.exec(ExecRequest { command: first.command.clone(), tty }).await?;
    let (input, output) = exec.split();
    let input = AbortOnDropHandle::new(tokio::spawn(feed(input, first, chunks)));
    Ok(respond(output, input))
}

/// Carries the client's chunks to the command until the client has no more.
async fn feed(mut input: ExecInput, first: ExecChunk, mut chunks: Streaming<ExecChunk>) {
    let mut next = Some(first);
    while let Some(chunk) = next {
        let passed = if chunk.window_change {
            match size(&chunk) {
                Some(size) => input.resize(size),
                None => Ok(()),
            }
        } else if chunk.stdin {
            input.write(chunk.data).await
        } else {
            Ok(())
        };
        // The command has ended: its output says how. A call that broke is no end of file: it ends the command.
        if passed.is_err() {
            return;
        }
        let Ok(chunk) = chunks.message().await else { return std::future::pending().await };
        next = chunk;
    }
    // Half-closed. What cannot be closed has ended.
    input.close().await.ok();
}

/// The command's events as chunks. Dropped, it takes the input and the command with it.
fn respond(output: ExecOutput, input: AbortOnDropHandle<()>) -> Stream<ExecChunk> {
    stream::unfold((output, input), |(mut output, input)| async move {
        let chunk = match output.next().await? {
            Ok(ExecEvent::Stdout(data)) => Ok(ExecChunk { data, ..Default::default() }),
            Ok(ExecEvent::Stderr(data)) => Ok(ExecChunk { data, is_stderr: true, ..Default::default() }),
            Ok(ExecEvent::Exit(exit_code)) => Ok(ExecChunk { exit_code, ..Default::default() }),
            Err(error) => Err(error.into()),
        };
        Some((chunk, (output, input)))
    })
    .boxed()
}

fn size(chunk: &ExecChunk) -> Option<WindowSize> {
    let side = |side| u16::try_from(side).ok().filter(|side| *side > 0);
    Some(WindowSize { cols: side(chunk.cols)?, rows: side(chunk.rows)? })
}
