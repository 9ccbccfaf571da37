const secrets = new WeakMap<object, string>();

/** Keeps what `owner` tells only when it is asked. A private field would show: browsers' consoles print those too. */
export function keep(owner: object, secret: string): void {
  secrets.set(owner, secret);
}

/** What was kept for `owner`. */
export function kept(owner: object): string {
  return secrets.get(owner) as string;
}
