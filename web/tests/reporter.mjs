// Prints results as Rust's test programs do, which is what `cargo xtask test` counts.

const failures = [];
let passed = 0;

export default async function* reporter(source) {
  const started = Date.now();
  for await (const { type, data } of source) {
    // Suites and tests that only hold others are no tests; but a test that failed by itself is.
    if (type === "test:start") path(data);
    if (type === "test:stdout" || type === "test:stderr") yield data.message;
    if (type !== "test:pass" && type !== "test:fail") continue;
    const name = path(data);
    const { error } = data.details;
    const parent = parents.has(name);
    if (type === "test:pass") {
      if (parent || data.skip) continue;
      passed++;
      yield `test ${name} ... ok\n`;
    } else {
      if (parent && error?.failureType === "subtestsFailed") continue;
      failures.push({ name, error });
      yield `test ${name} ... FAILED\n`;
    }
  }
  if (failures.length > 0) {
    yield "\nfailures:\n";
    for (const { name, error } of failures) yield `\n---- ${name} stdout ----\n${inWords(error)}\n`;
    yield `\nfailures:\n${failures.map(({ name }) => `    ${name}\n`).join("")}`;
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(2);
  const word = failures.length > 0 ? "FAILED" : "ok";
  yield `\ntest result: ${word}. ${passed} passed; ${failures.length} failed; finished in ${seconds}s\n`;
}

/** The names of the tests that are open, outermost first. */
const open = [];
const parents = new Set();

function path({ name, nesting }) {
  open.length = nesting;
  const whole = [...open, name].join(" :: ");
  if (nesting > 0) parents.add(open.join(" :: "));
  open[nesting] = name;
  return whole;
}

function inWords(error) {
  const cause = error?.cause ?? error;
  return cause?.stack ?? String(cause);
}
