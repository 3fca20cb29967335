// A stand-in for a gateway, as upstream's behaves where an update can go wrong: a token, a state whose
// schema a newer release migrates and an older one refuses, a lease on that state, and health pages that
// say 200 whatever is wrong. What a version does wrong is in its package.json, under `standIn`:
//   "starts": false       it never answers a call
//   "loses": "sessions"   its migration forgets every other one
//   "agents": "doctor"    it refuses its agents until `doctor` has migrated theirs
//   "home": ".heir"       it is another gateway, whose state is there
//
// usage: node gateway.mjs gateway --port PORT
//        node gateway.mjs counts | preflight | doctor | lease clear
import { chmodSync, copyFileSync, existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { homedir, hostname } from "node:os";
import { join } from "node:path";

const about = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
const { starts = true, loses, agents, home: directory = ".stand-in" } = about.standIn ?? {};
const schema = about.openclaw.schemaVersions;
const home = join(homedir(), directory);
const [statePath, leasePath, configPath] = ["state.json", "lease.json", "config.json"].map((name) => join(home, name));
const KINDS = ["sessions", "cron", "devices", "channels"];
// Seconds for which a lease holds that nobody renews.
const LEASE = 300;
const [UNAVAILABLE, INCOMPATIBLE, REFUSED] = [1, 3, 78];

function end(code, message) {
  console.error(message);
  process.exit(code);
}
const seconds = () => Math.floor(Date.now() / 1000);
const read = (path) => JSON.parse(readFileSync(path, "utf8"));
function write(path, value) {
  writeFileSync(`${path}.new`, JSON.stringify(value), { flush: true });
  renameSync(`${path}.new`, path);
}
const blank = () => ({ schema, writtenBy: about.version, ...Object.fromEntries(KINDS.map((kind) => [kind, []])) });
const load = () => (existsSync(statePath) ? read(statePath) : blank());

// What this release says of a state.
function verdict(state) {
  if (state.schema.state > schema.state || state.schema.agent > schema.agent) return "incompatible";
  return state.schema.state === schema.state ? "exact" : "migration-required";
}

function migrate(state) {
  copyFileSync(statePath, join(home, `.pre-startup-migration-${state.schema.state}.bak`));
  if (loses) state[loses] = state[loses].filter((_, index) => index % 2 === 0);
  const agent = agents === "doctor" ? state.schema.agent : schema.agent;
  return { ...state, schema: { state: schema.state, agent }, writtenBy: about.version };
}

function takeLease() {
  const lease = existsSync(leasePath) ? read(leasePath) : undefined;
  if (lease && lease.owner !== hostname() && lease.until > seconds()) {
    end(UNAVAILABLE, `the owner lease of ${lease.owner} is still active`);
  }
  const renew = () => write(leasePath, { owner: hostname(), until: seconds() + LEASE });
  renew();
  setInterval(renew, (LEASE * 1000) / 5).unref();
}

// What lies in the state's directory: name, mode, owner, and how much or where to. The lease is written while
// anybody looks.
function files() {
  const about = (name) => {
    const found = lstatSync(join(home, name));
    const content = found.isSymbolicLink() ? readlinkSync(join(home, name)) : found.isFile() ? found.size : null;
    return [name, found.mode.toString(8), found.uid, found.gid, content];
  };
  const names = readdirSync(home, { recursive: true }).filter((name) => !name.startsWith("lease.json"));
  return [".", ...names.sort()].map(about);
}

function addFile({ name, mode, content, target }) {
  const path = join(home, name);
  if (target) return symlinkSync(target, path);
  writeFileSync(path, content, { flush: true });
  chmodSync(path, mode);
}

// A call of a tool: its status and its answer. KIND_list and KIND_add are all there is.
function invoke({ tool = "", args = {} }) {
  const [kind, action] = tool.split("_");
  if (tool === "files_add") addFile(args);
  if (kind === "files") return [200, { files: files() }];
  const state = load();
  if (state.schema.agent < schema.agent) return [400, { error: "the agents' schema is an older one: run doctor" }];
  if (!KINDS.includes(kind) || !["list", "add"].includes(action)) return [404, { error: `no tool ${tool}` }];
  if (action === "add") {
    state[kind].push(args);
    write(statePath, state);
  }
  return [200, { version: about.version, schema: state.schema, [kind]: state[kind] }];
}

function gateway(port) {
  if (!existsSync(configPath)) end(REFUSED, `there is no ${configPath}`);
  takeLease();
  const state = load();
  const found = verdict(state);
  if (found === "incompatible") {
    end(REFUSED, `the state has the schema ${JSON.stringify(state.schema)}, this release ${JSON.stringify(schema)}`);
  }
  write(statePath, found === "exact" ? { ...state, writtenBy: about.version } : migrate(state));
  const token = process.env.STANDIN_GATEWAY_TOKEN;
  const server = createServer(async (request, response) => {
    const answer = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    let text = "";
    for await (const chunk of request) text += chunk;
    if (request.url !== "/tools/invoke") return answer(200, { ok: true });
    if (!token || request.headers.authorization !== `Bearer ${token}`) return answer(401, { error: "unauthorized" });
    if (!starts) return answer(500, { error: "starting" });
    try {
      answer(...invoke(JSON.parse(text || "{}")));
    } catch (error) {
      answer(500, { error: String(error) });
    }
  });
  server.listen(port, "127.0.0.1", () => console.log(`stand-in ${about.version} is listening on ${port}`));
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      rmSync(leasePath, { force: true });
      process.exit(0);
    });
  }
}

function counts() {
  const state = load();
  console.log(JSON.stringify(Object.fromEntries(KINDS.map((kind) => [kind, state[kind].length]))));
}

function preflight() {
  const found = verdict(load());
  console.log(JSON.stringify({ verdict: found, schema }));
  process.exitCode = found === "incompatible" ? INCOMPATIBLE : 0;
}

function doctor() {
  const state = load();
  write(statePath, { ...(verdict(state) === "exact" ? state : migrate(state)), schema });
}

const [command, ...words] = process.argv.slice(2);
if (command === "gateway" && words[0] === "--port") gateway(Number(words[1]));
else if (command === "counts") counts();
else if (command === "preflight") preflight();
else if (command === "doctor") doctor();
else if (command === "lease" && words[0] === "clear") rmSync(leasePath, { force: true });
else end(2, "usage: gateway --port PORT | counts | preflight | doctor | lease clear");
