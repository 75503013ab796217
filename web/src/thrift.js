// What the camera may cost on the network there is: steps down to sound alone, with hysteresis. Pure.

/**
 * @typedef {{ maxKbps: number, scale: number, fps: number }} Step
 * @typedef {{ step: number, since: number | null, turnedAt: number }} Thrift
 */

/** The first one sends no picture. `scale` divides width and height. @type {readonly Step[]} */
export const STEPS = [
  { maxKbps: 0, scale: 4, fps: 15 },
  { maxKbps: 200, scale: 4, fps: 15 },
  { maxKbps: 450, scale: 2, fps: 24 },
  { maxKbps: 1000, scale: 1, fps: 30 },
  { maxKbps: 2500, scale: 1, fps: 30 },
];
const TOP = STEPS.length - 1;

/** A step is too much below this; sound needs its share of it. */
const FALLS_KBPS = [0, 120, 190, 420, 900];
/** The next step is worth a try above this. What is measured is at most about twice what is sent. */
const RISES_KBPS = [250, 330, 700, 1500, Infinity];
const FALL_MS = 4000;
const RISE_MS = 10_000;
/** To lose the picture, and to get it back, takes longer. */
const LOSE_MS = 6000;
const REGAIN_MS = 15_000;
/** Without a picture nothing measures what the network could carry: after this time one is tried. */
const TRY_AGAIN_MS = 60_000;

/** @type {Thrift} */
export const PLENTY = { step: TOP, since: null, turnedAt: 0 };

/** @param {Thrift} thrift @param {number | null} availableKbps @param {number} at milliseconds @returns {Thrift} */
export const thriftAfter = (thrift, availableKbps, at) => {
  const { step, turnedAt } = thrift;
  if (step === 0 && at - turnedAt >= TRY_AGAIN_MS) return { step: 1, since: null, turnedAt: at };
  if (availableKbps === null) return { ...thrift, since: null };
  const falls = availableKbps < (FALLS_KBPS[step] ?? 0);
  const rises = availableKbps > (RISES_KBPS[step] ?? Infinity);
  if (!falls && !rises) return { ...thrift, since: null };
  // Down to what fits at once, but to sound alone only from the last picture; up one by one.
  const fitting = Math.max(1, FALLS_KBPS.findLastIndex((kbps) => availableKbps >= kbps));
  const to = rises ? step + 1 : step === 1 ? 0 : fitting;
  const wait = rises ? (step === 0 ? REGAIN_MS : RISE_MS) : to === 0 ? LOSE_MS : FALL_MS;
  const since = thrift.since ?? at;
  return at - since >= wait ? { step: to, since: null, turnedAt: at } : { ...thrift, since };
};
