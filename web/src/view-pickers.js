// The lists of microphones, cameras and speakers, in the lobby and in the settings.

/** @typedef {import("./media.js").Media} Media @typedef {import("./constraints.js").DeviceKind} DeviceKind */

/** @type {() => NodeListOf<HTMLSelectElement>} */
const selects = () => document.querySelectorAll("select[data-device]");

/** @param {HTMLSelectElement} select */
const kindOf = (select) => /** @type {DeviceKind} */ (select.dataset["device"]);

/** @param {(kind: DeviceKind, id: string) => void} choose */
export const onPick = (choose) => {
  for (const select of selects()) select.addEventListener("change", () => choose(kindOf(select), select.value));
};

/** @param {Media} media */
export const showPickers = ({ devices, chosen, audio, camera }) => {
  const used = { audioinput: audio?.getSettings().deviceId, videoinput: camera?.getSettings().deviceId, audiooutput: chosen.audiooutput };
  for (const select of selects()) {
    const kind = kindOf(select);
    const fitting = devices.filter((device) => device.kind === kind && device.deviceId !== "");
    const names = fitting.map(({ deviceId, label }, index) => new Option(label || `Device ${index + 1}`, deviceId));
    const same = names.length === select.options.length && names.every((option, index) => option.value === select.options[index]?.value);
    if (!same || names.length === 0) select.replaceChildren(...(names.length ? names : [new Option("None found", "")]));
    select.disabled = names.length === 0;
    const value = used[kind] ?? chosen[kind];
    if (value && fitting.some(({ deviceId }) => deviceId === value)) select.value = value;
    if (kind === "audiooutput") speakers(select, names.length);
  }
};

/** Firefox lists only the speaker that was chosen from its own list. @param {HTMLSelectElement} select @param {number} listed */
const speakers = (select, listed) => {
  const settable = "setSinkId" in HTMLMediaElement.prototype;
  const chooser = settable && listed < 2 && navigator.mediaDevices && "selectAudioOutput" in navigator.mediaDevices;
  const label = select.closest("label");
  if (label) label.hidden = !settable || (chooser && listed === 0);
  const button = select.closest(".pickers")?.querySelector("[data-action=choose-speaker]");
  if (button instanceof HTMLElement) button.hidden = !chooser;
};
