// The walk's steps as tests of Node's runner.

import { NAMES } from "../walk/index.mjs";

/** Each step that was walked is a test; one that was not is a failure. */
export async function reportSteps(t, results) {
  const byName = new Map(results.map((result) => [result.name, result]));
  for (const name of NAMES) {
    await t.test(name, () => {
      const result = byName.get(name);
      if (!result) throw new Error("this step was not walked");
      if (result.error) throw new Error(result.error);
    });
  }
}
