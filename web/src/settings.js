// What a person chose once and keeps.

const STORED = "tuturu-settings";
const DEFAULTS = { saveData: false, fill: false, hideSelf: false, relayOnly: false, shortcuts: true };

/** @typedef {keyof typeof DEFAULTS} Setting */

const stored = () => {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "{}");
  } catch {
    return {};
  }
};

/** @type {Record<Setting, boolean>} */
export const settings = { ...DEFAULTS, ...stored() };

/** @param {string} name @returns {name is Setting} */
export const isSetting = (name) => name in DEFAULTS;

/** @param {Setting} name @param {boolean} value */
export const choose = (name, value) => {
  settings[name] = value;
  localStorage.setItem(STORED, JSON.stringify(settings));
};
