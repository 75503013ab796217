import assert from "node:assert/strict";
import { test } from "node:test";

import { Negotiation, sturdy } from "../src/negotiation.js";

/** As much of a connection as a negotiation sees. */
class FakeConnection {
  signalingState = "stable";
  /** @type {RTCSessionDescriptionInit | null} */ local = null;
  /** @type {RTCSessionDescriptionInit | null} */ remoteDescription = null;
  /** @type {unknown[]} */ candidates = [];
  /** @type {string[]} */ set = [];
  /** Whether it knows provisional answers. */ provisional = true;
  /** @type {(event: { candidate: { candidate: string, toJSON: () => unknown } | null }) => void} */ onicecandidate = () => {};
  /** @type {() => void} */ onnegotiationneeded = () => {};

  get localDescription() {
    return this.local;
  }
  async createAnswer() {
    return { type: "answer", sdp: "ours" };
  }
  /** @param {RTCSessionDescriptionInit} [description] */
  async setLocalDescription(description) {
    if (description?.type === "pranswer" && !this.provisional) throw new Error("no such thing");
    const type = description?.type ?? (this.signalingState === "stable" ? "offer" : "answer");
    this.local = { type, sdp: "ours" };
    this.set.push(type);
    this.signalingState = type === "offer" ? "have-local-offer" : type === "pranswer" ? "have-local-pranswer" : "stable";
  }
  /** @param {RTCSessionDescriptionInit} description */
  async setRemoteDescription(description) {
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
  }
  /** @param {unknown} candidate */
  async addIceCandidate(candidate) {
    if (candidate === "bad") throw new Error("unknown ufrag");
    this.candidates.push(candidate);
  }
}

/** @param {boolean} offerer @param {boolean} [peerResumes] @param {boolean} [held] */
const begin = (offerer, peerResumes = true, held = false) => {
  const pc = new FakeConnection();
  /** @type {[string, unknown][]} */
  const sent = [];
  /** @type {(() => void)[]} */
  const later = [];
  let prepared = 0;
  const negotiation = new Negotiation(
    /** @type {RTCPeerConnection} */ (/** @type {unknown} */ (pc)),
    (type, data) => sent.push([type, data]),
    () => (prepared += 1),
    (run) => later.push(run),
  );
  negotiation.offerer = offerer;
  negotiation.tellEnd = peerResumes;
  if (!held) negotiation.begin();
  return { pc, sent, negotiation, later, prepared: () => prepared };
};

test("only the offerer offers", async () => {
  const [one, other] = [begin(true), begin(false)];
  for (const { pc } of [one, other]) pc.onnegotiationneeded();
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(one.sent.map(([type]) => type), ["offer"]);
  assert.deepEqual(other.sent, []);
});

test("an offer that was prepared is told when somebody comes, with what was found", async () => {
  const { negotiation, sent, pc } = begin(true, true, true);
  pc.onnegotiationneeded();
  await Promise.resolve();
  await Promise.resolve();
  pc.onicecandidate({ candidate: { candidate: "early", toJSON: () => "early" } });
  assert.deepEqual(sent, [], "nobody is there");
  pc.onicecandidate({ candidate: null });
  negotiation.begin();
  pc.onicecandidate({ candidate: { candidate: "late", toJSON: () => "late" } });
  const end = { candidate: "" };
  assert.deepEqual(sent, [["offer", { type: "offer", sdp: "ours" }], ["ice-candidate", end], ["ice-candidate", "late"]]);
});

test("an offer that is not ready is told when it is, once", async () => {
  const { negotiation, sent, pc } = begin(true, true, true);
  pc.onnegotiationneeded();
  const made = pc.local;
  pc.local = null;
  negotiation.begin();
  pc.local = made;
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(sent.length, 1);
});

test("an offer is answered after its lanes are prepared", async () => {
  const { negotiation, sent, prepared, pc } = begin(false);
  await negotiation.describe({ type: "offer", sdp: "theirs" });
  assert.equal(prepared(), 1);
  assert.deepEqual(sent, [["answer", { type: "answer", sdp: "ours" }]]);
  assert.equal(pc.signalingState, "stable");
  assert.deepEqual(pc.set, ["pranswer", "answer"], "what was gathered is kept");
  await negotiation.describe({ type: "offer", sdp: "theirs again" });
  assert.deepEqual(pc.set.slice(2), ["answer"]);
  assert.equal(sent.length, 2);
});

test("a browser without provisional answers answers too", async () => {
  const { negotiation, sent, pc } = begin(false);
  pc.provisional = false;
  await negotiation.describe({ type: "offer", sdp: "theirs" });
  assert.deepEqual(sent, [["answer", { type: "answer", sdp: "ours" }]]);
  assert.deepEqual(pc.set, ["answer"]);
});

test("candidates wait for their description, and a bad one harms none", async () => {
  const { negotiation, pc } = begin(false);
  await negotiation.candidate({ candidate: "early" });
  assert.deepEqual(pc.candidates, []);
  await negotiation.describe({ type: "offer", sdp: "theirs" });
  await negotiation.candidate(/** @type {RTCIceCandidateInit} */ (/** @type {unknown} */ ("bad")));
  await negotiation.candidate({ candidate: "late" });
  assert.deepEqual(pc.candidates, [{ candidate: "early" }, { candidate: "late" }]);
});

