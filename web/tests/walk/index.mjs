// A walk through the whole package, the same in every runtime: against a real cluster, with real boxes.

import * as access from "./access.mjs";
import * as boxes from "./boxes.mjs";
import * as clients from "./clients.mjs";
import * as commands from "./commands.mjs";
import * as duplex from "./duplex.mjs";
import * as failures from "./failures.mjs";
import * as files from "./files.mjs";
import * as folders from "./folders.mjs";
import * as ends from "./ends.mjs";
import * as places from "./places.mjs";
import * as resources from "./resources.mjs";
import * as streams from "./streams.mjs";

/** In this order: each may use what the ones before it made. */
const AREAS = [boxes, commands, files, folders, streams, duplex, places, resources, access, clients, failures, ends];
const STEPS = Object.assign({}, ...AREAS.map(({ steps }) => steps));

export const NAMES = Object.keys(STEPS);

/**
 * `boxd`: the package's exports. `options`: `{ apiUrl, exchangeUrl, apiKey }` of the cluster. `webSocket`: a constructor for
 * where there is none.
 *
 * Answers a record per step: `{ name, ms }`, with `error` in words where it failed.
 */
export async function walk(boxd, options, webSocket) {
  const walker = { boxd, options, webSocket, compute: new boxd.Compute(options), box: undefined };
  const results = [];
  for (const [name, step] of Object.entries(STEPS)) {
    const start = performance.now();
    const result = { name };
    try {
      if (!walker.box && !(name in boxes.steps)) throw new Error("there is no box to walk in");
      await step(walker);
    } catch (error) {
      result.error = inWords(error);
    }
    result.ms = Math.round(performance.now() - start);
    results.push(result);
  }
  return results;
}

export function inWords(error) {
  const text = error?.stack?.includes(error.message) ? error.stack : `${error?.name}: ${error?.message}\n${error?.stack}`;
  return error?.cause ? `${text}\ncaused by ${inWords(error.cause)}` : text;
}
