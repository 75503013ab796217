// Prints every expression of the dashboards as a recording rule, for promtool to read. JSON is YAML.
import { readFileSync, readdirSync } from "node:fs";

const folder = new URL("dashboards/", import.meta.url);
const rules = readdirSync(folder).flatMap((file) => {
  const { uid, panels } = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  return panels.flatMap(({ id, title, targets }) => {
    if (targets.length === 0) throw new Error(`${file}: ${title} shows nothing`);
    return targets.map(({ refId, expr }) => ({
      record: `${uid}:panel_${id}:${refId.toLowerCase()}`,
      // What Grafana puts in.
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$__range", "1h"),
    }));
  });
});
if (rules.length === 0) throw new Error("no expressions");
process.stdout.write(JSON.stringify({ groups: [{ name: "dashboards", rules }] }, null, 2));
