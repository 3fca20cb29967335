// Asks this release whether it takes the databases that another one has written. It wants a copy of each,
// in one file. Ends with 3 if it does not take them; what it says is the last line.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentFiles, open, stateFile } from "./databases.mjs";

const TAKEN = ["exact", "migration-required", "startup-repairable"];
// Not 1: so ends whatever cannot even be started.
const REFUSED = 3;
const FAILED = 4;

function ask(...words) {
  const done = spawnSync(process.execPath, ["dist/index.js", "database", ...words, "--json"], { encoding: "utf8" });
  try {
    return JSON.parse(done.stdout);
  } catch {
    console.log(`\`database ${words[0]}\` gives no answer (status ${done.status}): ${done.stderr.trim().split("\n").at(-1)}`);
    process.exit(FAILED);
  }
}

// Whether the release refuses the database. It calls an agent's older one incompatible too, and yet
// migrates it at its start.
function refuses(name, { status, foundVersion: found, targetVersion: target }) {
  console.log(`${name}: ${status}, schema ${found}, this release has ${target}`);
  return !(found < target || TAKEN.includes(status));
}

const directory = mkdtempSync(join(tmpdir(), "preflight-"));
function copy(file) {
  const to = join(directory, "copy.sqlite");
  rmSync(to, { force: true });
  const database = open(file);
  database.prepare("VACUUM INTO ?").run(to);
  database.close();
  return to;
}

try {
  const refused =
    (existsSync(stateFile) && refuses("state", ask("preflight", copy(stateFile)))) ||
    agentFiles().some(([name, file]) => refuses(`agent ${name}`, ask("preflight-agent", copy(file), "--agent-id", name)));
  if (refused) process.exitCode = REFUSED;
} finally {
  rmSync(directory, { recursive: true });
}
