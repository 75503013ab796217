import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import * as wire from "../src/protocol.js";

const folder = new URL("../../golden/call/", import.meta.url);
const golden = new Map(
  readdirSync(folder).map((file) => [file.replace(".json", ""), readFileSync(new URL(file, folder), "utf8").trim()]),
);

/** @param {string} name */
const text = (name) => golden.get(name) ?? assert.fail(`no golden file ${name}`);
/** @param {string} name */
const json = (name) => JSON.parse(text(name));

test("every golden frame of the server is understood", () => {
  for (const [name, frame] of golden) {
    if (!name.startsWith("server-")) continue;
    const message = wire.parse(frame);
    assert.ok(message, name);
    const { type } = JSON.parse(frame);
    assert.equal(message.type, type.startsWith("join-") ? "joined" : type, name);
  }
});

test("every frame of this page is its golden file", () => {
  const { epoch, seq } = json("client-ack");
  const mark = { epoch, seq };
  /** @param {import("../src/protocol.js").RelayedType} type */
  const relayed = (type) => wire.relayed(type, json(`client-${type}`).data, mark);
  const frames = {
    "client-join-pin": wire.join({ kind: "pin", pin: "012345" }, null),
    "client-join-pin-again": wire.join({ kind: "pin", pin: "012345" }, json("client-join-pin-again").resume),
    "client-join-call": wire.join({ kind: "call", call: json("client-join-call").call }, null),
    "client-offer": relayed("offer"),
    "client-offer-released": wire.relayed("offer", json("client-offer").data, null),
    "client-answer": relayed("answer"),
    "client-ice-candidate": relayed("ice-candidate"),
    "client-peer-message": wire.relayed("peer-message", { kind: "hello" }, mark),
    "client-ack": wire.ack(mark),
    "client-report": wire.report({ outcome: "connected", reason: "none", setup_bucket: 1000, path: "relayed" }),
    "client-report-failed": wire.report({ outcome: "failed", reason: "no-relay", setup_bucket: null, path: "none" }),
    "client-ping": wire.PING,
    "client-leave": wire.LEAVE,
  };
  for (const [name, frame] of Object.entries(frames)) assert.equal(frame, text(name), name);
  const ours = [...golden.keys()].filter((name) => name.startsWith("client-") && name !== "client-join-pin-released");
  assert.deepEqual(Object.keys(frames).sort(), ours.sort(), "a golden file without an encoder");
});

test("the reply to a join says everything that the page acts on", () => {
  const joined = wire.parse(text("server-join-call"));
  assert.ok(joined?.type === "joined");
  assert.equal(joined.relayOnly, true);
  assert.equal(joined.peerPresent, true);
  assert.equal(joined.offerer, false);
  assert.equal(joined.reports, true);
  assert.equal(joined.iceServers.length, 2);
});

test("what is not understood is nothing, and never an exception", () => {
  for (const odd of ["", "{", "null", "7", "[]", '{"type":"dance"}', '{"type":"ack"}', '{"data":{}}']) {
    assert.equal(wire.parse(odd), null, odd);
  }
  assert.equal(wire.parsePeerMessage({ kind: "future" }), null);
  assert.equal(wire.parsePeerMessage("hello"), null);
});
