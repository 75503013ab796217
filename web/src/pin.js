// PINs and links: what people type, paste and share. Pure.

/** @typedef {import("./protocol.js").Target} Target */

const CALL_ID = /^[A-Za-z0-9_-]{22}$/;

/** Digits of any script as ASCII, everything else left out: "１２３ 456" is 123456. @param {string} text */
export const digitsOf = (text) =>
  Array.from(text.normalize("NFKC"))
    .map((character) => (/\p{Nd}/u.test(character) ? String(valueOf(character)) : ""))
    .join("")
    .slice(0, 6);

/** Digits of a script stand in a row from zero to nine. @param {string} digit */
const valueOf = (digit) => {
  let code = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - 1)) && !(code >= 0x30 && code <= 0x39)) {
    code -= 1;
    value += 1;
  }
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : value;
};

/** "123 456" is easier to read out. @param {string} pin */
export const spoken = (pin) => `${pin.slice(0, 3)} ${pin.slice(3)}`;

/** What stands after the # of a link. @param {string} fragment @returns {Target | null} */
export const targetOf = (fragment) => {
  const text = decode(fragment.replace(/^#/, "")).trim();
  if (CALL_ID.test(text)) return { kind: "call", call: text };
  const pin = digitsOf(text);
  return pin.length === 6 && /^[\p{Nd}\s-]+$/u.test(text) ? { kind: "pin", pin } : null;
};

/** @param {string} text */
const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
};

/** @param {Target} target @param {string} origin */
export const linkOf = (target, origin) => `${origin}/#${target.kind === "pin" ? target.pin : target.call}`;

/** Every PIN is as likely as any other: people would choose 123456. @param {(into: Uint32Array) => Uint32Array} random */
export const drawPin = (random) => {
  // 4,294,000,000 is the largest multiple of a million; what lies above would favour small numbers.
  for (;;) {
    const [number = 0] = random(new Uint32Array(1));
    if (number < 4_294_000_000) return String(number % 1_000_000).padStart(6, "0");
  }
};

/** @param {(into: Uint8Array) => Uint8Array} random */
export const drawCallId = (random) => {
  const bytes = random(new Uint8Array(16));
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
};
