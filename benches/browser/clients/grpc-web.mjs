// Google's grpc-web with google-protobuf, its binary mode. The client is what its code generator writes.

import { GrpcWebClientBase, MethodDescriptor, MethodType } from "grpc-web";
import wire from "generated/google/api_pb.js";

const SERVICE = "/boxd.api.v1.BoxdApi";

const describe = (name, type, Request, Response) =>
  new MethodDescriptor(
    `${SERVICE}/${name}`,
    type,
    Request,
    Response,
    (request) => request.serializeBinary(),
    Response.deserializeBinary,
  );
const WHOAMI = describe("Whoami", MethodType.UNARY, wire.WhoamiRequest, wire.WhoamiResponse);
const LIST_VMS = describe("ListVms", MethodType.UNARY, wire.ListVmsRequest, wire.ListVmsResponse);
const STREAM_LOGS = describe("StreamLogs", MethodType.SERVER_STREAMING, wire.StreamLogsRequest, wire.LogChunk);

export function connect(api, token) {
  const client = new GrpcWebClientBase({ format: "binary" });
  const metadata = { authorization: `Bearer ${token}` };
  const unary = (method, request) => client.unaryCall(`${api}${method.name}`, request, metadata, method);

  return {
    async whoami() {
      return (await unary(WHOAMI, new wire.WhoamiRequest())).getUserId();
    },

    async list() {
      const answer = await unary(LIST_VMS, new wire.ListVmsRequest());
      return answer.getVmsList().map((vm) => [vm.getVmId(), vm.getName(), vm.getStatus(), vm.getImageRef()]);
    },

    // It has callbacks, not an async iterator.
    drain(box, seen) {
      const request = new wire.StreamLogsRequest();
      request.setVmId(box);
      const stream = client.serverStreaming(`${api}${STREAM_LOGS.name}`, request, metadata, STREAM_LOGS);
      return new Promise((resolve, reject) => {
        stream.on("data", (chunk) => seen(chunk.getData_asU8().length));
        stream.on("error", reject);
        stream.on("end", resolve);
      });
    },
  };
}
