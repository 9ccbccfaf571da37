// Assertions that need no runtime of their own.

export function ok(value, what) {
  if (!value) throw new Error(what);
}

/** Equal as JSON, which is what the values here are; bytes are compared as bytes. */
export function equal(actual, expected, what = "value") {
  const [left, right] = [shown(actual), shown(expected)];
  if (left !== right) throw new Error(`${what} is ${left}, not ${right}`);
}

/** Answers the error of this class that `promise` is rejected with. */
export async function rejects(promise, Class, what = "the call") {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof Class) return error;
    throw new Error(`${what} failed with ${error?.name}, not ${Class.prototype.name}: ${error?.message}`, { cause: error });
  }
  throw new Error(`${what} gave ${shown(value)}, where ${Class.prototype.name} was due`);
}

/** Fails once `ms` have gone by: for what would otherwise hang. */
export async function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} has not happened after ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function shown(value) {
  if (value instanceof Uint8Array) return `${value.length} bytes ${value.slice(0, 300).join(" ")}`;
  return value === undefined ? "undefined" : JSON.stringify(value);
}
