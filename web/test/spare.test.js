import assert from "node:assert/strict";
import { test } from "node:test";

import { Spare } from "../src/spare.js";
import { Clock } from "./clock.js";

const begin = () => {
  const clock = new Clock();
  /** @type {string[]} */
  const closed = [];
  /** @param {string} name */
  const peer = (name) => /** @type {import("../src/peer.js").Peer} */ (/** @type {unknown} */ ({ close: () => closed.push(name) }));
  return { clock, closed, peer, spare: new Spare(clock) };
};

test("what was made is taken once", () => {
  const { closed, peer, spare, clock } = begin();
  const ann = peer("ann");
  spare.keep(ann);
  assert.equal(spare.take(() => true), ann);
  assert.equal(spare.take(() => true), null);
  clock.pass(600_000);
  assert.deepEqual(closed, [], "it is somebody else's now");
});

test("what does not fit is closed", () => {
  const { closed, peer, spare } = begin();
  spare.keep(peer("ann"));
  assert.equal(spare.take(() => false), null);
  assert.deepEqual(closed, ["ann"]);
});

test("who only waits does not hold a relay's addresses for long", () => {
  const { closed, peer, spare, clock } = begin();
  spare.keep(peer("ann"));
  spare.keep(peer("bob"));
  assert.deepEqual(closed, ["ann"], "one at a time");
  clock.pass(119_000);
  assert.deepEqual(closed, ["ann"]);
  clock.pass(1000);
  assert.deepEqual(closed, ["ann", "bob"]);
});
