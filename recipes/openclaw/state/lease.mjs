// Takes from a clone of the state the lease of the gateway that it was cloned from: until that has been
// silent for 300 s, a gateway on another machine would not start.
import { existsSync } from "node:fs";
import { columns, open, stateFile } from "./databases.mjs";

if (existsSync(stateFile)) {
  const database = open(stateFile, { readOnly: false });
  for (const table of ["state_leases", "agent_database_leases"]) {
    if (columns(database, table).length > 0) database.exec(`DELETE FROM ${table}`);
  }
  database.close();
}
