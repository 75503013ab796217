// What is asked of microphone and camera, and which devices a person chose once.

/** @typedef {"audioinput" | "videoinput" | "audiooutput"} DeviceKind @typedef {Partial<Record<DeviceKind, string>>} Chosen */

const REMEMBERED = "tuturu-devices";

/** @returns {Chosen} */
export const remembered = () => {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
  } catch {
    return {};
  }
};

/** @param {Chosen} chosen */
export const remember = (chosen) => localStorage.setItem(REMEMBERED, JSON.stringify(chosen));

/** @param {string | undefined} id */
const device = (id) => (id ? { deviceId: { exact: id } } : {});

/** @param {string} [id] @returns {MediaTrackConstraints} */
export const microphone = (id) => ({ echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...device(id) });

/** @param {"user" | "environment"} facing @param {string} [id] @returns {MediaTrackConstraints} */
export const camera = (facing, id) => ({ width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, facingMode: facing, ...device(id) });
