// Keeps what a video shows: a still, or a recording. Nothing leaves the browser.

/** What browsers can record although the picture's size changes; Safari has only the last. */
const TYPES = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];
const LONGEST_MS = 5 * 60_000;

/** @param {Blob} blob @param {string} name */
const download = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};

/** @param {HTMLVideoElement} video */
export const still = async (video) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob) download(blob, "tuturu-test.png");
  return blob;
};

export class Recorder {
  /** @type {MediaRecorder | null} */
  #recorder = null;
  #timer = 0;
  #ended;

  /** @param {(recording: Blob) => void} ended */
  constructor(ended) {
    this.#ended = ended;
  }

  static get possible() {
    return typeof MediaRecorder !== "undefined";
  }

  get runs() {
    return this.#recorder !== null;
  }

  /** @param {MediaStream} stream */
  start(stream) {
    const type = TYPES.find((known) => MediaRecorder.isTypeSupported(known));
    const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    /** @type {Blob[]} */
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onstop = () => {
      clearTimeout(this.#timer);
      this.#recorder = null;
      const recording = new Blob(parts, { type: recorder.mimeType });
      download(recording, `tuturu-test.${recorder.mimeType.includes("mp4") ? "mp4" : "webm"}`);
      this.#ended(recording);
    };
    recorder.start(1000);
    this.#recorder = recorder;
    this.#timer = window.setTimeout(() => this.stop(), LONGEST_MS);
  }

  /** Downloads what there is. */
  stop() {
    if (this.#recorder?.state !== "inactive") this.#recorder?.stop();
  }
}
