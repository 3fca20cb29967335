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
for (const id of ids) {
  const words = ["dist/index.js", "plugins", "inspect", id, "--runtime", "--json"];
  const done = spawnSync(process.execPath, words, { encoding: "utf8", env: { ...process.env, HOME: home } });
  if (done.status !== 0) throw new Error(`plugin ${id}: ${done.stderr}`);
  const { plugin } = JSON.parse(done.stdout);
  console.log(`plugin ${id}: ${plugin.status}, ${plugin.origin}${plugin.error ? `, ${plugin.error}` : ""}`);
  if (plugin.status !== "loaded" || plugin.origin !== "bundled") process.exitCode = 1;
}
