import assert from "node:assert/strict";
import { test } from "node:test";

import { digitsOf, drawCallId, drawPin, linkOf, spoken, targetOf } from "../src/pin.js";

test("digits of any script and any gaps are read", () => {
  assert.equal(digitsOf("123 456"), "123456");
  assert.equal(digitsOf("012-345"), "012345");
  assert.equal(digitsOf("١٢٣٤٥٦"), "123456");
  assert.equal(digitsOf("１２３４５６"), "123456");
  assert.equal(digitsOf("०९८७६५"), "098765");
  assert.equal(digitsOf("PIN: 12"), "12");
  assert.equal(digitsOf("12345678"), "123456");
});

test("links name a PIN or a call, or nothing", () => {
  assert.deepEqual(targetOf("#012345"), { kind: "pin", pin: "012345" });
  assert.deepEqual(targetOf("#123%20456"), { kind: "pin", pin: "123456" });
  const call = "AbCdEfGhIjKlMnOpQr-_09";
  assert.deepEqual(targetOf(`#${call}`), { kind: "call", call });
  for (const odd of ["", "#", "#12345", "#hello", "#%", "#123456789", `#${call}x`]) assert.notEqual(targetOf(odd)?.kind, "call", odd);
  for (const odd of ["", "#", "#12345", "#hello 123456", "#%"]) assert.equal(targetOf(odd), null, odd);
});

test("a link leads back to where it came from", () => {
  /** @type {import("../src/protocol.js").Target[]} */
  const targets = [{ kind: "pin", pin: "000001" }, { kind: "call", call: "AbCdEfGhIjKlMnOpQr-_09" }];
  for (const target of targets) assert.deepEqual(targetOf(new URL(linkOf(target, "https://call.example")).hash), target);
  assert.equal(spoken("012345"), "012 345");
});

test("PINs are drawn evenly and keep their zeros", () => {
  /** @param {number[]} numbers */
  const from = (...numbers) => (/** @type {Uint32Array} */ into) => {
    into[0] = numbers.shift() ?? 0;
    return into;
  };
  assert.equal(drawPin(from(7)), "000007");
  assert.equal(drawPin(from(4_294_000_000, 4_294_967_295, 1_000_042)), "000042", "what would favour small numbers is drawn again");
});

test("call IDs are 22 characters that an address takes as they are", () => {
  assert.match(drawCallId((into) => into.fill(255)), /^[A-Za-z0-9_-]{22}$/);
  assert.match(drawCallId((into) => into.fill(62)), /^[A-Za-z0-9_-]{22}$/);
});
