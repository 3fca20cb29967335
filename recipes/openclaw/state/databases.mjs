// OpenClaw's databases: one of the state, and one of each agent.
import { DatabaseSync } from "node:sqlite";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const root = join(homedir(), ".openclaw");

export const stateFile = join(root, "state/openclaw.sqlite");

// Name and path of each agent's database.
export function agentFiles() {
  const agents = join(root, "agents");
  if (!existsSync(agents)) return [];
  const files = readdirSync(agents).map((name) => [name, join(agents, name, "agent/openclaw-agent.sqlite")]);
  return files.filter(([, file]) => existsSync(file));
}

// A gateway that writes is waited for.
export function open(file, options = {}) {
  return new DatabaseSync(file, { readOnly: true, timeout: 20_000, ...options });
}

// The columns of a table; none if there is no such table.
export function columns(database, table) {
  return database.prepare("SELECT name FROM pragma_table_info(?)").all(table).map(({ name }) => name);
}
