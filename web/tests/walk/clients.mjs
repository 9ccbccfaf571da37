// Clients: where their calls go, and as whom. What leaves the host is watched at its `fetch`.

import { equal, ok, rejects } from "./check.mjs";
import { intercept } from "./intercept.mjs";

const PRODUCTION = ["https://boxd.sh/api/v1/auth/token", "https://boxd.sh:9443/boxd.api.v1.BoxdApi/Whoami"];
const STAGING = PRODUCTION.map((url) => url.replace("boxd.sh", "boxd-stg.sh"));

const seconds = () => Math.floor(Date.now() / 1000);
const token = (text, lives = 3600) => Response.json({ token: text, expires_at: seconds() + lives });

/** The URLs that a client's first call asks, in turn: its key is exchanged, and then the cluster is not reached. */
async function asked(boxd, options) {
  const answer = ({ url }) => {
    if (url.endsWith("/token")) return token("eyJ.x");
    throw new TypeError("this test lets nothing out");
  };
  const requests = await intercept(answer, async () => {
    const compute = new boxd.Compute({ retries: 0, ...options });
    await rejects(compute.whoami(), boxd.ConnectionError);
  });
  return requests.map(({ url }) => url);
}

/** Runs something with these environment variables and none else of ours, where the host has any. */
async function withVariables(variables, what) {
  const { env } = globalThis.process ?? {};
  if (!env) return;
  const names = ["BOXD_TOKEN", "BOXD_API_KEY", "BOXD_ENVIRONMENT", "BOXD_API_URL", "BOXD_EXCHANGE_URL"];
  const before = names.map((name) => env[name]);
  const set = (name, value) => (value === undefined ? delete env[name] : (env[name] = value));
  for (const name of names) set(name, variables[name]);
  try {
    await what();
  } finally {
    names.forEach((name, n) => set(name, before[n]));
  }
}

