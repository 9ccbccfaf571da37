// connect-web 2 with protobuf-es.

import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { BoxdApi } from "generated/es/api_pb.js";

export function connect(api, token) {
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const client = createClient(BoxdApi, createGrpcWebTransport({ baseUrl: api, interceptors: [authorize] }));

  return {
    async whoami() {
      return (await client.whoami({})).userId;
    },

    async list() {
      const { vms } = await client.listVms({});
      return vms.map(({ vmId, name, status, imageRef }) => [vmId, name, status, imageRef]);
    },

    async drain(box, seen) {
      for await (const { data } of client.streamLogs({ vmId: box })) seen(data.length);
    },
  };
}
