// What of the wire other clients need here, as descriptors: names and numbers of the proto, read by protobuf-es.

import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Label, FieldDescriptorProto_Type as Type, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const PACKAGE = "boxd.api.v1";
const { STRING, BYTES, BOOL, INT32, UINT32 } = Type;

const MESSAGES = {
  WhoamiRequest: {},
  WhoamiResponse: { user_id: [1, STRING] },
  CreateVmRequest: { name: [1, STRING], cmd: [6, STRING, "repeated"] },
  CreateVmResponse: { vm_id: [1, STRING], name: [2, STRING] },
  GetVmRequest: { vm_id: [1, STRING] },
  GetVmResponse: { vm_id: [1, STRING], status: [5, STRING] },
  DestroyVmRequest: { vm_id: [1, STRING] },
  DestroyVmResponse: {},
  StreamLogsRequest: { vm_id: [1, STRING], follow: [2, BOOL] },
  LogChunk: { data: [1, BYTES] },
  ExecChunk: {
    data: [1, BYTES],
    stdin: [2, BOOL],
    tty: [3, BOOL],
    command: [4, STRING],
    vm_id: [5, STRING],
    exit_code: [6, INT32],
    cols: [7, UINT32],
    rows: [8, UINT32],
    window_change: [9, BOOL],
    is_stderr: [10, BOOL],
  },
};

const METHODS = {
  Whoami: ["WhoamiRequest", "WhoamiResponse"],
  CreateVm: ["CreateVmRequest", "CreateVmResponse"],
  GetVm: ["GetVmRequest", "GetVmResponse"],
  DestroyVm: ["DestroyVmRequest", "DestroyVmResponse"],
  StreamLogs: ["StreamLogsRequest", "LogChunk", { serverStreaming: true }],
  Exec: ["ExecChunk", "ExecChunk", { serverStreaming: true, clientStreaming: true }],
};

const files = create(FileDescriptorSetSchema, {
  file: [
    {
      name: "api.proto",
      package: PACKAGE,
      syntax: "proto3",
      messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
        name,
        field: Object.entries(fields).map(([field, [number, type, repeated]]) => ({
          name: field,
          number,
          type,
          label: repeated ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
        })),
      })),
      service: [
        {
          name: "BoxdApi",
          method: Object.entries(METHODS).map(([name, [input, output, kind]]) => ({
            name,
            inputType: `.${PACKAGE}.${input}`,
            outputType: `.${PACKAGE}.${output}`,
            ...kind,
          })),
        },
      ],
    },
  ],
});
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, toBinary(FileDescriptorSetSchema, files)));

export const BoxdApi = registry.getService(`${PACKAGE}.BoxdApi`);
export const schema = (name) => registry.getMessage(`${PACKAGE}.${name}`);
