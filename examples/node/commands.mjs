// Commands: collected, streamed, ended, refused. Run as quickstart.mjs says.

import { Compute, InvalidArgumentError, NotFoundError, TimeoutError } from "boxd";

const compute = new Compute();
const box = await compute.box.create();
try {
  await box.waitUntilReady();
  const { stdout, success } = await box.exec(["sh", "-c", "echo $FOO"], { env: { FOO: "bar" }, timeoutMs: 30_000 });
  console.log(`exec      ${stdout.trim()} ${success}`);

  // Output as it comes, and an exit code at the end.
  const count = await box.execShell("for n in 1 2 3; do echo line $n; done; exit 3", { stream: true });
  for await (const line of count.stdout.lines()) console.log(`stdout    ${line}`);
  console.log(`ended     with exit code ${await count.wait()}`);

  // Leaving the loop ends the command, at the server too.
  const endless = await box.exec(["yes"], { stream: true });
  for await (const line of endless.stdout.lines()) {
    console.log(`left      at ${line}`);
    break;
  }

  // Each error has its class, and says what was being done to what.
  const failures = [
    () => box.execShell("echo early; sleep 60", { timeoutMs: 1000 }),
    () => box.readFile("/no/such/file"),
    () => compute.box.get("nope"),
    () => box.exec(["true"], { env: { "NOT A NAME": "x" } }),
  ];
  for (const fail of failures) {
    try {
      await fail();
    } catch (error) {
      if (error instanceof TimeoutError) console.log(`timeout   after ${error.output.stdout.trim()}`);
      else if (error instanceof NotFoundError) console.log(`not found ${error.message}`);
      else if (error instanceof InvalidArgumentError) console.log(`refused   ${error.message}`);
      else throw error;
    }
  }
} finally {
  await box.destroy();
}
