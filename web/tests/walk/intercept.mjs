// The host's `fetch`, watched and answered in its place.

/**
 * Runs `what` while `answer(request, pass)` answers every request: `{ url, authorization, body }`, and `pass()` lets it out.
 * Answers the requests that were made.
 */
export async function intercept(answer, what) {
  const { fetch } = globalThis;
  const requests = [];
  globalThis.fetch = async (url, init) => {
    const authorization = new Headers(init.headers).get("authorization");
    const request = { url: String(url), authorization, body: await new Response(init.body).text() };
    requests.push(request);
    return answer(request, () => fetch(url, init));
  };
  try {
    await what();
  } finally {
    globalThis.fetch = fetch;
  }
  return requests;
}
