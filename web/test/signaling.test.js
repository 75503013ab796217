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

/** What events and POSTs are made of; nothing answers unless the test says so. */
class FakeEvents {
  /** @type {Record<string, (event: { data?: string }) => void>} */
  ears = {};
  closed = false;
  /** @param {string} url */
  constructor(url) {
    this.url = url;
  }
  /** @param {string} type @param {(event: { data?: string }) => void} heard */
  addEventListener(type, heard) {
    this.ears[type] = heard;
  }
  close() {
    this.closed = true;
  }
  /** @param {string} type @param {string} [data] */
  tell(type, data) {
    this.ears[type]?.(data === undefined ? {} : { data });
  }
}

const begin = () => {
  const clock = new Clock();
  /** @type {FakeSocket[]} */
  const sockets = [];
  /** @type {FakeEvents[]} */
  const streams = [];
  /** @type {{ url: string, body: string, name: string, answer: (ok: boolean) => void }[]} */
  const posts = [];
  /** @type {import("../src/signaling.js").SignalingEvent[]} */
  const events = [];
  const surroundings = {
    WebSocket: /** @type {typeof WebSocket} */ (/** @type {unknown} */ (class extends FakeSocket {
      constructor() {
        super();
        sockets.push(this);
      }
    })),
    EventSource: /** @type {typeof EventSource} */ (/** @type {unknown} */ (class extends FakeEvents {
      /** @param {string} url */
      constructor(url) {
        super(url);
        streams.push(this);
      }
    })),
    fetch: /** @type {typeof fetch} */ (/** @type {unknown} */ ((/** @type {string} */ url, /** @type {{ body: string, headers: { authorization: string } }} */ { body, headers }) =>
      new Promise((resolve) => posts.push({ url, body, name: headers.authorization, answer: (ok) => resolve({ ok }) })))),
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
    random: () => 1,
    now: () => clock.now,
  };
  const signaling = new Signaling("ws://here/ws", (event) => events.push(event), surroundings);
  const socket = () => sockets.at(-1) ?? assert.fail("no socket");
  const stream = () => streams.at(-1) ?? assert.fail("no events");
  /** Neither way goes. @param {number} code */
  const fail = (code) => {
    socket().lose(code);
    stream().tell("error");
  };
  return { clock, sockets, socket, streams, stream, posts, fail, events, signaling };
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
  const { clock, socket, fail, events } = begin();
  /** @type {number[]} */
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    fail(1006);
    const lost = events.at(-1);
    assert.ok(lost?.type === "lost" && lost.attempt === n + 1);
    waits.push(lost.retryInMs);
    clock.pass(lost.retryInMs);
  }
  assert.deepEqual(waits, [300, 600, 1200, 2400, 4800, 9600, 10_000, 10_000]);
  socket().open();
  socket().onmessage({ data: '{"type":"pong"}' });
  socket().lose(1012);
  const lost = events.at(-1);
  assert.ok(lost?.type === "lost" && lost.retryInMs === 300 && lost.reason === "restart");
});

test("a hidden tab whose timers come late asks before it gives up", () => {
  const { clock, socket, events } = begin();
  socket().open();
  socket().onmessage({ data: '{"type":"pong"}' });
  clock.now += 60_000;
  clock.pass(1);
  assert.deepEqual(events.map(({ type }) => type), ["open"]);
  assert.equal(socket().sent.at(-1), PING);
  clock.pass(6001);
  assert.equal(events.at(-1)?.type, "lost");
});

test("a person need not wait", () => {
  const { fail, sockets, signaling } = begin();
  fail(1006);
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
  const { clock, events, sockets, streams } = begin();
  clock.pass(5000);
  assert.deepEqual([events.length, streams.length], [0, 1], "events have their chance first");
  clock.pass(8000);
  assert.equal(events.at(-1)?.type, "lost");
  assert.ok(streams[0]?.closed);
  clock.pass(300);
  assert.equal(sockets.length, 2);
});

test("where a socket fails, events and posts carry the messages in order", async () => {
  const { clock, socket, stream, posts, sockets, streams, events, signaling } = begin();
  socket().lose(1006);
  assert.equal(stream().url, "http://here/ws/events");
  stream().tell("open");
  assert.equal(signaling.isOpen, false, "the browser's own event names nobody");
  stream().tell("open", "a-name");
  assert.deepEqual([signaling.isOpen, signaling.carrier], [true, "events"]);
  for (const text of ["1", "2", "3"]) signaling.send(text);
  assert.deepEqual(posts.map(({ url, body, name }) => [url, body, name]), [["http://here/ws/messages", "1", "Bearer a-name"]]);
  posts[0]?.answer(true);
  await new Promise(setImmediate);
  assert.equal(posts[1]?.body, "2\n3", "what waited goes together");
  stream().tell("message", '{"type":"peer-left"}');
  assert.deepEqual(events.map(({ type }) => type), ["open", "message"]);
  // A post that fails is a loss; what worked is tried first when it comes back.
  posts[1]?.answer(false);
  await new Promise(setImmediate);
  const lost = events.at(-1);
  assert.ok(lost?.type === "lost" && stream().closed);
  clock.pass(lost.retryInMs);
  assert.deepEqual([sockets.length, streams.length], [1, 2]);
  stream().tell("error");
  assert.equal(sockets.length, 2, "then the socket has its turn");
});

test("a socket that opens and is deaf is no socket", () => {
  const { clock, socket, streams } = begin();
  socket().open();
  clock.pass(6001);
  assert.equal(streams.length, 1);
});

test("a server that sends away is no broken socket, and its word comes through events too", () => {
  const { clock, socket, stream, streams, events } = begin();
  socket().open();
  socket().lose(1012);
  assert.equal(streams.length, 0);
  clock.pass(300);
  socket().lose(1006);
  stream().tell("open", "a-name");
  stream().tell("close", '{"code":1013,"reason":"busy"}');
  const lost = events.at(-1);
  assert.ok(lost?.type === "lost" && lost.reason === "busy");
});

test("the last word is posted before the events end", async () => {
  const { socket, stream, posts, signaling } = begin();
  socket().lose(1006);
  stream().tell("open", "a-name");
  signaling.send("1");
  signaling.end("bye");
  assert.equal(stream().closed, false);
  posts[0]?.answer(true);
  await new Promise(setImmediate);
  assert.equal(posts[1]?.body, "bye");
  posts[1]?.answer(true);
  await new Promise(setImmediate);
  assert.ok(stream().closed);
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
