import assert from "node:assert/strict";
import { test } from "node:test";

import { EchoCall, UNCHANGED } from "../src/echo-call.js";
import { digestEcho, echoVerdict, pointsOf } from "../src/echo-metrics.js";

/** @typedef {import("../src/echo-metrics.js").Report} Report @typedef {import("../src/echo-metrics.js").EchoSample} EchoSample */

/** @type {Report[]} */
const REPORTS = [
  { id: "t", type: "transport", selectedCandidatePairId: "p" },
  { id: "p", type: "candidate-pair", localCandidateId: "l", remoteCandidateId: "r", currentRoundTripTime: 0.038 },
  { id: "l", type: "local-candidate", candidateType: "host", protocol: "udp" },
  { id: "r", type: "remote-candidate", candidateType: "host" },
  { id: "o", type: "outbound-rtp", kind: "video", bytesSent: 1000, frameWidth: 1280, frameHeight: 720, codecId: "c" },
  { id: "i", type: "inbound-rtp", kind: "video", bytesReceived: 1000, packetsReceived: 100, packetsLost: 0, jitter: 0.004, framesPerSecond: 30 },
  { id: "a", type: "inbound-rtp", kind: "audio", bytesReceived: 10, packetsReceived: 10, packetsLost: 0, codecId: "d" },
  { id: "c", type: "codec", mimeType: "video/VP8" },
  { id: "d", type: "codec", mimeType: "audio/opus" },
];

/** @param {Partial<EchoSample>} sample @param {number} [count] @returns {EchoSample[]} */
const samples = (sample, count = 8) => {
  const usual = { ...digestEcho(REPORTS, null, 0).sample, lossPercent: 0, ...sample };
  return Array.from({ length: count }, () => usual);
};
/** @param {Partial<EchoSample>} sample */
const verdict = (sample) => echoVerdict("connected", "", samples(sample), UNCHANGED);

test("a sample tells what a person wants to know", () => {
  const { sample } = digestEcho(REPORTS, null, 0);
  assert.deepEqual(
    [sample.way, sample.roundTripMs, sample.fps, sample.size, sample.jitterMs, sample.codec],
    ["Direct, UDP", 38, 30, "1280 × 720", 4, "VP8, opus"],
  );
  const relayed = REPORTS.map((report) => (report.id === "l" ? { ...report, candidateType: "relay", relayProtocol: "tls" } : report));
  assert.equal(digestEcho(relayed, null, 0).sample.way, "Relayed, TLS");
  const { sample: nothing } = digestEcho([], null, 0);
  assert.deepEqual([nothing.way, nothing.fps, nothing.size, nothing.jitterMs, nothing.codec], ["", null, "", null, ""]);
});

test("a good network is told so, with its path and its round trip", () => {
  assert.deepEqual(verdict({}), { mark: "good", title: "Your calls will work: direct, 38 ms", next: "" });
  assert.equal(verdict({ path: "relayed" }).title, "Your calls will work: relayed, 38 ms");
});

test("a bad network is told why, and what to do", () => {
  /** @type {[Partial<EchoSample>, string, RegExp][]} */
  const cases = [
    [{ lossPercent: 8 }, "fair", /8 % of the packets/],
    [{ lossPercent: 18 }, "bad", /18 % of the packets/],
    [{ roundTripMs: 700 }, "fair", /the way to the server is long/],
    [{ freezes: 1 }, "bad", /stood still/],
  ];
  for (const [sample, mark, why] of cases) {
    const told = verdict(sample);
    assert.equal(told.mark, mark);
    assert.match(told.title, why);
    assert.ok(told.next);
  }
});

test("nothing is judged too early, or when packets are lost on purpose", () => {
  assert.equal(echoVerdict("connected", "", samples({}, 3), UNCHANGED).mark, "testing");
  const spoilt = echoVerdict("connected", "", samples({ lossPercent: 18 }), { ...UNCHANGED, pipeline: "loss", loss: 18 });
  assert.equal(spoilt.mark, "neutral");
  for (const state of /** @type {const} */ (["idle", "connecting", "interrupted", "failed", "ended"])) assert.ok(echoVerdict(state, "", [], UNCHANGED).title);
  assert.equal(echoVerdict("failed", "Too many tests.", [], UNCHANGED).next, "Too many tests.");
});

