// Camera, microphone, speaker and screen of this side. Everything is optional: a call works without any of them.

import { camera, microphone, remember, remembered } from "./constraints.js";
import { problemOf } from "./failure.js";

/**
 * @typedef {import("./failure.js").DeviceProblem} DeviceProblem @typedef {import("./constraints.js").DeviceKind} DeviceKind
 * @typedef {"changed" | "screen-ended" | `${"microphone" | "camera"}-${"lost" | "paused" | "back"}`} MediaNews
 * @typedef {"audio" | "camera"} Input
 */

const NAMES = /** @type {const} */ ({ audio: "microphone", camera: "camera" });
const KINDS = /** @type {const} */ ({ audio: "audioinput", camera: "videoinput" });
/** What the system muted comes back by itself within this time, or not at all. */
const BACK_MS = 1500;

export class Media {
  /** @type {MediaStreamTrack | null} */ audio = null;
  /** @type {MediaStreamTrack | null} */ camera = null;
  /** @type {MediaStreamTrack | null} */ screen = null;
  /** @type {DeviceProblem | null} */ problem = null;
  /** @type {MediaDeviceInfo[]} */ devices = [];
  /** @type {"user" | "environment"} */ facing = "user";
  muted = false;
  cameraWanted = true;
  /** Wanted and not there: taken as soon as somebody connects one. @type {Set<Input>} */
  #missing = new Set();
  /** Counts releases: what was asked for before one is not taken after it. */
  #releases = 0;
  chosen = remembered();
  #news;

  /** @param {(news: MediaNews) => void} news */
  constructor(news) {
    this.#news = news;
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#connected());
  }

  /** What keeps the devices from working now. @returns {DeviceProblem | null} */
  get hindrance() {
    return this.problem ?? (this.audio?.muted ? "microphone-paused" : this.camera?.muted ? "camera-paused" : null);
  }

  /** What the browser's own button is to ask for. */
  get wishes() {
    return { audio: microphone(), video: camera(this.facing) };
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
    const releases = this.#releases;
    const [both] = await this.#ask(wanted.audio, wanted.video);
    // Another call has begun meanwhile, and asks for itself.
    if (releases !== this.#releases) return;
    // One prompt for both; a device that is missing or busy must not cost the other one.
    const retry = both && both !== "blocked" && both !== "dismissed" && both !== "blocked-by-system";
    if (retry && wanted.audio && wanted.video) {
      const [audio] = await this.#ask(true, false);
      const [video] = await this.#ask(false, true);
      this.problem = audio && video ? both : audio ? "no-microphone" : video ? "no-camera" : null;
      if (audio) this.#missing.add("audio");
      if (video) this.#missing.add("camera");
    } else {
      this.problem = both ?? null;
      // A device that is allowed works while the other one is blocked.
      if (both === "blocked" && wanted.audio && wanted.video) await this.#takeAllowed();
    }
    if (this.camera === null && wanted.video) this.cameraWanted = false;
    await this.#list();
  }

  async #takeAllowed() {
    if ((await this.#permission("microphone")) === "granted") await this.#ask(true, false);
    if ((await this.#permission("camera")) === "granted") await this.#ask(false, true);
  }

  /** Who joined without a device is not seen or heard by one that is connected later, unless it was there before. */
  goWithout() {
    this.#missing.clear();
  }

  /** Something was plugged in, or out. */
  async #connected() {
    await this.#list();
    for (const which of this.#missing) {
      if (!this.devices.some(({ kind }) => kind === KINDS[which])) continue;
      await this.#ask(which === "audio", which === "camera", true);
      if (this[which] === null) continue;
      this.cameraWanted ||= which === "camera";
      if (this.problem !== "blocked") this.problem = this.#missing.has("audio") ? "no-microphone" : this.#missing.has("camera") ? "no-camera" : null;
      await this.#list();
      this.#news(`${NAMES[which]}-back`);
    }
  }

  /** @param {DeviceProblem} problem */
  #fail(problem) {
    this.problem = problem;
    this.cameraWanted = false;
    this.#news("changed");
  }

  /** @param {boolean} audio @param {boolean} video @param {boolean} [anyDevice] @returns {Promise<[DeviceProblem?]>} */
  async #ask(audio, video, anyDevice = false) {
    const { audioinput, videoinput } = anyDevice ? {} : this.chosen;
    const releases = this.#releases;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: audio && microphone(audioinput),
        video: video && camera(this.facing, videoinput),
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
    const which = track.kind === "audio" ? "audio" : "camera";
    this[which]?.stop();
    this[which] = track;
    this.#missing.delete(which);
    if (which === "audio") track.enabled = !this.muted;
    else track.contentHint = "motion";
    track.onended = () => void this.#lost(which);
    track.onmute = track.onunmute = () => {
      if (this[which] === track) this.#news(`${NAMES[which]}-${track.muted ? "paused" : "back"}`);
    };
  }

  /** The browser's own button gave these: they are as good as asked for. @param {MediaStream} stream */
  async granted(stream) {
    this.problem = null;
    this.cameraWanted = true;
    for (const track of stream.getTracks()) this.#take(track);
    await this.#list();
  }

  /** The device is gone: another one takes its place, if there is one. @param {Input} which */
  async #lost(which) {
    this[which] = null;
    await this.#ask(which === "audio", which === "camera", true);
    if (this[which] === null) {
      this.#missing.add(which);
      this.cameraWanted &&= which !== "camera";
    }
    await this.#list();
    this.#news(`${NAMES[which]}-lost`);
  }

  /** A phone call, or sleep, may have ended or muted them. */
  async wake() {
    await Promise.all([this.#revive("audio"), this.#revive("camera")]);
  }

  /** @param {Input} which */
  async #revive(which) {
    const track = this[which];
    if (track?.readyState === "ended") return this.#lost(which);
    if (!track?.muted) return;
    await new Promise((later) => setTimeout(later, BACK_MS));
    if (this[which] !== track || !track.muted) return;
    // Refused, it stays as it is, and may still come back.
    await this.#ask(which === "audio", which === "camera");
    if (this[which] !== track) this.#news(this[which]?.muted ? "changed" : `${NAMES[which]}-back`);
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.muted = muted;
    if (this.audio) this.audio.enabled = !muted;
    this.#news("changed");
  }

  /** Off means off: the camera's light goes out. */
  hideCamera() {
    this.#missing.delete("camera");
    this.cameraWanted = false;
    this.camera?.stop();
    this.camera = null;
    this.#news("changed");
  }

  /** @param {DeviceKind} kind @param {string} id */
  async choose(kind, id) {
    this.chosen = { ...this.chosen, [kind]: id };
    remember(this.chosen);
    if (kind === "audioinput") await this.#ask(true, false);
    if (kind === "videoinput" && this.cameraWanted) await this.#ask(false, true);
    this.#news("changed");
  }

  /** Where the browser has a list of its own, and shows none to pages. */
  async chooseSpeaker() {
    /** @type {MediaDevices & { selectAudioOutput?: () => Promise<MediaDeviceInfo> }} */
    const chooser = navigator.mediaDevices;
    try {
      const speaker = await chooser.selectAudioOutput?.();
      if (!speaker) return;
      await this.#list();
      await this.choose("audiooutput", speaker.deviceId);
    } catch {
      // The person closed the list.
    }
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
    this.#missing.clear();
  }

  async #list() {
    this.devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    this.#news("changed");
  }
}
