// TLS in front of ports of this machine, by OpenSSL: `terminator.mjs CERTIFICATE KEY PORT…` prints a port for each. Ends with
// its standard input.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { pipeline } from "node:stream";
import { createServer } from "node:tls";

const [certificate, key, ...ports] = process.argv.slice(2);
const options = { cert: readFileSync(certificate), key: readFileSync(key), ALPNProtocols: ["h2", "http/1.1"] };

for (const port of ports) {
  const server = createServer(options, (secure) => {
    const plain = connect(port, "127.0.0.1");
    pipeline(secure, plain, secure, () => {});
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  console.log(server.address().port);
}
process.stdin.resume().on("end", () => process.exit());
