import assert from "node:assert/strict";
import { test } from "node:test";

import { Delivery } from "../src/delivery.js";

/** @param {string} page */
const side = (page) => new Delivery(page);

test("messages are numbered, taken once and in order", () => {
  const [ann, bob] = [side("a"), side("b")];
  const [one, two, three] = [1, 2, 3].map((n) => ann.number("offer", n));
  assert.ok(one && two && three);
  assert.deepEqual(bob.hear(two.mark), { fresh: false, reloaded: false }, "a gap");
  assert.deepEqual(bob.hear(one.mark), { fresh: true, reloaded: false });
  assert.deepEqual(bob.hear(one.mark), { fresh: false, reloaded: false }, "again");
  assert.deepEqual(bob.hear(two.mark), { fresh: true, reloaded: false });
  assert.deepEqual(bob.received(), two.mark);
  ann.acknowledged(two.mark);
  assert.deepEqual(ann.unacked(), [three]);
});

test("a bad network loses nothing, doubles nothing and reorders nothing", () => {
  // A small generator of chance, the same in every run.
  let seed = 7;
  const chance = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const [ann, bob] = [side("a"), side("b")];
  /** @type {unknown[]} */
  const taken = [];
  /** @param {readonly import("../src/delivery.js").Numbered[]} messages */
  const transmit = (messages) => {
    for (const { mark, data } of messages) {
      if (chance() < 0.2) continue;
      if (bob.hear(mark).fresh) taken.push(data);
      const received = bob.received();
      if (received && chance() < 0.5) ann.acknowledged(received);
    }
  };
  for (let n = 0; n < 2000; n += 1) {
    transmit([ann.number("peer-message", n)]);
    if (n % 3 === 0) transmit(ann.unacked());
    assert.ok(ann.unacked().length < 500);
  }
  for (let tries = 0; ann.unacked().length > 0; tries += 1) {
    assert.ok(tries < 10_000, "it ends");
    transmit(ann.unacked());
  }
  assert.deepEqual(taken, Array.from({ length: 2000 }, (_, n) => n));
});

test("a page that was loaded anew begins anew, on both sides", () => {
  const [ann, bob, bobAgain] = [side("a"), side("b"), side("c")];
  ann.hear(bob.number("peer-message", "hello").mark);
  const before = ann.number("offer", 1);
  assert.deepEqual(ann.hear(bobAgain.number("peer-message", "hello").mark), { fresh: true, reloaded: true });
  assert.deepEqual(ann.unacked(), [], "what the old page lacked is of no use to the new one");
  const after = ann.number("offer", 2);
  assert.equal(after.mark.seq, 1);
  assert.notEqual(after.mark.epoch, before.mark.epoch);
  assert.deepEqual(bobAgain.hear(after.mark), { fresh: true, reloaded: false });
});

test("who never catches up goes on with what comes from now on", () => {
  const [ann, bob] = [side("a"), side("b")];
  bob.hear(ann.number("offer", 0).mark);
  for (let n = 1; n < 512; n += 1) ann.number("peer-message", n);
  const fresh = ann.number("peer-message", 512);
  assert.equal(fresh.mark.seq, 1);
  assert.deepEqual(bob.hear(fresh.mark), { fresh: true, reloaded: false });
});

test("two pages that answer each other come to rest, whoever was loaded anew, and whatever crosses", () => {
  for (const crossing of [0, 1, 2]) {
    const ann = side("a");
    ann.hear(side("b").number("peer-message", "hello").mark);
    const bob = side("c");
    const old = Array.from({ length: crossing }, (_, n) => ann.number("peer-message", n));
    /** @type {{ to: Delivery, from: Delivery, message: import("../src/delivery.js").Numbered }[]} */
    const under = [{ to: ann, from: bob, message: bob.number("peer-message", "hello") }];
    for (const message of old) under.push({ to: bob, from: ann, message });
    let reloads = 0;
    for (let step = 0; under.length > 0; step += 1) {
      assert.ok(step < 50, "it ends");
      const { to, from, message } = under.shift() ?? assert.fail();
      const { reloaded } = to.hear(message.mark);
      if (!reloaded) continue;
      reloads += 1;
      under.push({ to: from, from: to, message: to.number("peer-message", "hello") });
    }
    assert.equal(reloads, 1);
  }
});

test("acknowledgements of an earlier epoch change nothing", () => {
  const ann = side("a");
  const { mark } = ann.number("offer", 1);
  ann.forget();
  ann.number("offer", 2);
  ann.acknowledged(mark);
  assert.equal(ann.unacked().length, 1);
});
