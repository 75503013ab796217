import assert from "node:assert/strict";
import { test } from "node:test";

import { UNTESTED, rowsOf, summaryOf, verdictOf } from "../src/diagnosis.js";
import { only, transportOf } from "../src/probe.js";

/** @typedef {import("../src/diagnosis.js").Findings} Findings @typedef {import("../src/diagnosis.js").Reach} Reach */

/** @type {Reach} */
const works = { state: "works", ms: 12 };
/** @type {Reach} */
const blocked = { state: "blocked" };
/** @type {Reach} */
const absent = { state: "absent" };

/** @param {[Reach, Reach, Reach]} relays @param {Findings["router"]} router @param {Reach} [server] @returns {Findings} */
const found = ([udp, tcp, tls], router, server = works) => ({ ...UNTESTED, server, relay: { udp, tcp, tls }, router });

test("every network has its verdict, and a bad one its next step", () => {
  /** @type {[Findings, string, RegExp][]} */
  const cases = [
    [UNTESTED, "testing", /Testing/],
    [found([works, works, works], "testing"), "testing", /Testing/],
    [found([works, works, works], "direct"), "good", /directly/],
    [found([works, works, works], "symmetric"), "good", /some of them through the relay/],
    [found([works, absent, absent], "unknown"), "good", /some of them/],
    [found([blocked, works, works], "no-udp"), "fair", /through the relay/],
    [found([blocked, blocked, works], "no-udp"), "fair", /through the relay/],
    [found([blocked, blocked, blocked], "no-udp"), "bad", /will not connect/],
    [found([blocked, blocked, blocked], "direct"), "fair", /as open as yours/],
    [found([absent, absent, absent], "unknown"), "fair", /your own network/],
    [found([blocked, blocked, blocked], "no-udp", blocked), "bad", /server cannot be reached/],
  ];
  for (const [findings, mark, title] of cases) {
    const verdict = verdictOf(findings);
    assert.equal(verdict.mark, mark, verdict.title);
    assert.match(verdict.title, title);
    assert.equal(verdict.next === "", mark === "good" || mark === "testing", verdict.title);
  }
});

test("each thing has its line, told by more than colour", () => {
  const rows = rowsOf({ ...found([blocked, works, absent], "no-udp"), carrier: "events" });
  assert.deepEqual(rows.map(({ mark }) => mark), ["good", "bad", "good", "neutral", "fair"]);
  assert.match(rows[0]?.text ?? "", /without a WebSocket.*12 ms/);
  const summary = summaryOf(found([works, works, works], "direct")).split("\n");
  assert.equal(summary.length, 6);
  assert.ok(summary.every((line) => !/\d+\.\d+/.test(line)), "no address");
});

test("addresses are told apart by what carries them", () => {
  const server = { urls: ["stun:a", "turn:a?transport=udp", "turn:a?transport=tcp", "turns:a:443?transport=tcp", "turn:b"], username: "u", credential: "c" };
  assert.deepEqual(server.urls.map(transportOf), ["stun", "udp", "tcp", "tls", "udp"]);
  assert.deepEqual(only([server, { urls: "stun:c" }], "udp"), [{ ...server, urls: ["turn:a?transport=udp", "turn:b"] }]);
  assert.deepEqual(only([server, { urls: "stun:c" }], "stun").length, 2);
});