test("a stale answer is ignored", async () => {
  const { negotiation, pc } = begin(true);
  await negotiation.describe({ type: "answer", sdp: "late" });
  assert.equal(pc.remoteDescription, null);
});

test("when an old page offers at the same time, the offerer stays and the other gives way", async () => {
  const offerer = begin(true);
  await offerer.negotiation.offer();
  await offerer.negotiation.describe({ type: "offer", sdp: "collides" });
  assert.equal(offerer.pc.remoteDescription, null);
  const polite = begin(false);
  await polite.negotiation.offer();
  await polite.negotiation.describe({ type: "offer", sdp: "wins" });
  assert.equal(polite.pc.remoteDescription?.sdp, "wins");
  assert.equal(polite.sent.at(-1)?.[0], "answer");
});

const HOST = "candidate:1 1 udp 2122260223 10.0.0.1 50000 typ host";
const BY_UDP = "candidate:2 1 udp 41819903 203.0.113.7 50001 typ relay raddr 0.0.0.0 rport 0";
const BY_TCP = "candidate:3 1 udp 25042687 203.0.113.7 50002 typ relay raddr 0.0.0.0 rport 0";
const BY_TLS = "candidate:4 1 udp 8265471 203.0.113.7 50003 typ relay raddr 0.0.0.0 rport 0";
const ELSEWHERE = "candidate:5 1 udp 25042431 203.0.113.8 50004 typ relay raddr 0.0.0.0 rport 0";

/** As browsers do it: what is found is in the description, with other words at the end. @param {FakeConnection} pc @param {string[]} candidates */
const find = (pc, ...candidates) => {
  for (const candidate of candidates) {
    if (pc.local) pc.local.sdp = `${pc.local.sdp?.trimEnd()}\r\na=${candidate} network-cost 10\r\n`;
    pc.onicecandidate({ candidate: { candidate: `${candidate} ufrag x`, toJSON: () => candidate } });
  }
};

/** @param {[string, unknown][]} sent */
const candidatesOf = (sent) => sent.flatMap(([type, data]) => (type === "ice-candidate" ? [data] : []));

test("of a relay's addresses the best one is told", async () => {
  const { negotiation, sent, pc } = begin(true, true, true);
  await negotiation.offer();
  find(pc, HOST, BY_UDP, BY_TCP);
  negotiation.begin();
  const sdp = `ours\r\na=${HOST} network-cost 10\r\na=${BY_UDP} network-cost 10\r\n`;
  assert.deepEqual(sent, [["offer", { type: "offer", sdp }]]);
  find(pc, BY_TLS, ELSEWHERE);
  assert.deepEqual(candidatesOf(sent), [ELSEWHERE]);
  // What is gathered anew begins anew.
  pc.signalingState = "stable";
  await negotiation.offer();
  find(pc, BY_TCP);
  assert.deepEqual(candidatesOf(sent), [ELSEWHERE, BY_TCP]);
});

test("where nothing gets out by UDP the device's own addresses are told after the relay's", async () => {
  const { negotiation, sent, pc, later } = begin(true, true, true);
  await negotiation.offer();
  find(pc, HOST, BY_TCP, BY_TLS);
  pc.onicecandidate({ candidate: null });
  negotiation.begin();
  assert.deepEqual(sent, [["offer", { type: "offer", sdp: `ours\r\na=${BY_TCP} network-cost 10\r\n` }]]);
  for (const run of later) run();
  assert.deepEqual(candidatesOf(sent), [HOST, { candidate: "" }]);
});

test("an answer waits for no candidates, and takes those along that were gathered before", async () => {
  const { negotiation, sent, pc, later } = begin(false);
  const set = pc.setLocalDescription.bind(pc);
  pc.setLocalDescription = async (description) => {
    if (description?.type === "answer") find(pc, HOST, BY_TLS);
    await set(description);
  };
  await negotiation.describe({ type: "offer", sdp: "theirs" });
  assert.deepEqual(sent, [["answer", { type: "answer", sdp: "ours" }], ["ice-candidate", BY_TLS]]);
  for (const run of later) run();
  assert.deepEqual(candidatesOf(sent), [BY_TLS, HOST]);
});

test("the end of candidates is told", () => {
  const { pc, sent } = begin(true);
  pc.onicecandidate({ candidate: null });
  assert.deepEqual(sent, [["ice-candidate", { candidate: "" }]]);
});

test("the end of candidates is not told to a released page", () => {
  const { pc, sent } = begin(true, false);
  const some = { candidate: "candidate:1", toJSON: () => "some" };
  pc.onicecandidate({ candidate: some });
  pc.onicecandidate({ candidate: { candidate: "", toJSON: () => "end of a generation" } });
  pc.onicecandidate({ candidate: null });
  assert.deepEqual(sent, [["ice-candidate", "some"]]);
});

test("what is sent to the other one has Opus repair losses and save silence, whatever it asked for", () => {
  const lines = (/** @type {string} */ fmtp) => `v=0\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:96 VP8/90000\r\n${fmtp}\r\na=fmtp:96 max-fs=1\r\n`;
  const { sdp } = sturdy({ type: "offer", sdp: lines("a=fmtp:111 minptime=10; useinbandfec=0;stereo=1") });
  assert.equal(sdp, lines("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;usedtx=1"));
  assert.equal(sturdy({ type: "answer", sdp: "no opus" }).sdp, "no opus");
});
