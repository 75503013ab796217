import assert from "node:assert/strict";
import { test } from "node:test";

import { HOME, next } from "../src/call.js";

/** @typedef {import("../src/call.js").Call} Call @typedef {import("../src/call.js").Happening} Happening */

/** @type {import("../src/protocol.js").Target} */
const PIN = { kind: "pin", pin: "012345" };

/** Where a story ends, and the effects of its last step. @param {Happening[]} story @param {Call} [from] */
const after = (story, from = HOME) => {
  let now = 1000;
  /** @type {import("../src/call.js").Step} */
  let step = [from];
  for (const happening of story) step = next(step[0], happening, (now += 1000));
  const [call, ...effects] = step;
  return { call, effects, kinds: effects.map(({ type }) => type) };
};

/** @type {Happening[]} */
const WAITING = [{ type: "go", target: PIN, fresh: true }, { type: "enter" }, { type: "socket-open" }, { type: "joined", offerer: true, peerPresent: false, resumed: false, relay: true }];
/** @type {Happening[]} */
const TALKING = [...WAITING, { type: "peer-joined" }, { type: "media", state: "connected" }];

test("from the first digit to a running call", () => {
  assert.equal(after(WAITING.slice(0, 1)).call.screen, "lobby");
  assert.deepEqual(after(WAITING.slice(0, 1)).kinds, ["devices"]);
  assert.deepEqual(after(WAITING.slice(0, 2)).kinds, ["join", "say"]);
  assert.equal(after(WAITING).call.screen, "waiting");
  const { call } = after(TALKING);
  assert.ok(call.screen === "call" && call.media === "connected" && call.since !== null);
});

test("a server without a relay says so from the waiting to the end of the call", () => {
  const [go, enter, open] = WAITING;
  assert.ok(go && enter && open);
  const story = [go, enter, open, { type: /** @type {const} */ ("joined"), offerer: true, peerPresent: false, resumed: false, relay: false }];
  const { call: waiting } = after(story);
  assert.ok(waiting.screen === "waiting" && !waiting.relay);
  const { call: failed } = after([...story, { type: "peer-joined" }, { type: "media", state: "failed" }]);
  assert.ok(failed.screen === "call" && !failed.relay);
  const { call: back } = after([{ type: "joined", offerer: true, peerPresent: true, resumed: true, relay: true }], failed);
  assert.ok(back.screen === "call" && back.relay);
});

test("another link in the middle of a call ends that call", () => {
  const { call, kinds } = after([...TALKING, { type: "go", target: { kind: "pin", pin: "999999" }, fresh: false }]);
  assert.equal(call.screen, "lobby");
  assert.deepEqual(kinds, ["hang-up", "forget", "devices"]);
});

test("the other one leaves, or is lost", () => {
  const left = after([...TALKING, { type: "peer-left" }]);
  assert.ok(left.call.screen === "ended" && left.call.why === "peer-left");
  assert.deepEqual(left.kinds, ["hang-up", "forget", "chime", "say"]);
  const lost = after([...TALKING, { type: "peer-away" }, { type: "peer-left" }]);
  assert.ok(lost.call.screen === "ended" && lost.call.why === "peer-lost");
  assert.equal(after([...WAITING, { type: "peer-left" }]).call.screen, "waiting");
});

test("a lost socket changes nothing about the call", () => {
  const { call, effects } = after([...TALKING, { type: "socket-lost", retryInMs: 500, attempt: 1, reason: "network" }]);
  assert.ok(call.screen === "call" && call.media === "connected" && call.socket.state === "lost");
  assert.deepEqual(effects, []);
  const back = after([{ type: "socket-retrying" }, { type: "socket-open" }, { type: "joined", offerer: true, peerPresent: true, resumed: true, relay: true }], call);
  assert.ok(back.call.screen === "call" && back.call.socket.state === "open" && !back.call.away);
  assert.ok(back.call.since !== null, "the timer goes on");
});

test("every state of the media keeps the call on its screen", () => {
  for (const state of /** @type {const} */ (["connecting", "connected", "disconnected", "restarting", "failed"])) {
    const { call } = after([...TALKING, { type: "media", state }]);
    assert.ok(call.screen === "call" && call.media === state, state);
  }
  const slow = after([...WAITING, { type: "peer-joined" }, { type: "slow" }]);
  assert.ok(slow.call.screen === "call" && slow.call.slow);
  const atLast = after([{ type: "media", state: "connected" }], slow.call);
  assert.ok(atLast.call.screen === "call" && !atLast.call.slow);
});

test("every refusal is a failure with a name, and ends the line", () => {
  /** @type {Record<string, string>} */
  const names = { "invalid-pin": "invalid-pin", "invalid-call": "invalid-link", "room-full": "room-full", "rate-limited": "rate-limited", replaced: "replaced", unknown: "server" };
  for (const [code, failure] of Object.entries(names)) {
    const { call, kinds } = after([...WAITING, { type: "refused", code: /** @type {import("../src/protocol.js").ErrorCode} */ (code), text: "", retryAfterMs: code === "rate-limited" ? 5000 : null }]);
    assert.ok(call.screen === "failure" && call.failure === failure, code);
    assert.equal(call.retryAt !== null, code === "rate-limited");
    assert.ok(kinds.includes("hang-up"));
  }
});

test("what was refused can be tried again with the same PIN", () => {
  const { call } = after([...WAITING, { type: "refused", code: "room-full", text: "", retryAfterMs: null }, { type: "again" }]);
  assert.ok(call.screen === "lobby");
  assert.deepEqual(call.target, PIN);
});

test("hanging up and cancelling leave nothing behind", () => {
  assert.deepEqual(after([...TALKING, { type: "hang-up" }]).kinds, ["hang-up", "forget"]);
  assert.deepEqual(after([...WAITING, { type: "cancel" }]), { call: HOME, effects: [{ type: "hang-up" }, { type: "forget" }], kinds: ["hang-up", "forget"] });
});

test("a reload goes straight back", () => {
  const { call, kinds } = after([{ type: "resume", target: PIN }]);
  assert.equal(call.screen, "waiting");
  assert.deepEqual(kinds, ["devices", "join"]);
});

test("what a line tells after its end is heard by nobody", () => {
  for (const happening of /** @type {Happening[]} */ ([{ type: "peer-joined" }, { type: "media", state: "connected" }, { type: "socket-open" }])) {
    assert.deepEqual(after([happening]), { call: HOME, effects: [], kinds: [] });
  }
});
