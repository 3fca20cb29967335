// Prints how much of what its owner would miss the state holds, as one JSON object.
//
// Left out is what comes and goes by itself: sessions of a cron job's run and of a subagent, jobs that run
// once, and those that the gateway makes for itself.
import { existsSync } from "node:fs";
import { agentFiles, columns, open, stateFile } from "./databases.mjs";

// Table, and a condition for each column that tells what does not count.
const STATE = {
  channels: ["channel_pairing_allow_entries", {}],
  cron: ["cron_jobs", { declaration_key: "declaration_key IS NULL", job_json: "json_extract(job_json, '$.deleteAfterRun') IS NOT TRUE" }],
  devices: ["device_pairing_paired", {}],
};
const SESSIONS = ["session_nodes", { session_key: "session_key NOT LIKE '%:cron:%' AND session_key NOT LIKE '%:subagent:%'" }];

function count(database, [table, conditions]) {
  const known = columns(database, table);
  const where = Object.keys(conditions).filter((column) => known.includes(column)).map((column) => conditions[column]);
  const rows = `SELECT count(*) AS n FROM ${table} WHERE ${["TRUE", ...where].join(" AND ")}`;
  return known.length === 0 ? 0 : database.prepare(rows).get().n;
}

const counts = { agents: 0, channels: 0, cron: 0, devices: 0, sessions: 0 };
if (existsSync(stateFile)) {
  const database = open(stateFile);
  for (const [kind, what] of Object.entries(STATE)) counts[kind] = count(database, what);
}
for (const [, file] of agentFiles()) {
  counts.agents += 1;
  counts.sessions += count(open(file), SESSIONS);
}
console.log(JSON.stringify(counts));
