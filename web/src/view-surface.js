// The other person's picture and sound.

import { element, find, show, write } from "./view.js";

/** @typedef {import("./peer.js").Tracks} Tracks */

export class Surface {
  #main = find("#remote-video", HTMLVideoElement);
  #second = find("#remote-second", HTMLVideoElement);
  /** @type {Tracks} */
  #tracks = { audio: null, camera: null, screen: null };
  /** What a new page says of itself; an old page says nothing. @type {{ microphone: boolean, camera: boolean, screen: boolean } | null} */
  #told = null;
  #speaker = "";

  /** @param {Tracks} tracks */
  tracks(tracks) {
    this.#tracks = tracks;
    this.#arrange();
  }

  /** @param {{ microphone: boolean, camera: boolean, screen: boolean }} state */
  told(state) {
    this.#told = state;
    this.#arrange();
  }

  clear() {
    this.#told = null;
    this.#tracks = { audio: null, camera: null, screen: null };
    this.#main.srcObject = this.#second.srcObject = null;
    for (const selector of ["#remote-off", "#remote-second", "#unlock"]) show(selector, false);
  }

  /** Sound is played by elements, never through WebAudio. A speaker that is gone leaves the usual one. @param {string} id */
  speaker(id) {
    if (id === this.#speaker || !("setSinkId" in this.#main)) return;
    this.#speaker = id;
    this.#main.setSinkId(id).catch(() => this.#main.setSinkId("")).catch(() => {});
  }

  play() {
    if (!this.#main.srcObject) return;
    this.#main.play().then(
      () => show("#unlock", false),
      (error) => show("#unlock", error instanceof DOMException && error.name === "NotAllowedError"),
    );
    if (this.#second.srcObject) void this.#second.play().catch(() => {});
  }

  async pictureInPicture() {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.#main.requestPictureInPicture();
    } catch {
      // Not without a picture.
    }
  }

  #arrange() {
    const { audio, camera, screen } = this.#tracks;
    const shares = screen !== null && (this.#told?.screen ?? false);
    const shown = camera !== null && (this.#told?.camera ?? !camera.muted);
    this.#put(this.#main, [audio, shares ? screen : camera]);
    this.#put(this.#second, [shares && shown ? camera : null]);
    show("#remote-second", shares && shown);
    show("#remote-off", !shares && !shown && (audio ?? camera) !== null);
    const silent = this.#told?.microphone === false;
    write("#remote-off > :last-child", silent ? "Camera and microphone are off" : "Camera is off");
    write("#silent", silent ? "Their microphone is off" : "");
    element("#remote-video").toggleAttribute("data-silent", silent);
  }

  /** The element keeps its stream: a new one would flicker. @param {HTMLVideoElement} video @param {(MediaStreamTrack | null)[]} tracks */
  #put(video, tracks) {
    const wanted = tracks.filter((track) => track !== null);
    const stream = video.srcObject instanceof MediaStream ? video.srcObject : new MediaStream();
    for (const track of stream.getTracks()) if (!wanted.includes(track)) stream.removeTrack(track);
    for (const track of wanted) stream.addTrack(track);
    if (video.srcObject === stream || wanted.length === 0) return;
    video.srcObject = stream;
    this.play();
  }
}
