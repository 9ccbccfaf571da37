// What Chromium's own tools record of a page: its console with every object's preview, and a trace.

/** What a performance recording of DevTools holds, and the network's part. */
const CATEGORIES = [
  "blink.console",
  "blink.user_timing",
  "devtools.timeline",
  "disabled-by-default-devtools.timeline",
  "loading",
  "navigation",
  "netlog",
];

/** Begins a trace; the function that is answered ends it and gives all of it. */
export async function trace(session) {
  await session.send("Tracing.start", {
    transferMode: "ReturnAsStream",
    traceConfig: { recordMode: "recordAsMuchAsPossible", includedCategories: CATEGORIES, excludedCategories: ["*"] },
  });
  return async () => {
    const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
    await session.send("Tracing.end");
    const { stream: handle, dataLossOccurred } = await complete;
    if (dataLossOccurred) throw new Error("the trace is not whole");
    const pieces = [];
    for (let eof = false; !eof; ) {
      const read = await session.send("IO.read", { handle, size: 4 * 2 ** 20 });
      pieces.push(Buffer.from(read.data, read.base64Encoded ? "base64" : "utf8"));
      eof = read.eof;
    }
    return Buffer.concat(pieces);
  };
}

/** Notes each console line of a page and of its workers, with what a console shows of the objects in it. */
export async function consoleOf(session) {
  const lines = [];
  const hear = (method, params) => {
    if (method === "Runtime.consoleAPICalled" || method === "Runtime.exceptionThrown") lines.push(JSON.stringify(params));
  };
  for (const event of ["Runtime.consoleAPICalled", "Runtime.exceptionThrown"]) session.on(event, (params) => hear(event, params));
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { method, params } = JSON.parse(message);
    hear(method, params);
  });
  session.on("Target.attachedToTarget", async ({ sessionId }) => {
    for (const [id, method] of ["Runtime.enable", "Runtime.runIfWaitingForDebugger"].entries()) {
      await session.send("Target.sendMessageToTarget", { sessionId, message: JSON.stringify({ id, method }) });
    }
  });
  await session.send("Runtime.enable");
  await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: false });
  return lines;
}
