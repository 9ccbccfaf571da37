// A box from birth to death, in Node 20 or newer, Deno or Bun: create it, run commands, stream output, move files,
// follow its log, fork it, destroy it.
//
//   npm install boxd
//   BOXD_API_KEY=bxk_… node quickstart.mjs
//
// Against a cluster on this machine, with the addresses that `boxd-local serve` prints:
//
//   BOXD_API_URL=http://127.0.0.1:9443 BOXD_EXCHANGE_URL=http://127.0.0.1:8080/api/v1/auth/token BOXD_API_KEY=… \
//     node quickstart.mjs

import { Compute, NotFoundError } from "boxd";

const step = (name, text) => console.log(`${name.padEnd(8)} ${text}`);

// What is not given comes from the environment: BOXD_API_KEY or BOXD_TOKEN, BOXD_API_URL, BOXD_EXCHANGE_URL.
const compute = new Compute();

const me = await compute.whoami();
const { defaultImage, zone } = await compute.config();
step("whoami", `${me.userId} (image ${defaultImage}, zone ${zone})`);

// Names are unique, and this may run beside others.
const name = `quickstart-${process.pid}`;
const started = performance.now();
const box = await compute.box.create({
  name,
  config: {
    env: { GREETING: "hello from the main process" },
    cmd: ["sh", "-c", "echo $GREETING; exec sleep infinity"],
  },
});
try {
  await box.waitUntilReady();
  step("create", `${box.name} (${box.id}) ready after ${Math.round(performance.now() - started)} ms`);

  const { stdout, exitCode } = await box.exec(["echo", "hello"]);
  step("exec", `${stdout.trim()}, exit code ${exitCode}`);

  // Output as it comes. A command that fails is a result, not an error.
  const count = await box.execShell("for i in 1 2 3; do echo $i; sleep 0.2; done; exit 4", { stream: true });
  for await (const line of count.stdout.lines()) step("stream", line);
  step("stream", `exit code ${await count.wait()}`);

  // Input goes along up front; a file may come from and go to whatever holds bytes.
  await box.writeFile("print(sum(int(line) for line in open(0)))\n", "sum.py");
  const sum = await box.execShell("command -v python3 >/dev/null && python3 sum.py || awk '{ s += $1 } END { print s }'", {
    stdin: "1\n2\n39\n",
  });
  step("stdin", `the sum is ${sum.stdout.trim()}`);

  const large = crypto.getRandomValues(new Uint8Array(65536));
  const content = new Blob(Array.from({ length: 64 }, () => large));
  await box.writeFile(content, "/tmp/large.bin", {
    onProgress: ({ bytes, total }) => bytes === total && step("write", `${bytes} bytes`),
  });
  const back = await box.readFile("/tmp/large.bin");
  step("read", `${back.length} bytes, ${back.every((byte, at) => byte === large[at % 65536]) ? "the same" : "others"}`);

  // The log of the main process; leaving the loop ends the call at the server.
  for await (const line of box.streamLogs({ follow: true }).lines()) {
    step("log", line);
    break;
  }

  // A signal ends a command, at the server too.
  const signal = AbortSignal.timeout(200);
  await box.exec(["sleep", "60"], { signal }).catch((error) => step("abort", error.name));

  const fork = await compute.box.fork(box, { name: `${name}-fork` });
  try {
    await fork.waitUntilReady();
    step("fork", `${fork.name} has sum.py: ${(await fork.exec(["test", "-e", "sum.py"])).success}`);
  } finally {
    await fork.destroy();
  }
} finally {
  await box.destroy();
}

try {
  await compute.box.get(name);
} catch (error) {
  if (!(error instanceof NotFoundError)) throw error;
  step("destroy", `${name} is gone`);
}
compute.close();
