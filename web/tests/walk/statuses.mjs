// Each status that a server can answer with is an error of its class.

import { equal, ok, rejects } from "./check.mjs";

const CLASSES = [
  ["CANCELLED", "BoxdError"],
  ["UNKNOWN", "InternalError"],
  ["INVALID_ARGUMENT", "InvalidArgumentError"],
  ["DEADLINE_EXCEEDED", "TimeoutError"],
  ["NOT_FOUND", "NotFoundError"],
  ["ALREADY_EXISTS", "InvalidArgumentError"],
  ["PERMISSION_DENIED", "AuthenticationError"],
  ["RESOURCE_EXHAUSTED", "QuotaExceededError"],
  ["FAILED_PRECONDITION", "BoxdError"],
  ["ABORTED", "BoxdError"],
  ["OUT_OF_RANGE", "BoxdError"],
  ["UNIMPLEMENTED", "BoxdError"],
  ["INTERNAL", "InternalError"],
  ["UNAVAILABLE", "ConnectionError"],
  ["DATA_LOSS", "BoxdError"],
  ["UNAUTHENTICATED", "AuthenticationError"],
];

/** `inject`: takes a fault for the server's next call, async. */
export async function statuses(boxd, options, inject) {
  const compute = new boxd.Compute({ ...options, retries: 0 });
  for (const [n, [code, name]] of CLASSES.entries()) {
    await inject({ rpc: "Whoami", action: { fail: { code: n + 1, message: `for ${code}: ünï "quoted"` } } });
    const error = await rejects(compute.whoami(), boxd.BoxdError, `a call that ends with ${code}`);
    ok(error instanceof boxd[name] && error instanceof Error, `${code} is no ${name}`);
    equal([error.name, error.code, error.grpcCode], [name, code, n + 1], "the error");
    ok(error.message.includes(`for ${code}: ünï "quoted"`), `it does not say what the server said: ${error.message}`);
    equal(error.retryable, code === "UNAVAILABLE", `whether ${code} may be tried again`);
  }
}

/** A read is sent again, and a command that is cut is never a success. */
export async function interruptions(boxd, options, inject) {
  const compute = new boxd.Compute({ ...options, retryDelayMs: 1 });
  await inject({ rpc: "ListVms", times: 2, action: { fail: { code: 14 } } });
  const [box = await compute.box.create()] = await compute.box.list();
  await box.waitUntilReady();

  await inject({ rpc: "Exec", action: { cut_after_messages: 1 } });
  const cut = await rejects(box.execShell("echo written; sleep 1; exit 0"), boxd.ConnectionError, "a command that is cut");
  equal([cut.output?.stdout, cut.outcomeUnknown], ["written\n", true], "what the error carries");
  await inject({ rpc: "Exec", action: { cut_after_messages: 1 } });
  const process = await box.execShell("echo written; sleep 1; exit 0", { stream: true });
  const [text, code] = await Promise.allSettled([process.stdout.text(), process.wait()]);
  for (const { reason } of [text, code]) ok(reason instanceof boxd.ConnectionError, `a stream that was cut: ${reason}`);
  await box.destroy();
}

/** What changes something is not sent again when its answer is lost, and the error says that it may have happened. */
export async function lostAnswer(boxd, options, inject) {
  const compute = new boxd.Compute({ ...options, retryDelayMs: 1 });
  await inject({ rpc: "CreateVm", action: "lose_answer" });
  const name = `lost-${Math.random().toString(36).slice(2, 10)}`;
  const { outcomeUnknown, retryable } = await rejects(compute.box.create({ name }), boxd.ConnectionError);
  equal([outcomeUnknown, retryable], [true, false], "what the error says of a create whose answer was lost");
  await (await compute.box.get(name)).destroy();
}
