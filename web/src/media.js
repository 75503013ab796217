// Camera, microphone, speaker and screen of this side. Everything is optional: a call works without any of them.

import { problemOf } from "./failure.js";

/**
 * @typedef {import("./failure.js").DeviceProblem} DeviceProblem
 * @typedef {"audioinput" | "videoinput" | "audiooutput"} DeviceKind
 * @typedef {"changed" | "microphone-lost" | "camera-lost" | "screen-ended"} MediaNews
 */

const REMEMBERED = "tuturu-devices";

/** @returns {Partial<Record<DeviceKind, string>>} */
const remembered = () => {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
  } catch {
    return {};
  }
};

export class Media {
  /** @type {MediaStreamTrack | null} */ audio = null;
  /** @type {MediaStreamTrack | null} */ camera = null;
  /** @type {MediaStreamTrack | null} */ screen = null;
  /** @type {DeviceProblem | null} */ problem = null;
  /** @type {MediaDeviceInfo[]} */ devices = [];
  /** @type {"user" | "environment"} */ facing = "user";
  muted = false;
  cameraWanted = true;
  /** Counts releases: what was asked for before one is not taken after it. */
  #releases = 0;
  chosen = remembered();
  #news;

  /** @param {(news: MediaNews) => void} news */
  constructor(news) {
    this.#news = news;
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#list());
  }

  get canShare() {
    return typeof navigator.mediaDevices?.getDisplayMedia === "function";
  }

  /** Asks once for everything that is wanted and missing. What cannot be had leaves the call with the rest. */
  async acquire() {
    this.problem = null;
    if (!navigator.mediaDevices) return this.#fail("insecure");
    const wanted = { audio: this.audio === null, video: this.camera === null && this.cameraWanted };
    if (!wanted.audio && !wanted.video) return;
    const [both] = await this.#ask(wanted.audio, wanted.video);
    // One prompt for both; a device that is missing or busy must not cost the other one.
    const retry = both && both !== "blocked" && both !== "dismissed" && both !== "blocked-by-system";
    if (retry && wanted.audio && wanted.video) {
      const [audio] = await this.#ask(true, false);
      const [video] = await this.#ask(false, true);
      this.problem = audio && video ? both : audio ? "no-microphone" : video ? "no-camera" : null;
    } else {
      this.problem = both ?? null;
    }
    if (this.camera === null && wanted.video) this.cameraWanted = false;
    await this.#list();
  }

  /** @param {DeviceProblem} problem */
  #fail(problem) {
    this.problem = problem;
    this.cameraWanted = false;
    this.#news("changed");
  }

  /** @param {boolean} audio @param {boolean} video @param {boolean} [anyDevice] @returns {Promise<[DeviceProblem?]>} */
  async #ask(audio, video, anyDevice = false) {
    /** @param {DeviceKind} kind */
    const device = (kind) => (this.chosen[kind] && !anyDevice ? { deviceId: { exact: this.chosen[kind] } } : {});
    const releases = this.#releases;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: audio && { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...device("audioinput") },
        video: video && { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, facingMode: this.facing, ...device("videoinput") },
      });
      for (const track of stream.getTracks()) {
        if (releases === this.#releases) this.#take(track);
        else track.stop();
      }
      return [];
    } catch (error) {
      const { name, message } = /** @type {DOMException} */ (error);
      if (name === "OverconstrainedError" && !anyDevice) return this.#ask(audio, video, true);
      return [problemOf({ name, message }, await this.#permission(video ? "camera" : "microphone"))];
    }
  }

  /** @param {string} name @returns {Promise<PermissionState | null>} */
  async #permission(name) {
    try {
      return (await navigator.permissions.query({ name: /** @type {PermissionName} */ (name) })).state;
    } catch {
      return null;
    }
  }

  /** @param {MediaStreamTrack} track */
  #take(track) {
    if (track.kind === "audio") {
      this.audio?.stop();
      this.audio = track;
      track.enabled = !this.muted;
      track.onended = () => void this.#lost("audio");
    } else {
      this.camera?.stop();
      this.camera = track;
      track.contentHint = "motion";
      track.onended = () => void this.#lost("camera");
    }
  }

  /** The device is gone: another one takes its place, if there is one. @param {"audio" | "camera"} which */
  async #lost(which) {
    this[which] = null;
    await this.#ask(which === "audio", which === "camera", true);
    if (this[which] === null) this.cameraWanted &&= which !== "camera";
    await this.#list();
    this.#news(which === "audio" ? "microphone-lost" : "camera-lost");
  }

  /** A phone call, or sleep, may have ended them. */
  async wake() {
    if (this.audio?.readyState === "ended") await this.#lost("audio");
    if (this.camera?.readyState === "ended") await this.#lost("camera");
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.muted = muted;
    if (this.audio) this.audio.enabled = !muted;
    this.#news("changed");
  }

  /** Off means off: the camera's light goes out. */
  hideCamera() {
    this.cameraWanted = false;
    this.camera?.stop();
    this.camera = null;
    this.#news("changed");
  }

  /** @param {DeviceKind} kind @param {string} id */
  async choose(kind, id) {
    this.chosen = { ...this.chosen, [kind]: id };
    localStorage.setItem(REMEMBERED, JSON.stringify(this.chosen));
    if (kind === "audioinput") await this.#ask(true, false);
    if (kind === "videoinput" && this.cameraWanted) await this.#ask(false, true);
    this.#news("changed");
  }

  async flip() {
    this.facing = this.facing === "user" ? "environment" : "user";
    const { videoinput: _, ...rest } = this.chosen;
    this.chosen = rest;
    // Phones open one camera at a time.
    this.camera?.stop();
    await this.#ask(false, true);
    this.#news("changed");
  }

  async share() {
    const releases = this.#releases;
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: false });
      const [track] = stream.getVideoTracks();
      if (!track) return;
      if (releases !== this.#releases) return track.stop();
      track.contentHint = "detail";
      track.onended = () => this.stopSharing();
      this.screen = track;
      this.#news("changed");
    } catch {
      // The person closed the chooser.
    }
  }

  stopSharing() {
    if (!this.screen) return;
    this.screen.stop();
    this.screen = null;
    this.#news("screen-ended");
  }

  release() {
    this.#releases += 1;
    for (const track of [this.audio, this.camera, this.screen]) track?.stop();
    this.audio = this.camera = this.screen = null;
  }

  async #list() {
    this.devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    this.#news("changed");
  }
}
