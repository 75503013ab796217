import assert from "node:assert/strict";
import { test } from "node:test";

import { browserOf, deviceWords, problemOf, wordsOf } from "../src/failure.js";

test("every failure has a title, a sentence and a next step", () => {
  const failures = /** @type {const} */ (["invalid-pin", "invalid-link", "room-full", "rate-limited", "replaced", "server", "insecure", "no-webrtc"]);
  for (const failure of failures) for (const words of Object.values(wordsOf(failure))) assert.ok(words.length > 10, failure);
});

test("a closed question, a block and a system block are told apart", () => {
  const denied = (message = "Permission denied") => ({ name: "NotAllowedError", message });
  assert.equal(problemOf(denied(), "denied"), "blocked");
  assert.equal(problemOf(denied("Permission dismissed"), "prompt"), "dismissed");
  assert.equal(problemOf(denied("Permission denied by system"), "granted"), "blocked-by-system");
  assert.equal(problemOf({ name: "NotFoundError", message: "" }, null), "no-device");
  assert.equal(problemOf({ name: "NotReadableError", message: "" }, null), "busy");
  assert.equal(problemOf({ name: "OverconstrainedError", message: "" }, null), "not-fitting");
  assert.equal(problemOf({ name: "New", message: "" }, null), "unknown");
});

test("how to allow it depends on the browser", () => {
  const texts = /** @type {const} */ (["chromium", "firefox", "safari"]).map((browser) => deviceWords("blocked", browser).text);
  assert.equal(new Set(texts).size, 3);
  assert.equal(browserOf("Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/153.0"), "firefox");
  assert.equal(browserOf("Mozilla/5.0 AppleWebKit/537.36 Chrome/156.0 Safari/537.36"), "chromium");
  assert.equal(browserOf("Mozilla/5.0 (iPhone) AppleWebKit/605 Version/19 Safari/604"), "safari");
});

test("where the browser's own button stands below, the words point to it", () => {
  for (const problem of /** @type {const} */ (["blocked", "dismissed"])) {
    const words = deviceWords(problem, "chromium", true);
    assert.match(words.text + words.next, /press the button/i);
    assert.notDeepEqual(words, deviceWords(problem, "chromium"));
  }
});
