// The package as a page gets it.

import { Compute } from "boxd";

export function connect(api, token) {
  const compute = new Compute({ token, apiUrl: api });

  return {
    async whoami() {
      return (await compute.whoami()).userId;
    },

    async list() {
      const boxes = await compute.box.list();
      return boxes.map(({ id, name, status, image }) => [id, name, status, image]);
    },

    /** Whose log or terminal is meant: the others name it in the call itself. */
    find: (name) => compute.box.get(name),

    async drain(box, seen) {
      for await (const bytes of box.streamLogs()) seen(bytes.length);
    },

    async drainTerminal(box, seen) {
      const process = await box.exec(["log"], { interactive: true });
      for await (const bytes of process.stdout) seen(bytes.length);
      if ((await process.wait()) !== 0) throw new Error("the command failed");
    },

    /** What types a key, and waits until the terminal shows it. */
    async echo() {
      const { stdin, stdout } = await (await compute.box.get("echo")).exec(["cat"], { interactive: true });
      return async () => {
        await stdin.write("x");
        const { value } = await stdout.next();
        if (value.length !== 1) throw new Error(`${value.length} bytes came back`);
      };
    },
  };
}