test("a graph ends at the right, has its peak at the top, and gaps where nothing was measured", () => {
  assert.equal(pointsOf([0, null, 10], 3), "0,23 100,1");
  assert.equal(pointsOf([], 3), "");
  assert.equal(pointsOf([1, 2, 3, 4], 2).split(" ").length, 2);
});

class FakeConnection {
  connectionState = "new";
  closed = false;
  localDescription = { sdp: "offer-sdp", type: "offer" };
  /** @type {string[]} */
  sent = [];
  channel = { readyState: "open", send: (/** @type {string} */ text) => void this.sent.push(text), onmessage: (/** @type {{ data: string }} */ _) => {} };
  /** @type {unknown} */ remote;
  onconnectionstatechange = () => {};
  addTransceiver() {}
  createDataChannel() {
    return this.channel;
  }
  async setLocalDescription() {}
  /** @param {unknown} description */
  async setRemoteDescription(description) {
    this.remote = description;
  }
  close() {
    this.closed = true;
  }
}

/** @param {{ ok: boolean, body: unknown }} answer */
const begin = (answer) => {
  const pc = new FakeConnection();
  /** @type {{ url: string, method: string, body: any }[]} */
  const asked = [];
  /** @type {import("../src/echo-call.js").EchoEvent[]} */
  const events = [];
  const call = new EchoCall((event) => events.push(event), {
    RTCPeerConnection: /** @type {any} */ (function () {
      return pc;
    }),
    MediaStream: /** @type {any} */ (class {}),
    fetch: /** @type {any} */ (async (/** @type {string} */ url, /** @type {RequestInit} */ { method = "GET", body } = {}) => {
      asked.push({ url, method, body: typeof body === "string" ? JSON.parse(body) : null });
      return url.endsWith("ice-servers") ? { json: async () => ({ iceServers: [] }) } : { ok: answer.ok, json: async () => answer.body };
    }),
  });
  return { pc, asked, events, call, last: () => events.at(-1) };
};

test("one post makes the call, and its end is told", async () => {
  const { pc, asked, call, last } = begin({ ok: true, body: { sdp: "answer-sdp", type: "answer", sessionId: "s" } });
  await call.start([null, null], { ...UNCHANGED, pipeline: "delay", delay: 2 });
  assert.deepEqual(asked[1]?.body, { sdp: "offer-sdp", type: "offer", initialParameters: { pipeline: "delay", delay: 2, loss: 0 } });
  assert.deepEqual(pc.remote, { type: "answer", sdp: "answer-sdp" });
  pc.connectionState = "connected";
  pc.onconnectionstatechange();
  assert.deepEqual(last(), { type: "state", state: "connected", why: "" });
  call.set({ loss: 3 });
  call.prompt("hello");
  assert.deepEqual(pc.sent, ['{"loss":3}', '{"prompts":["hello"]}']);
  pc.channel.onmessage({ data: '{"type":"parameters_updated","pipeline":"loss","delay":2,"loss":3,"prompts":[],"unknown":[],"errors":{"loss":"loss is 0 to 20 percent"},"answer":"heard"}' });
  assert.deepEqual(last(), { type: "parameters", parameters: { pipeline: "loss", delay: 2, loss: 3 }, answer: "heard", problem: "loss is 0 to 20 percent" });
  call.stop();
  assert.ok(!pc.closed, "the server would not know any more what is to be deleted");
  await new Promise((done) => setImmediate(done));
  assert.ok(pc.closed);
  assert.deepEqual([asked.at(-1)?.method, asked.at(-1)?.url], ["DELETE", "/api/v1/webrtc/offer/s"]);
  assert.deepEqual(last(), { type: "state", state: "ended", why: "" });
});

test("a refusal is told in the server's words, and so is its farewell", async () => {
  const refused = begin({ ok: false, body: { error: "Too many tests.", code: "rate-limited" } });
  await refused.call.start([null, null], UNCHANGED);
  assert.deepEqual(refused.last(), { type: "state", state: "failed", why: "Too many tests." });
  const { pc, call, last } = begin({ ok: true, body: { sdp: "x", type: "answer", sessionId: "s" } });
  await call.start([null, null], UNCHANGED);
  pc.channel.onmessage({ data: '{"type":"stream_stopped","error_message":"The server restarts."}' });
  assert.deepEqual(last(), { type: "state", state: "ended", why: "The server restarts." });
});
