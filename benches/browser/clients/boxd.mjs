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

    async drain(name, seen) {
      const box = await compute.box.get(name);
      for await (const bytes of box.streamLogs()) seen(bytes.length);
    },
  };
}
