// openapi.yaml is valid, and so are the examples in it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";

import { at, document, follow, goldenFiles, pointer, references } from "./documents.js";

const api = document("openapi.yaml");
const ajv = new Ajv.default({ strict: true, strictTypes: false, allErrors: true });
ajv.addVocabulary(Object.keys(api)).addSchema(api, "openapi");

/** Where the bodies of requests and answers are: every `content` of the document. */
function contents(value, keys = []) {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "content"
      ? Object.entries(inner).map(([type, body]) => ({ type, body, keys: [...keys, key, type] }))
      : contents(inner, [...keys, key]),
  );
}

const bodies = contents(api);
const check = (keys) => ajv.getSchema(`openapi${pointer(...keys, "schema")}`);
const examples = bodies.flatMap(({ body, keys }) =>
  Object.entries(body.examples ?? {}).map(([name, { value, externalValue }]) => ({ name, value, externalValue, keys })),
);
const example = ({ value, externalValue }) => (externalValue === undefined ? value : goldenFiles.get(externalValue));

test("the document is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(api));
  assert.ok(valid, JSON.stringify(errors, null, 2));
  const wrong = structuredClone(api);
  wrong.paths["/health"].get.responses = {};
  delete wrong.info.title;
  assert.ok(!(await new Validator().validate(wrong)).valid, "the specification takes anything");
});

test("every reference leads somewhere, and nothing is defined in vain", () => {
  const all = references(api);
  for (const reference of all) assert.doesNotThrow(() => at(api, reference));
  for (const [kind, named] of Object.entries(api.components).filter(([kind]) => kind !== "securitySchemes")) {
    for (const name of Object.keys(named)) assert.ok(all.includes(pointer("components", kind, name)), name);
  }
});

test("every body has an example, and every example is of its schema", () => {
  for (const { body, keys } of bodies.filter(({ type }) => type === "application/json")) {
    assert.ok(Object.keys(body.examples ?? {}).length > 0, `${keys.join(" ")} has no example`);
  }
  for (const one of examples) {
    const valid = check(one.keys);
    assert.notEqual(example(one), undefined, `${one.name} is no golden file`);
    assert.ok(valid(example(one)), `${one.keys.join(" ")} ${one.name}: ${ajv.errorsText(valid.errors)}`);
  }
});

test("an answer without one of its fields, or with another one, is none", () => {
  const answers = examples.filter(({ keys }) => !keys.includes("requestBody") && keys.at(-1) === "application/json");
  assert.ok(answers.length > 10);
  for (const one of answers) {
    const [valid, value] = [check(one.keys), example(one)];
    for (const key of Object.keys(value).filter((key) => key !== "iceTransportPolicy")) {
      const { [key]: _, ...less } = value;
      assert.ok(!valid(less), `${one.name} without ${key}`);
    }
    assert.ok(!valid({ ...value, surprise: 1 }), `${one.name} with more`);
  }
});

test("the golden answers are examples here", () => {
  const linked = examples.flatMap(({ externalValue }) => externalValue ?? []);
  const answers = [...goldenFiles.keys()].filter((file) => /\/answer-[a-z-]+\.json$/.test(file));
  assert.deepEqual(linked.sort(), answers.sort());
});

test("each operation has a name of its own, and every path parameter is one", () => {
  const operations = Object.entries(api.paths).flatMap(([path, { get, post, parameters = [] }]) =>
    [get, post].filter(Boolean).map((operation) => ({ path, parameters, ...operation })),
  );
  const names = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(names).size, names.length);
  for (const { path, parameters } of operations) {
    const inPath = parameters.map((one) => follow(api, one)).filter((one) => one.in === "path");
    assert.deepEqual(inPath.map(({ name }) => `{${name}}`), path.match(/\{[a-z]+\}/g) ?? [], path);
  }
});
