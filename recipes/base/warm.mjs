// Starts the gateway once inside its container, waits until it answers, stops it, and prints what
// that took as one JSON line. Run while building, it fills the caches that the image then carries;
// run on a finished image, it measures a warm start.
//
// usage: node warm.mjs TIMEOUT_SECONDS HEALTH_URL COMMAND   (COMMAND is a JSON list of words)
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

const [timeout, url, command] = process.argv.slice(2);
const [program, ...args] = JSON.parse(command);
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const gateway = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
const ended = new Promise((resolve) => gateway.on("exit", (code, signal) => resolve({ code, signal })));

// Peak resident memory of the gateway and of what it started, in KiB.
function peak() {
  const status = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const text = readFileSync(`/proc/${pid}/status`, "utf8");
      const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
      status.set(Number(pid), { parent: field("PPid"), peak: field("VmHWM") });
    } catch {
      // The process ended while it was read.
    }
  }
  const below = (pid) => [...status].filter(([, s]) => s.parent === pid).reduce((sum, [child]) => sum + below(child), status.get(pid)?.peak ?? 0);
  return below(gateway.pid);
}

async function answers() {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).status < 500;
  } catch {
    return false;
  }
}

let exit;
ended.then((value) => (exit = value));
while (!(await answers())) {
  if (exit) {
    console.error(`the gateway ended before it answered: ${JSON.stringify(exit)}`);
    process.exit(1);
  }
  if (seconds() > Number(timeout)) {
    console.error(`the gateway did not answer within ${timeout} s`);
    gateway.kill("SIGKILL");
    process.exit(1);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const result = { seconds: Number(seconds().toFixed(2)), peak_kib: peak() };
gateway.kill("SIGTERM");
await ended;
console.log(`clawbake-warm: ${JSON.stringify(result)}`);
