// The figures of a run as a table, each with its goal.

const median = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** What is measured, in the order of the table. */
const ROWS = [
  { test: "stream", field: "mibPerSecond", name: "stream, 32 KiB chunks, MiB/s", digits: 0 },
  { test: "stream", field: "cpuSeconds", name: "  renderer CPU, s", digits: 2 },
  { test: "stream", field: "first", name: "  first chunk after, ms", digits: 1 },
  { test: "stream", field: "heapMib", name: "  JS heap afterwards, MiB", digits: 1 },
  { test: "small", field: "messagesPerSecond", name: "stream, 100-byte messages, 1/s", digits: 0 },
  { test: "small", field: "cpuSeconds", name: "  renderer CPU, s", digits: 2 },
  { test: "list", field: "ms", name: "list 1,000 boxes, ms", digits: 2 },
  { test: "list", field: "cpuSeconds", name: "  renderer CPU, s", digits: 2 },
  { test: "unary", field: "perSecond", name: "whoami, calls/s", digits: 0 },
  { test: "unary", field: "p50", name: "  p50, ms", digits: 2 },
  { test: "unary", field: "p99", name: "  p99, ms", digits: 2 },
  { test: "start", field: "first", name: "page start to first answer, ms: first page", digits: 0 },
  { test: "start", field: "later", name: "  a later page", digits: 0 },
];

const GOALS = [
  { test: "stream", field: "mibPerSecond", rival: "connect", least: 1.15 },
  { test: "stream", field: "mibPerSecond", rival: "raw", least: 0.85 },
  { test: "small", field: "messagesPerSecond", rival: "connect", least: 6 },
  { test: "list", field: "ms", rival: "connect", most: 0.6 },
  { test: "unary", field: "perSecond", rival: "raw", least: 0.9 },
  { test: "start", field: "first", rival: "connect", most: 1 },
  { test: "start", field: "later", rival: "connect", most: 1 },
];

export function report({ machine, rounds, sizes, clients, tests, results }) {
  const of = (test, client, field) =>
    results.filter((one) => one.test === test && one.client === client).map((one) => one[field]);
  const shown = (number, digits) =>
    number.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  const table = [["", ...clients]];
  for (const { test, field, name, digits } of ROWS.filter((row) => tests.includes(row.test))) {
    table.push([name, ...clients.map((client) => shown(median(of(test, client, field)), digits))]);
  }
  table.push(["what the page loads, kB", ...clients.map((client) => shown(sizes[client].raw / 1000, 1))]);
  table.push(["  gzip -9, kB", ...clients.map((client) => shown(sizes[client].gzip / 1000, 1))]);

  const goals = [["boxd against", "", "median", "rounds", "goal", ""]];
  for (const { test, field, rival, least, most } of GOALS) {
    if (!tests.includes(test) || !clients.includes("boxd") || !clients.includes(rival)) continue;
    const [ours, theirs] = [of(test, "boxd", field), of(test, rival, field)];
    const ratios = ours.map((value, round) => value / theirs[round]);
    const middle = median(ratios);
    const met = least === undefined ? middle <= most : middle >= least;
    const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    const goal = least === undefined ? `at most ${most}` : `at least ${least}`;
    goals.push([rival, `${test}, ${field}`, middle.toFixed(2), spread, goal, met ? "met" : "MISSED"]);
  }
  return [`${machine}, ${rounds} rounds, medians`, columns(table), columns(goals)].join("\n\n");
}

function columns(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) => row.map((cell, n) => (n ? cell.padStart(widths[n]) : cell.padEnd(widths[n]))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
