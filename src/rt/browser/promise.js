// Promises, as `promise.rs` wants them.

/** Says that there is something to be done, after what is being done. */
export const soon = (tell) => queueMicrotask(() => tell(0));

/** Something under way, whose end is told by a number: `settled` is 1 then, or 2 where it failed, and `value` what it comes to. */
export class Watched {
  settled = 0;
  value;

  constructor(tell, number) {
    this.tell = tell;
    this.number = number;
  }

  end(settled, value) {
    if (this.settled) return;
    this.settled = settled;
    this.value = value;
    this.tell(this.number);
  }
}

/** A promise as such. */
export function watch(promise, tell, number) {
  const watched = new Watched(tell, number);
  promise.then(
    (value) => watched.end(1, value),
    (reason) => watched.end(2, reason),
  );
  return watched;
}

/** A promise with what settles it. */
export function deferred() {
  let resolve, reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  promise.resolve = resolve;
  promise.reject = reject;
  return promise;
}
