import assert from "node:assert/strict";
import { test } from "node:test";

import { Spare } from "../src/spare.js";
import { Clock } from "./clock.js";

const begin = () => {
  const clock = new Clock();
  /** @type {{ configuration: RTCConfiguration, closed: boolean }[]} */
  const made = [];
  const RTCPeerConnection = class {
    closed = false;
    /** @param {RTCConfiguration} configuration */
    constructor(configuration) {
      this.configuration = configuration;
      made.push(this);
    }
    close() {
      this.closed = true;
    }
  };
  const spare = new Spare({
    RTCPeerConnection: /** @type {typeof globalThis.RTCPeerConnection} */ (/** @type {unknown} */ (RTCPeerConnection)),
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
  });
  return { clock, made, spare };
};

test("what was made gathers at once and is taken once", () => {
  const { made, spare, clock } = begin();
  spare.make({});
  assert.equal(made[0]?.configuration.iceCandidatePoolSize, 1);
  assert.equal(spare.take({}), made[0]);
  assert.equal(spare.take({}), made[1], "a new one, when there is none");
  assert.equal(made[1]?.configuration.iceCandidatePoolSize, undefined);
  clock.pass(600_000);
  assert.deepEqual(made.map(({ closed }) => closed), [false, false], "they are somebody else's now");
});

test("who only waits does not hold a relay's addresses for long", () => {
  const { made, spare, clock } = begin();
  spare.make({});
  spare.make({ iceTransportPolicy: "relay" });
  assert.deepEqual(made.map(({ closed }) => closed), [true, false], "one at a time");
  clock.pass(119_000);
  assert.equal(made[1]?.closed, false);
  clock.pass(1000);
  assert.equal(made[1]?.closed, true);
});
