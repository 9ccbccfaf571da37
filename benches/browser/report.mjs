// The figures of a run as a table, each with its goal.

export const median = (numbers) => {
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
  { test: "terminal", field: "mibPerSecond", name: "a terminal's output, 32 KiB chunks, MiB/s", digits: 0 },
  { test: "terminal", field: "cpuSeconds", name: "  renderer CPU, s", digits: 2 },
  { test: "key", field: "p50", name: "a key's way to the server and back, p50, ms", digits: 2 },
  { test: "key", field: "p99", name: "  p99, ms", digits: 2 },
  { test: "list", field: "ms", name: "list 1,000 boxes, ms", digits: 2 },
  { test: "list", field: "first", name: "  the first time in a page, ms", digits: 2 },
  { test: "list", field: "cpuSeconds", name: "  renderer CPU, s", digits: 2 },
  { test: "unary", field: "perSecond", name: "whoami, calls/s", digits: 0 },
  { test: "unary", field: "p50", name: "  p50, ms", digits: 2 },
  { test: "unary", field: "p99", name: "  p99, ms", digits: 2 },
  { test: "start", field: "first", name: "page start to first answer, ms: first page", digits: 0 },
  { test: "start", field: "later", name: "  a later page", digits: 0 },
];

/** Our figure against that of a rival, of ourselves in another test (`beside`), or as it is. */
const GOALS = [
  { test: "stream", field: "mibPerSecond", rival: "connect", least: 1.15 },
  { test: "stream", field: "mibPerSecond", rival: "raw", least: 0.85 },
  { test: "small", field: "messagesPerSecond", rival: "connect", least: 6 },
  { test: "terminal", field: "mibPerSecond", rival: "boxd", beside: "stream", least: 0.7 },
  { test: "key", field: "p50", most: 2 },
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
    const cell = (figures) => (figures.length > 0 ? shown(median(figures), digits) : "–");
    table.push([name, ...clients.map((client) => cell(of(test, client, field)))]);
  }
  table.push(["what the page loads, kB", ...clients.map((client) => shown(sizes[client].raw / 1000, 1))]);
  table.push(["  gzip -9, kB", ...clients.map((client) => shown(sizes[client].gzip / 1000, 1))]);

  const goals = [["boxd against", "", "median", "rounds", "goal", ""]];
  for (const { test, field, rival, beside = test, least, most } of GOALS) {
    if (![test, beside].every((one) => tests.includes(one)) || !["boxd", rival ?? "boxd"].every((one) => clients.includes(one))) continue;
    const [ours, theirs] = [of(test, "boxd", field), rival ? of(beside, rival, field) : []];
    const ratios = ours.map((value, round) => value / (theirs[round] ?? 1));
    const middle = median(ratios);
    const met = least === undefined ? middle <= most : middle >= least;
    const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    const goal = least === undefined ? `at most ${most}` : `at least ${least}`;
    goals.push([rival === "boxd" ? `its own ${beside}` : (rival ?? "nobody"), `${test}, ${field}`, middle.toFixed(2), spread, goal, met ? "met" : "MISSED"]);
  }
  return [`${machine}, ${rounds} rounds, medians`, columns(table), columns(goals)].join("\n\n");
}

function columns(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) => row.map((cell, n) => (n ? cell.padStart(widths[n]) : cell.padEnd(widths[n]))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
