// Prints how much of what its owner would miss the state holds, as one JSON object. Clawdbot keeps it in
// JSON files; one that is not there holds nothing, and one that cannot be read is a failure.
//
// Left out is what comes and goes by itself: sessions of a cron job's run and of a subagent, and jobs that
// run once.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const root = join(homedir(), ".clawdbot");
const list = (...path) => (existsSync(join(root, ...path)) ? readdirSync(join(root, ...path)) : []);
const read = (fallback, ...path) => {
  const file = join(root, ...path);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : fallback;
};

const agents = list("agents");
const sessions = agents.flatMap((agent) => Object.keys(read({}, "agents", agent, "sessions", "sessions.json")));
const allowed = list("credentials").filter((name) => name.endsWith("-allowFrom.json"));
console.log(
  JSON.stringify({
    agents: agents.length,
    channels: allowed.flatMap((name) => read({}, "credentials", name).allowFrom ?? []).length,
    cron: read({ jobs: [] }, "cron", "jobs.json").jobs.filter((job) => !job.deleteAfterRun).length,
    devices: Object.keys(read({}, "devices", "paired.json")).length,
    sessions: sessions.filter((key) => !/:(cron|subagent):/.test(key)).length,
  }),
);
