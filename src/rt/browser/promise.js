// Promises, as `promise.rs` wants them.

/** Says that there is something to be done, after what is being done. */
export const soon = (tell) => queueMicrotask(() => tell(0));

/** Follows a promise, and tells by its number when it is settled. */
export function watch(promise, tell, number) {
  const watched = { settled: false, failed: false };
  const end = (failed) => (value) => {
    Object.assign(watched, { settled: true, failed, value });
    tell(number);
  };
  promise.then(end(false), end(true));
  return watched;
}

/** A promise, and what settles it. */
export function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
