/// <reference lib="esnext.disposable" preserve="true" />

export {
  ApiKey,
  ApiKeyService,
  type ApiKeyInfo,
  type CreateApiKeyOptions,
} from "./api-keys.js";
export { Box } from "./box.js";
export { BoxService, Compute } from "./compute.js";
export {
  Disk,
  DiskService,
  type AttachOptions,
  type CreateDiskOptions,
  type DiskAttachment,
  type DiskInfo,
} from "./disks.js";
export { DomainService, type Domain } from "./domains.js";
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
export { NetworkService, type CreateNetworkOptions, type Network } from "./networks.js";
export { ExecProcess, ExecStdin, type OpenProcess } from "./process.js";
export { ExecOutput, ExecResult } from "./result.js";
export { ByteStream } from "./stream.js";
export {
  TemplateService,
  type CreateTemplateOptions,
  type CreateVmOptions,
  type Template,
} from "./templates.js";
export { Token, TokenService, type CreateTokenOptions, type TokenInfo } from "./tokens.js";
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
  CreateProxyOptions,
  DirEntry,
  DirListing,
  Environment,
  ExecOptions,
  ExposePortOptions,
  ExposedPort,
  ForkOptions,
  Identity,
  InitInput,
  InteractiveOptions,
  LogOptions,
  NetworkConfig,
  OutputCut,
  PortProtocol,
  Progress,
  ProxyConfig,
  ProxyInfo,
  ReadFileOptions,
  RestartPolicy,
  ResumeResult,
  SetProxyPortOptions,
  StreamOptions,
  SuspendResult,
  VolumeMount,
  WaitOptions,
  WebSocketConstructor,
  WebSocketLike,
  WriteFileOptions,
} from "./types.js";
