/// <reference lib="esnext.disposable" preserve="true" />

export { Box } from "./box.js";
export { BoxService, Compute } from "./compute.js";
export {
  AuthenticationError,
  BoxdError,
  ConnectionError,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  QuotaExceededError,
  TimeoutError,
  type ErrorCode,
  type ErrorDetails,
} from "./errors.js";
export { init } from "./load.js";
export { ExecProcess, ExecStdin } from "./process.js";
export { ExecOutput, ExecResult } from "./result.js";
export { ByteStream } from "./stream.js";
export type {
  BoxConfig,
  BoxInfo,
  BoxStatus,
  CallOptions,
  ClusterConfig,
  CommandOptions,
  ComputeOptions,
  Content,
  CreateOptions,
  Environment,
  ExecOptions,
  ForkOptions,
  Identity,
  InitInput,
  InteractiveOptions,
  LogOptions,
  NetworkConfig,
  OutputCut,
  Progress,
  ProxyConfig,
  ReadFileOptions,
  RestartPolicy,
  ResumeResult,
  StreamOptions,
  SuspendResult,
  VolumeMount,
  WaitOptions,
  WriteFileOptions,
} from "./types.js";
