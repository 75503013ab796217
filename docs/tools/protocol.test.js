// protocol.md shows every golden file, and its links lead somewhere.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { docs, goldenFiles, text } from "./documents.js";

const page = text("protocol.md");
const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link);

/** The anchor of a heading, as code hosts make it. */
const anchor = (heading) =>
  "#" + heading.toLowerCase().replaceAll(/[^a-z0-9 _-]/g, "").replaceAll(" ", "-");

test("every golden file is shown", () => {
  assert.deepEqual(
    [...goldenFiles.keys()].filter((file) => !links.includes(file)),
    [],
  );
});

test("every link leads somewhere", () => {
  const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading));
  assert.ok(links.length > goldenFiles.size);
  for (const link of links) {
    assert.ok(link.startsWith("#") ? anchors.includes(link) : existsSync(new URL(link, docs)), link);
  }
});

test("every example is called by its file", () => {
  const shown = [...page.matchAll(/\[`(…?)([a-z-]+)`\]\(\.\.\/golden\/[a-z]+\/([a-z-]+)\.json\)/g)];
  assert.ok(shown.length >= goldenFiles.size);
  for (const [, short, name, file] of shown) assert.ok(short ? file.endsWith(name) : file === name, `${name}: ${file}`);
});
