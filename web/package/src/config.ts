import { checkPort, given, invalid, whole32 } from "./check.js";
import type { BoxConfig } from "./types.js";

/** A configuration as the core reads it: the fields of `create` in web/src/operations.rs. */
export function toCore(all: BoxConfig = {}): object {
  const { env = {}, cmd, restartPolicy = "always", config } = checked(all);
  return { env: Object.entries(env).map(([key, value]) => ({ key, value })), cmd, restartPolicy, config };
}

/** The configuration of what keeps the processes of that from which it is made: the wire carries none. */
export function sized(what: string, all: BoxConfig | undefined): object | undefined {
  if (!all) return undefined;
  const { env = {}, cmd = [], restartPolicy = "always", config } = checked(all);
  if (Object.keys(env).length + cmd.length > 0 || restartPolicy !== "always") {
    throw invalid("config", `${what} carries no env, cmd or restart policy of its own`);
  }
  return config;
}

/** Its sized part becomes `config`. */
function checked(all: BoxConfig): Pick<BoxConfig, "env" | "cmd" | "restartPolicy"> & { config: object } {
  const { env, cmd, restartPolicy, vcpu, autoSuspendTimeoutSecs, autoDestroyTimeoutSecs, network, ...rest } = all;
  for (const [key, value] of Object.entries(env ?? {})) {
    if (!/^[A-Za-z_]\w*$/.test(key)) {
      throw invalid("env", `${JSON.stringify(key)} is not a variable name (letters, digits and _, no digit first)`);
    }
    if (/\0/.test(value)) throw invalid("env", `the value of ${key} holds a NUL byte`);
  }
  for (const { diskId, mountPath } of rest.volumes ?? []) {
    given({ diskId });
    if (!/^\//.test(mountPath)) throw invalid("volumes", `${JSON.stringify(mountPath)} is not an absolute mount path`);
  }
  for (const { port = 0 } of network?.proxies ?? []) checkPort(port);
  const suspend = whole32("autoSuspendTimeoutSecs", autoSuspendTimeoutSecs);
  const destroy = whole32("autoDestroyTimeoutSecs", autoDestroyTimeoutSecs);
  const config = {
    ...rest,
    vcpu: whole32("vcpu", vcpu),
    idle: suspend === undefined && !destroy ? undefined : { suspend, destroy },
    network: network && { ...network, ssh: network.ssh ?? true },
  };
  return { env, cmd, restartPolicy, config };
}
