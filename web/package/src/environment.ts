import type { ComputeOptions } from "./types.js";

/**
 * Fills what was not given from the environment variables, where there are any. A token or key that was given keeps both
 * variables out.
 */
export function withVariables(options: ComputeOptions): ComputeOptions {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const variable = (name: string): string | undefined => process?.env?.[name] || undefined;
  const given = options.token ?? options.apiKey;
  const token = given === undefined ? variable("BOXD_TOKEN") : options.token;
  return {
    ...options,
    token,
    apiKey: given === undefined && token === undefined ? variable("BOXD_API_KEY") : options.apiKey,
    environment: options.environment ?? (variable("BOXD_ENVIRONMENT") as ComputeOptions["environment"]),
    apiUrl: options.apiUrl ?? variable("BOXD_API_URL"),
    exchangeUrl: options.exchangeUrl ?? variable("BOXD_EXCHANGE_URL"),
  };
}
