import assert from "node:assert/strict";
import { test } from "node:test";

import { digest, levelOf } from "../src/quality.js";

const PAIR = { id: "p", type: "candidate-pair", localCandidateId: "l", remoteCandidateId: "r", currentRoundTripTime: 0.038, availableOutgoingBitrate: 900_000 };
/** @param {string} local @param {string} remote @param {number} bytes @param {number} lost */
const reports = (local, remote, bytes, lost) => [
  { id: "t", type: "transport", selectedCandidatePairId: "p" },
  PAIR,
  { id: "l", type: "local-candidate", candidateType: local },
  { id: "r", type: "remote-candidate", candidateType: remote },
  { id: "o", type: "outbound-rtp", bytesSent: bytes },
  { id: "i", type: "inbound-rtp", bytesReceived: bytes * 2, packetsReceived: 100 - lost, packetsLost: lost, freezeCount: 0 },
];

test("a relay at either end makes the path a relayed one", () => {
  assert.equal(digest(reports("host", "srflx", 0, 0), null, 0).sample.path, "direct");
  assert.equal(digest(reports("relay", "host", 0, 0), null, 0).sample.path, "relayed");
  assert.equal(digest(reports("host", "relay", 0, 0), null, 0).sample.path, "relayed");
  assert.equal(digest([], null, 0).sample.path, null);
});

test("rates and losses are those since the last look", () => {
  const first = digest(reports("host", "host", 1000, 0), null, 0);
  assert.equal(first.sample.sentKbps, 0);
  const { sample } = digest(reports("host", "host", 126_000, 10), first.counters, 1000);
  assert.equal(sample.sentKbps, 1000);
  assert.equal(sample.receivedKbps, 2000);
  assert.equal(sample.roundTripMs, 38);
  assert.equal(sample.availableKbps, 900);
});

test("levels fall with loss, delay and freezes", () => {
  assert.deepEqual([levelOf(30, 0, 0), levelOf(300, 0, 0), levelOf(30, 8, 0), levelOf(30, 0, 3)], [4, 3, 2, 1]);
  assert.equal(levelOf(null, null, 0), 4);
});
