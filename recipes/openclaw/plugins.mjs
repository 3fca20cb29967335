// Proves that the plugins that were baked in load without network, and are trusted as the gateway's own.
//
// usage: node plugins.mjs ID...
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ids = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), "plugins-"));
const enabled = Object.fromEntries(ids.map((id) => [id, { enabled: true }]));
mkdirSync(join(home, ".openclaw"));
writeFileSync(join(home, ".openclaw/openclaw.json"), JSON.stringify({ gateway: { mode: "local" }, plugins: { entries: enabled } }));
const words = ["dist/index.js", "plugins", "inspect", "--all", "--runtime", "--json"];
const done = spawnSync(process.execPath, words, { encoding: "utf8", env: { ...process.env, HOME: home }, maxBuffer: 64 << 20 });
if (done.status !== 0) throw new Error(`\`plugins inspect\` ends with ${done.status}: ${done.stderr}`);
const found = new Map(JSON.parse(done.stdout).map(({ plugin }) => [plugin.id, plugin]));
for (const id of ids) {
  const { status, origin, error } = found.get(id) ?? { status: "missing" };
  console.log(`plugin ${id}: ${status}, ${origin}${error ? `, ${error}` : ""}`);
  if (status !== "loaded" || origin !== "bundled") process.exitCode = 1;
}
