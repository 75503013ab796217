// The documents and the golden files, as the tests need them.
import { readFileSync, readdirSync } from "node:fs";
import { parse } from "yaml";

export const docs = new URL("../", import.meta.url);
const golden = new URL("../golden/", docs);

/** @param {string} name */
export const text = (name) => readFileSync(new URL(name, docs), "utf8");

/** A YAML document; a key that comes twice is an error. */
export const document = (name) => parse(text(name), { uniqueKeys: true });

/** What every golden file holds, by its path from `docs/`. */
export const goldenFiles = new Map(
  readdirSync(golden, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: folder }) => readdirSync(new URL(`${folder}/`, golden)).map((file) => `${folder}/${file}`))
    .map((file) => [`../golden/${file}`, JSON.parse(readFileSync(new URL(file, golden), "utf8"))]),
);

/** The value at a pointer like `#/a/b` (RFC 6901), through references on the way. */
export function at(root, pointer) {
  if (!pointer.startsWith("#/")) throw new Error(`not a pointer into the document: ${pointer}`);
  let value = root;
  for (const part of pointer.slice(2).split("/")) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    value = follow(root, value);
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
      throw new Error(`nothing at ${pointer}`);
    }
    value = value[key];
  }
  return follow(root, value);
}

/** What a reference stands for; anything else stands for itself. */
export const follow = (root, value) => (typeof value?.$ref === "string" ? at(root, value.$ref) : value);

/** Every reference of a document. */
export function references(value) {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : references(inner),
  );
}

/** A pointer to the keys of a document. */
export const pointer = (...keys) =>
  "#/" + keys.map((key) => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