export const steps = {
  async "calls go to production unless told otherwise, over TLS"({ boxd }) {
    equal(await asked(boxd, { apiKey: "bxk_x" }), PRODUCTION, "what is asked");
    equal(await asked(boxd, { apiKey: "bxk_x", environment: "production" }), PRODUCTION, "what is asked");
  },

  async "staging is elsewhere, and no other environment is known"({ boxd }) {
    equal(await asked(boxd, { apiKey: "bxk_x", environment: "staging" }), STAGING, "what is asked");
    const odd = new boxd.Compute({ apiKey: "bxk_x", environment: "prod" });
    const { message } = await rejects(odd.whoami(), boxd.InvalidArgumentError);
    ok(message.startsWith('environment: "prod"'), `it does not name the environment: ${message}`);
  },

  async "addresses that are given go before the environment"({ boxd }) {
    const addresses = { apiUrl: "https://a.example:1", exchangeUrl: "https://b.example/token" };
    const expected = ["https://b.example/token", "https://a.example:1/boxd.api.v1.BoxdApi/Whoami"];
    equal(await asked(boxd, { apiKey: "bxk_x", environment: "staging", ...addresses }), expected, "what is asked");
  },

  async "an address has TLS by its scheme, and without one unless it is this machine"({ boxd }) {
    const leadsTo = {
      "http://a.example:9443": "http://a.example:9443",
      "https://a.example:9443": "https://a.example:9443",
      "a.example:9443": "https://a.example:9443",
      "https://localhost:9443": "https://localhost:9443",
      "localhost:9443": "http://localhost:9443",
      "127.0.0.1:9443": "http://127.0.0.1:9443",
      "127.1.2.3:9443": "http://127.1.2.3:9443",
      "[::1]:9443": "http://[::1]:9443",
      "localhost.example.com:9443": "https://localhost.example.com:9443",
      "128.0.0.1:9443": "https://128.0.0.1:9443",
    };
    for (const [apiUrl, origin] of Object.entries(leadsTo)) {
      equal(await asked(boxd, { token: "eyJ.x", apiUrl }), [`${origin}/boxd.api.v1.BoxdApi/Whoami`], `what ${apiUrl} asks`);
    }
    for (const apiUrl of ["ftp://a.example:1", "https://a.example:1/path", "https://user:secret@a.example:1", "", "a.example:x"]) {
      const odd = new boxd.Compute({ token: "eyJ.x", apiUrl });
      const { message } = await rejects(odd.whoami(), boxd.InvalidArgumentError, `a client of ${apiUrl}`);
      ok(message.startsWith("apiUrl: ") && !message.includes("secret"), `it says: ${message}`);
    }
  },

  async "variables say what was not given"({ boxd }) {
    const [BOXD_API_KEY, BOXD_TOKEN] = ["bxk_variable", "eyJ.variable"];
    const first = (options) => asked(boxd, options).then(([url]) => url);
    await withVariables({ BOXD_API_KEY }, async () => equal(await asked(boxd, {}), PRODUCTION, "what the key asks"));
    await withVariables({ BOXD_API_KEY, BOXD_TOKEN }, async () => {
      equal(await first({}), PRODUCTION[1], "what is asked first with a token beside the key");
      equal(await first({ apiKey: "bxk_given" }), PRODUCTION[0], "what is asked first with a key that is given");
    });
    await withVariables({ BOXD_API_KEY, BOXD_ENVIRONMENT: "staging" }, async () => {
      equal(await asked(boxd, {}), STAGING, "what is asked");
      equal(await asked(boxd, { environment: "production" }), PRODUCTION, "what is asked with an environment that is given");
    });
    const places = { BOXD_API_URL: "http://a.example:1", BOXD_EXCHANGE_URL: "http://b.example/token" };
    await withVariables({ BOXD_API_KEY, BOXD_ENVIRONMENT: "staging", ...places }, async () => {
      const expected = ["http://b.example/token", "http://a.example:1/boxd.api.v1.BoxdApi/Whoami"];
      equal(await asked(boxd, {}), expected, "what is asked");
      equal((await asked(boxd, { apiUrl: "c.example:2" }))[1], "https://c.example:2/boxd.api.v1.BoxdApi/Whoami", "what is asked");
    });
    await withVariables({ BOXD_API_KEY, BOXD_ENVIRONMENT: "prod" }, async () => {
      await rejects(new boxd.Compute().whoami(), boxd.InvalidArgumentError);
    });
  },

  async "without credentials nothing is sent"({ boxd }) {
    const call = async () => {
      const error = await rejects(new boxd.Compute().whoami(), boxd.AuthenticationError);
      ok(error.message.includes("apiKey"), `it does not say what to give: ${error.message}`);
    };
    const none = await intercept((_, pass) => pass(), () => (globalThis.process?.env ? withVariables({}, call) : call()));
    equal(none, [], "what was asked");
  },

  async "a key goes to its exchange alone, once for many calls"({ boxd, options }) {
    const requests = await intercept((_, pass) => pass(), async () => {
      const compute = new boxd.Compute(options);
      await Promise.all(Array.from({ length: 20 }, () => compute.whoami()));
    });
    const [exchange, ...calls] = requests;
    equal([exchange.url, exchange.authorization, JSON.parse(exchange.body)], [options.exchangeUrl, null, { api_key: options.apiKey }]);
    equal(calls.length, 20, "number of calls");
    ok(calls.every(({ authorization }) => authorization.startsWith("Bearer eyJ")), "a call has no token");
    ok(!JSON.stringify(calls).includes(options.apiKey), "the key went elsewhere");
  },

  async "a token is used as it is"({ boxd, compute, options: { apiUrl, apiKey } }) {
    const { token } = await compute.token.create({ expiresInSecs: 60 });
    const requests = await intercept((_, pass) => pass(), async () => {
      // A token goes before a key, and a life of less than five minutes is no reason to exchange anything.
      await new boxd.Compute({ apiUrl, token, apiKey }).whoami();
    });
    equal(requests.map(({ authorization }) => authorization), [`Bearer ${token}`], "what was sent");
  },

  async "a token in its last minutes is replaced"({ boxd, options }) {
    let exchanges = 0;
    const answer = async ({ url }, pass) => {
      if (url !== options.exchangeUrl) return pass();
      exchanges++;
      const whole = await (await pass()).json();
      return Response.json({ ...whole, expires_at: seconds() + (exchanges === 1 ? 200 : 3600) });
    };
    await intercept(answer, async () => {
      const compute = new boxd.Compute(options);
      for (let n = 0; n < 3; n++) await compute.whoami();
    });
    equal(exchanges, 2, "number of exchanges");
  },

  async "a key that is refused is not tried again, and a rate limit is waited out once"({ boxd, options }) {
    const exchanged = async (statuses, what) => {
      const left = [...statuses];
      const answer = ({ url }, pass) => {
        if (url !== options.exchangeUrl || left.length === 0) return pass();
        return new Response("", { status: left.shift(), headers: { "retry-after": "1" } });
      };
      const requests = await intercept(answer, () => what(new boxd.Compute(options)));
      return requests.filter(({ url }) => url === options.exchangeUrl).length;
    };
    const refused = async (compute) => {
      for (let n = 0; n < 2; n++) await rejects(compute.whoami(), boxd.AuthenticationError);
    };
    equal(await exchanged([401], refused), 1, "exchanges of a key that is refused");
    equal(await exchanged([429], (compute) => compute.whoami()), 2, "exchanges over a rate limit");
    const limited = async (compute) => {
      const { code, retryAfterMs } = await rejects(compute.whoami(), boxd.QuotaExceededError);
      equal([code, retryAfterMs], ["RESOURCE_EXHAUSTED", 1000]);
    };
    equal(await exchanged([429, 429], limited), 2, "exchanges over a rate limit that stays");
  },
};
