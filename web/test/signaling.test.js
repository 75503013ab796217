import assert from "node:assert/strict";
import { test } from "node:test";

import { PING } from "../src/protocol.js";
import { Signaling } from "../src/signaling.js";
import { Clock } from "./clock.js";

class FakeSocket {
  readyState = 0;
  /** @type {string[]} */
  sent = [];
  /** @type {number | undefined} */
  closed;
  /** @type {() => void} */ onopen = () => {};
  /** @type {(event: { data: string }) => void} */ onmessage = () => {};
  /** @type {(event: { code: number }) => void} */ onclose = () => {};

  open() {
    this.readyState = 1;
    this.onopen();
  }
  /** @param {string} text */
  send(text) {
    this.sent.push(text);
  }
  /** @param {number} [code] */
  close(code) {
    this.closed = code ?? 0;
  }
  /** @param {number} code */
  lose(code) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

const begin = () => {
  const clock = new Clock();
  /** @type {FakeSocket[]} */
  const sockets = [];
  /** @type {import("../src/signaling.js").SignalingEvent[]} */
  const events = [];
  const surroundings = {
    WebSocket: /** @type {typeof WebSocket} */ (/** @type {unknown} */ (class extends FakeSocket {
      constructor() {
        super();
        sockets.push(this);
      }
    })),
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
    random: () => 1,
    now: () => clock.now,
  };
  const signaling = new Signaling("ws://here/ws", (event) => events.push(event), surroundings);
  const socket = () => sockets.at(-1) ?? assert.fail("no socket");
  return { clock, sockets, socket, events, signaling };
};

test("pings keep it alive, silence is noticed", () => {
  const { clock, socket, events } = begin();
  socket().open();
  clock.pass(2100);
  assert.deepEqual(socket().sent, [PING]);
  socket().onmessage({ data: '{"type":"pong"}' });
  clock.pass(5900);
  assert.deepEqual(events.map(({ type }) => type), ["open"]);
  clock.pass(200);
  assert.equal(events.at(-1)?.type, "lost");
});

test("it waits longer each time, up to ten seconds, and says so", () => {
  const { clock, socket, events } = begin();
  /** @type {number[]} */
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    socket().lose(1006);
    const lost = events.at(-1);
    assert.ok(lost?.type === "lost" && lost.attempt === n + 1);
    waits.push(lost.retryInMs);
    clock.pass(lost.retryInMs);
  }
  assert.deepEqual(waits, [300, 600, 1200, 2400, 4800, 9600, 10_000, 10_000]);
  socket().open();
  socket().lose(1012);
  const lost = events.at(-1);
  assert.ok(lost?.type === "lost" && lost.retryInMs === 300 && lost.reason === "restart");
});

test("a hidden tab whose timers come late asks before it gives up", () => {
  const { clock, socket, events } = begin();
  socket().open();
  clock.now += 60_000;
  clock.pass(1);
  assert.deepEqual(events.map(({ type }) => type), ["open"]);
  assert.equal(socket().sent.at(-1), PING);
  clock.pass(6001);
  assert.equal(events.at(-1)?.type, "lost");
});

test("a person need not wait", () => {
  const { socket, sockets, signaling } = begin();
  socket().lose(1006);
  signaling.retryNow();
  assert.equal(sockets.length, 2);
  signaling.retryNow();
  assert.equal(sockets.length, 2, "one at a time");
});

test("an end is an end", () => {
  const { clock, socket, sockets, events, signaling } = begin();
  socket().open();
  signaling.end("bye");
  assert.deepEqual(socket().sent, ["bye"]);
  assert.equal(socket().closed, 1000);
  socket().lose(1000);
  clock.pass(60_000);
  assert.equal(sockets.length, 1);
  assert.deepEqual(events.map(({ type }) => type), ["open"]);
});

test("a socket that never opens is given up", () => {
  const { clock, events, sockets } = begin();
  clock.pass(8000);
  assert.equal(events.at(-1)?.type, "lost");
  clock.pass(300);
  assert.equal(sockets.length, 2);
});

test("a frame that nobody understands is no event", () => {
  const { socket, events } = begin();
  socket().open();
  socket().onmessage({ data: "{" });
  socket().onmessage({ data: '{"type":"peer-left"}' });
  assert.deepEqual(events.map(({ type }) => type), ["open", "message"]);
});

test("a seat that another window took is not taken back, even when only the close says so", () => {
  const { clock, socket, sockets, events } = begin();
  socket().open();
  socket().lose(4409);
  const last = events.at(-1);
  assert.ok(last?.type === "message" && last.message.type === "error" && last.message.code === "replaced");
  clock.pass(60_000);
  assert.equal(sockets.length, 1);
});
