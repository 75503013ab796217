import assert from "node:assert/strict";
import { test } from "node:test";

import { PLENTY, STEPS, thriftAfter } from "../src/thrift.js";

/** A network over time, looked at every two seconds; gives the step after each look. @param {(number | null)[]} kbps */
const steps = (...kbps) => {
  let thrift = PLENTY;
  return kbps.map((available, look) => (thrift = thriftAfter(thrift, available, look * 2000)).step);
};
/** @template T @param {number} count @param {T} value @returns {T[]} */
const times = (count, value) => Array.from({ length: count }, () => value);

test("plenty stays plenty, and what is not measured changes nothing", () => {
  assert.deepEqual(new Set(steps(...times(20, 3000), ...times(20, null))), new Set([4]));
});

test("a narrow network gets at once the picture that fits, and keeps it", () => {
  assert.deepEqual(steps(...times(5, 500)), [4, 4, 3, 3, 3]);
  assert.deepEqual(steps(...times(5, 150)), [4, 4, 1, 1, 1]);
  assert.deepEqual(steps(300, 300, 1000, 300, 300, 300), [4, 4, 4, 4, 4, 2], "a moment of plenty counts");
});

test("sound alone comes last and later, and after a minute a picture is tried", () => {
  const seen = steps(...times(40, 60));
  assert.deepEqual(seen.slice(0, 7), [4, 4, 1, 1, 1, 1, 0]);
  assert.equal(seen.indexOf(1, 7) * 2 - seen.indexOf(0) * 2, 60);
});

test("it rises one step at a time, as far as what it measures lets it", () => {
  const seen = steps(...times(10, 60), ...times(12, 300));
  assert.deepEqual(seen.slice(-2), [1, 1], "enough for the smallest picture only");
  const risen = steps(...times(3, 60), ...times(30, 1600));
  assert.deepEqual([...new Set(risen)], [4, 1, 2, 3]);
  assert.equal(risen.at(-1), 4);
  assert.equal(risen.indexOf(2) - 2, 6, "ten seconds of more than enough");
});

test("each step costs less than the next, and the first has no picture", () => {
  assert.deepEqual(STEPS.map(({ maxKbps }) => maxKbps), STEPS.map(({ maxKbps }) => maxKbps).toSorted((a, b) => a - b));
  assert.equal(STEPS[0]?.maxKbps, 0);
});
