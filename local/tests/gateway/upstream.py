"""A gRPC server that is none of ours, with the service of our proto: what a gateway stands in front of.

Takes the descriptors of the proto in a file, a port or 0, and perhaps a key and a certificate; prints its port. What it does, a call's first request says:

  Whoami                              answers with the metadata that came, and how many seconds are left
  GetVm                               fails with NOT_FOUND, details and metadata
  StreamLogs                          "count N", "bytes N" (in pieces of 64 KiB), "late" (an error after a message), "hang"
  Exec                                answers each message with itself; "sum" counts bytes until the end of the input
  GetConfig                           answers how many calls hang, and how many of those that did were cancelled
  CreateToken                         a token for "Bearer from-exchange", which no other may make
"""

import asyncio
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "boxd.api.v1.BoxdApi"


def messages(path):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    for file in files.file:
        pool.Add(file)
    return pool.FindServiceByName(SERVICE)


class Upstream:
    def __init__(self, service):
        self.of = {method.name: message_factory.GetMessageClass(method.output_type) for method in service.methods}
        self.hanging = 0
        self.cancelled = 0

    async def hang(self):
        self.hanging += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.hanging -= 1

    async def Whoami(self, _, context):
        came = sorted(f"{name}={value}" for name, value in context.invocation_metadata() if name.startswith("x-"))
        await context.send_initial_metadata((("x-head", "first"), ("x-head-bin", b"\x00\xff")))
        context.set_trailing_metadata((("x-tail", "last"), ("x-tail", "of all")))
        names = ",".join(sorted(name for name, _ in context.invocation_metadata()))
        left = context.time_remaining()
        return self.of["Whoami"](user_id=";".join(came), display_name=names, default_network_id=f"{left or 0:.3f}")

    async def GetVm(self, request, context):
        if request.vm_id == "hang":
            await self.hang()
        context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x05\x12\x04gone"), ("x-why", "no")))
        await context.abort(grpc.StatusCode.NOT_FOUND, f"no box {request.vm_id}: 100% \u20ac")

    async def StreamLogs(self, request, context):
        what, _, number = request.vm_id.partition(" ")
        answer = self.of["StreamLogs"]
        if what == "count":
            for n in range(int(number)):
                yield answer(data=str(n).encode())
        elif what == "bytes":
            piece = answer(data=bytes(65536))
            for _ in range(int(number) // 65536):
                yield piece
        elif what == "late":
            yield answer(data=b"before")
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
        else:
            yield answer(data=b"up")
            await self.hang()

    async def Exec(self, requests, context):
        answer = self.of["Exec"]
        total, sums = 0, False
        async for request in requests:
            sums = sums or request.command == "sum"
            total += len(request.data)
            if not sums:
                yield answer(data=request.data, exit_code=0)
        yield answer(data=str(total).encode(), exit_code=7)

    async def GetConfig(self, _, context):
        return self.of["GetConfig"](default_image=str(self.hanging), zone=str(self.cancelled))

    async def CreateToken(self, request, context):
        if ("authorization", "Bearer from-exchange") not in tuple(context.invocation_metadata()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "not the gateway's token")
        return self.of["CreateToken"](token=f"for-{request.expires_in_secs}-seconds", expires_at=4102444800)


def add_port(server, address, files):
    if not files:
        return server.add_insecure_port(address)
    key, certificate = (open(file, "rb").read() for file in files)
    return server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))


async def main():
    service = messages(sys.argv[1])
    upstream = Upstream(service)
    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    handlers = {}
    for method in service.methods:
        handler = getattr(upstream, method.name, None)
        if handler:
            request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
            handlers[method.name] = kinds[method.client_streaming, method.server_streaming](
                handler, request_deserializer=request.FromString, response_serializer=answer.SerializeToString
            )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    print(add_port(server, f"127.0.0.1:{sys.argv[2]}", sys.argv[3:]), flush=True)
    await server.start()
    await server.wait_for_termination()


asyncio.run(main())
