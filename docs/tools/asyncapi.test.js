// asyncapi.yaml is valid, and the golden files and its messages are the same things.
import assert from "node:assert/strict";
import { test } from "node:test";

import specifications from "@asyncapi/specs";
import Ajv from "ajv";
import addFormats from "ajv-formats";

import { at, document, follow, goldenFiles, pointer, references } from "./documents.js";

const api = document("asyncapi.yaml");
const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true });
// The document is the schema that the payloads are found in; its own keys say nothing there.
ajv.addVocabulary(Object.keys(api)).addSchema(api, "asyncapi");

/** Of golden files that no WebSocket carries. */
const HTTP = /\/answer-[a-z-]+\.json$/;
/** Messages that are anybody's: no schema, no golden file. */
const OPAQUE = ["#/channels/party/messages/anything"];

/** Where a message is defined. */
function home(channel, name) {
  const message = api.channels[channel].messages[name];
  return message.$ref ?? pointer("channels", channel, "messages", name);
}

const check = (place) => ajv.getSchema(`asyncapi${place}/payload`);

/** Each operation: who speaks, and the places of what is said. */
const operations = Object.entries(api.operations).map(([name, { action, channel, messages }]) => {
  const [, , key] = channel.$ref.split("/");
  const places = messages.map(({ $ref }) => {
    const [, channels, own, , message] = $ref.split("/");
    assert.deepEqual([channels, own], ["channels", key], `${name}: ${$ref} is a message of another channel`);
    return home(key, message);
  });
  return { name, action, channel: key, places };
});

/** Every message, once. */
const messages = new Map(
  Object.entries(api.channels).flatMap(([channel, { messages }]) =>
    Object.keys(messages).map((name) => [home(channel, name), at(api, pointer("channels", channel, "messages", name))]),
  ),
);

const examples = [...messages].flatMap(([place, { examples = [] }]) =>
  examples.map(({ name, payload }) => ({ place, name, file: payload.$ref })),
);

/** The channels whose messages are in a folder of golden files. */
const CHANNELS = { call: ["calls"], peers: ["peers"], robot: ["app", "device"], party: ["party", "main-party"] };

/** `client-…`, `app-…` and `device-…` are received, the last two by a channel; `server-…` is sent. */
function isSpoken({ file, place }) {
  const [, folder, speaker] = /^\.\.\/golden\/([a-z]+)\/([a-z]+)-/.exec(file);
  const channels = CHANNELS[folder];
  return operations.some(
    ({ action, channel, places }) =>
      places.includes(place) &&
      channels.includes(channel) &&
      (speaker === "server" ? action === "send" : action === "receive") &&
      (folder !== "robot" || speaker === "server" || speaker === channel),
  );
}

test("the document is valid AsyncAPI 3.0", () => {
  // The bundle brings the draft of JSON Schema that it is written in.
  const official = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false });
  addFormats(official);
  const valid = official.compile(specifications.schemas[api.asyncapi]);
  assert.ok(valid(api), JSON.stringify(valid.errors?.slice(0, 3), null, 2));
  const wrong = structuredClone(api);
  wrong.operations["calls-send"].action = "shout";
  assert.ok(!valid(wrong), "the specification takes anything");
});

test("every reference leads somewhere, and nothing is defined in vain", () => {
  const all = references(api);
  for (const reference of all) {
    if (reference.startsWith("#")) assert.doesNotThrow(() => at(api, reference));
    else assert.ok(goldenFiles.has(reference), reference);
  }
  for (const name of Object.keys(api.components.schemas)) {
    assert.ok(all.includes(`#/components/schemas/${name}`), `${name} is not used`);
  }
});

test("every message is said by somebody", () => {
  const said = new Set(operations.flatMap(({ places }) => places));
  for (const place of messages.keys()) assert.ok(said.has(place), place);
  for (const channel of Object.keys(api.channels)) {
    const actions = operations.filter((operation) => operation.channel === channel).map(({ action }) => action);
    assert.deepEqual(actions.sort(), ["receive", "send"], channel);
  }
});

test("every message has golden files, and every golden file is of one message", () => {
  for (const [place, message] of messages) {
    if (OPAQUE.includes(place)) assert.equal(message.payload, undefined, place);
    else assert.ok(message.payload && message.examples?.length > 0, `${place} has no golden file`);
  }
  const files = [...goldenFiles.keys()].filter((file) => !HTTP.test(file));
  assert.deepEqual(examples.map(({ file }) => file).sort(), files.sort());
  for (const { name, file } of examples) assert.ok(file.endsWith(`/${name}.json`), `${file} is called ${name}`);
});

test("every golden file is of its message", () => {
  for (const { place, file } of examples) {
    const valid = check(place);
    assert.ok(valid(goldenFiles.get(file)), `${file}: ${ajv.errorsText(valid.errors)}`);
  }
});

test("every golden file is said in the direction of its name", () => {
  for (const example of examples) assert.ok(isSpoken(example), `${example.file} and ${example.place}`);
});

test("no golden file is of another message that the same end could have meant", () => {
  for (const { place, file } of examples) {
    for (const { places, name } of operations.filter(({ places }) => places.includes(place))) {
      for (const other of places.filter((other) => other !== place && !OPAQUE.includes(other))) {
        assert.ok(!check(other)(goldenFiles.get(file)), `${name}: ${file} is also ${other}`);
      }
    }
  }
});

test("a message without one of its required fields is none", () => {
  for (const { place, file } of examples) {
    const message = goldenFiles.get(file);
    const valid = check(place);
    const { type: _, ...without } = message;
    assert.ok(!valid(without), `${file} without a type`);
    assert.ok(!valid({ ...message, type: "dance" }), `${file} of another type`);
    assert.ok(!valid([message]), `${file} in an array`);
  }
});

test("what the server says has no fields that are not told of", () => {
  const sent = operations.filter(({ action }) => action === "send").flatMap(({ places }) => places);
  const received = operations.filter(({ action }) => action === "receive").flatMap(({ places }) => places);
  for (const { place, file } of examples) {
    if (!sent.includes(place) || received.includes(place)) continue;
    assert.ok(!check(place)({ ...goldenFiles.get(file), surprise: 1 }), file);
    assert.equal(follow(api, at(api, `${place}/payload`)).additionalProperties, false, place);
  }
});
