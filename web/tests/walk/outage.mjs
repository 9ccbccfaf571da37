// What a server's sudden death looks like from the outside, and that its return is enough to go on.

import { equal, ok, rejects, within } from "./check.mjs";

/** `cluster`: `{ kill, restart }`, both async. */
export async function outage(boxd, options, cluster) {
  const compute = new boxd.Compute({ ...options, retries: 0 });
  const box = await compute.box.create();
  await box.waitUntilReady();

  const log = box.streamLogs({ follow: true });
  const logEnd = log.text();
  const process = await box.execShell("echo before; sleep 300", { stream: true });
  const lines = process.stdout.lines();
  equal((await lines.next()).value, "before", "first line");
  const collected = box.execShell("echo collected; touch /tmp/collected; sleep 300");
  await box.execShell("until [ -e /tmp/collected ]; do sleep 0.02; done");

  // Listened to before it happens: a rejection that nobody awaits yet ends a Node program.
  const late = (promise, what) => within(20_000, rejects(promise, boxd.ConnectionError, what), what);
  const ends = Promise.all([
    late(logEnd, "the followed log"),
    late(lines.next(), "the command's output"),
    late(process.wait(), "the command"),
    late(collected, "the collected command"),
  ]);
  await cluster.kill();
  const [, , ended, cut] = await ends;
  equal(ended.outcomeUnknown, true, "whether the outcome is unknown");
  equal([cut.outcomeUnknown, cut.retryable, cut.output?.stdout], [true, false, "collected\n"], "what the error carries");

  const refused = await late(compute.whoami(), "a call to a dead server");
  const host = new URL(options.apiUrl).host;
  ok(refused.message.includes(host), `it does not say where: ${refused.message}`);
  equal([refused.code, refused.retryable], ["UNAVAILABLE", true]);

  await cluster.restart();
  ok((await compute.whoami()).userId.length > 0, "the client did not find its server again");
  equal((await box.refresh()).name, box.name, "name");
  await box.destroy();
}
