import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { report as frameOf } from "../src/protocol.js";
import { Report } from "../src/report.js";

const begin = () => {
  /** @type {import("../src/report.js").CallReport[]} */
  const told = [];
  return { told, report: new Report((report) => told.push(report)) };
};

test("a call that connects is told once, with its way and the bucket of its time", () => {
  for (const [took, bucket] of [[0, 250], [250, 250], [251, 500], [30_000, 30_000], [30_001, null]]) {
    const { told, report } = begin();
    report.met(1000);
    report.connected(1000 + (took ?? 0));
    assert.deepEqual(told, [], "the way is not known yet");
    report.takes("relayed");
    report.takes("direct");
    report.over("ice", 99_000);
    assert.deepEqual(told, [{ outcome: "connected", reason: "none", setup_bucket: bucket, path: "relayed" }]);
  }
});

test("the time is that of the first connection after the first meeting", () => {
  const { told, report } = begin();
  report.met(1000);
  report.met(5000);
  report.connected(1400);
  report.connected(9000);
  report.takes("direct");
  assert.equal(told[0]?.setup_bucket, 500);
});

test("who hangs up before the way is known was connected all the same", () => {
  const { told, report } = begin();
  report.met(0);
  report.connected(900);
  report.over("ice", 1000);
  assert.deepEqual(told, [{ outcome: "connected", reason: "none", setup_bucket: 1000, path: "none" }]);
});

test("who leaves at once has not failed, who waited has", () => {
  for (const [after, reason] of /** @type {const} */ ([[14_999, "abandoned"], [15_000, "no-relay"]])) {
    const { told, report } = begin();
    report.met(1000);
    report.over("no-relay", 1000 + after);
    report.connected(60_000);
    report.takes("direct");
    assert.deepEqual(told, [{ outcome: "failed", reason, setup_bucket: null, path: "none" }]);
  }
});

test("where nobody came there is nothing to tell", () => {
  const { told, report } = begin();
  report.connected(100);
  report.takes("direct");
  report.over("no-answer", 60_000);
  assert.deepEqual(told, []);
});

test("no report is longer than the server takes", () => {
  const longest = frameOf({ outcome: "connected", reason: "none", setup_bucket: 30_000, path: "relayed" });
  assert.ok(longest.length <= 200, longest);
  const rust = readFileSync(new URL("../../crates/protocol/src/call/report.rs", import.meta.url), "utf8");
  const page = readFileSync(new URL("../src/report.js", import.meta.url), "utf8");
  /** @param {string} text @param {RegExp} list */
  const numbers = (text, list) => list.exec(text)?.[1]?.replaceAll("_", "");
  const buckets = numbers(page, /BUCKETS_MS = \[([^\]]+)\]/);
  assert.ok(buckets);
  assert.equal(buckets, numbers(rust, /SETUP_BUCKETS_MS: \[u32; 8\] = \[([^\]]+)\]/), "one set of buckets");
});
