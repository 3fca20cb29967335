// Answers with npm's own ranges: reads [range, version] as JSON lines, prints `true`, `false` or `unread` for each.
// usage: node engines.cjs SEMVER_DIRECTORY < pairs
const semver = require(process.argv[2]);
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
  const [range, version] = JSON.parse(line);
  const read = semver.validRange(range) !== null;
  console.log(read ? semver.satisfies(version, range) : "unread");
}
