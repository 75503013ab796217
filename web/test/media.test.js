import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Media } from "../src/media.js";

class FakeTrack {
  enabled = true;
  muted = false;
  readyState = "live";
  contentHint = "";
  /** @type {() => void} */ onmute = () => {};
  /** @type {() => void} */ onunmute = () => {};
  /** @type {() => void} */ onended = () => {};

  /** @param {"audio" | "video"} kind */
  constructor(kind) {
    this.kind = kind;
  }
  stop() {
    this.readyState = "ended";
  }
  /** @param {boolean} muted */
  system(muted) {
    this.muted = muted;
    if (muted) this.onmute();
    else this.onunmute();
  }
}

/** @param {FakeTrack[]} tracks */
const streamOf = (...tracks) => /** @type {MediaStream} */ (/** @type {unknown} */ ({ getTracks: () => tracks }));
/** @param {unknown} track */
const fake = (track) => (track instanceof FakeTrack ? track : assert.fail("no track"));

/** What getUserMedia does next. @type {(wanted: MediaStreamConstraints) => Promise<MediaStream>} */
let answer;
/** @type {MediaStreamConstraints[]} */
let asked = [];
/** @type {Map<string, string>} */
let stored = new Map();
/** @type {() => Promise<{ deviceId: string }>} */
let selectAudioOutput;

/** @param {MediaStreamConstraints} wanted */
const give = async ({ audio, video }) => streamOf(...(audio ? [new FakeTrack("audio")] : []), ...(video ? [new FakeTrack("video")] : []));
const refuse = async () => {
  throw new DOMException("Permission denied", "NotAllowedError");
};

/** @type {{ kind: string }[]} */
let devices = [];
/** Tells that a device was plugged in, or out. @type {() => void} */
let changed = () => {};

const mediaDevices = {
  addEventListener: (/** @type {string} */ _, /** @type {() => void} */ heard) => void (changed = heard),
  enumerateDevices: async () => devices,
  getUserMedia: (/** @type {MediaStreamConstraints} */ wanted) => {
    asked.push(wanted);
    return answer(wanted);
  },
  selectAudioOutput: () => selectAudioOutput(),
};
/** @type {Record<string, string>} */
let allowed = {};
const permissions = { query: async (/** @type {{ name: string }} */ { name }) => ({ state: allowed[name] ?? "denied" }) };
const localStorage = {
  getItem: (/** @type {string} */ key) => stored.get(key) ?? null,
  setItem: (/** @type {string} */ key, /** @type {string} */ value) => stored.set(key, value),
};
Object.defineProperty(globalThis, "navigator", { value: { mediaDevices, permissions }, configurable: true });
Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true });

beforeEach(() => {
  [answer, asked, stored, devices, allowed] = [give, [], new Map(), [], {}];
});

const begin = async () => {
  /** @type {import("../src/media.js").MediaNews[]} */
  const news = [];
  const media = new Media((what) => what !== "changed" && news.push(what));
  await media.acquire();
  return { media, news };
};

/** @param {Media} media */
const wakeLater = async (media) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const woken = media.wake();
  mock.timers.tick(2000);
  await woken;
  mock.timers.reset();
};

test("what the browser's own button gives is taken, and nothing is in the way any more", async () => {
  answer = refuse;
  const { media } = await begin();
  assert.equal(media.hindrance, "blocked");
  assert.equal(media.cameraWanted, false);
  media.mute(true);
  const [audio, video] = [new FakeTrack("audio"), new FakeTrack("video")];
  await media.granted(streamOf(audio, video));
  assert.equal(media.hindrance, null);
  assert.equal(fake(media.audio), audio);
  assert.equal(fake(media.camera), video);
  assert.equal(media.cameraWanted, true);
  assert.equal(audio.enabled, false, "muted stays muted");
});

test("the button asks for plain sets of constraints: it takes no booleans and no device that may be gone", async () => {
  stored.set("tuturu-devices", '{"audioinput":"gone"}');
  const { media } = await begin();
  assert.equal(typeof media.wishes.audio, "object");
  assert.equal(typeof media.wishes.video, "object");
  assert.equal("deviceId" in media.wishes.audio, false);
});

test("what the system mutes and gives back is told, and the person stays muted", async () => {
  const { media, news } = await begin();
  media.mute(true);
  fake(media.audio).system(true);
  assert.equal(media.hindrance, "microphone-paused");
  fake(media.audio).system(false);
  fake(media.camera).system(true);
  assert.equal(media.hindrance, "camera-paused");
  assert.deepEqual(news, ["microphone-paused", "microphone-back", "camera-paused"]);
  assert.equal(fake(media.audio).enabled, false);
  assert.equal(media.muted, true);
});

test("what is still muted some time after the page is back is asked for anew", async () => {
  const { media, news } = await begin();
  media.mute(true);
  const before = fake(media.audio);
  before.system(true);
  await wakeLater(media);
  assert.notEqual(fake(media.audio), before);
  assert.equal(before.readyState, "ended");
  assert.equal(fake(media.audio).enabled, false);
  assert.deepEqual(news, ["microphone-paused", "microphone-back"]);
  assert.equal(asked.length, 2);
});

test("what comes back by itself is left alone, and so is what nobody gives", async () => {
  const { media } = await begin();
  const audio = fake(media.audio);
  audio.system(true);
  const woken = wakeLater(media);
  audio.system(false);
  await woken;
  assert.equal(fake(media.audio), audio);
  assert.equal(asked.length, 1);
  answer = refuse;
  audio.system(true);
  await wakeLater(media);
  assert.equal(fake(media.audio), audio);
  assert.equal(media.hindrance, "microphone-paused");
});

test("what ended while the page slept is replaced", async () => {
  const { media, news } = await begin();
  fake(media.camera).readyState = "ended";
  await media.wake();
  assert.equal(fake(media.camera).readyState, "live");
  assert.deepEqual(news, ["camera-lost"]);
});

test("nothing is taken after the call is over", async () => {
  const { media } = await begin();
  fake(media.audio).system(true);
  const woken = wakeLater(media);
  media.release();
  await woken;
  assert.equal(media.audio, null);
  assert.equal(asked.length, 1);
});

test("an answer that comes after the call has ended leaves the next call its camera", async () => {
  /** @type {(() => void)[]} */
  const later = [];
  answer = (wanted) => new Promise((settle) => later.push(() => settle(give(wanted))));
  const media = new Media(() => {});
  const first = media.acquire();
  media.release();
  const second = media.acquire();
  later[0]?.();
  await first;
  assert.equal(media.cameraWanted, true);
  later[1]?.();
  await second;
  assert.equal(fake(media.camera).readyState, "live");
});

test("a speaker that was chosen in the browser's list is remembered; a closed list changes nothing", async () => {
  const { media } = await begin();
  selectAudioOutput = refuse;
  await media.chooseSpeaker();
  assert.equal(media.chosen.audiooutput, undefined);
  selectAudioOutput = async () => ({ deviceId: "headset" });
  await media.chooseSpeaker();
  assert.equal(media.chosen.audiooutput, "headset");
  assert.equal(new Media(() => {}).chosen.audiooutput, "headset");
});

const settled = () => new Promise((done) => setImmediate(done));

test("a device that is connected takes the place of the one that is missing", async () => {
  answer = async (wanted) => {
    if (wanted.video) throw new DOMException("", "NotFoundError");
    return give(wanted);
  };
  const { media, news } = await begin();
  assert.equal(media.problem, "no-camera");
  devices = [{ kind: "audioinput" }];
  changed();
  await settled();
  assert.equal(media.camera, null);
  devices = [{ kind: "videoinput" }];
  answer = give;
  changed();
  await settled();
  assert.equal(fake(media.camera).readyState, "live");
  assert.equal(media.problem, null);
  assert.equal(media.cameraWanted, true);
  assert.deepEqual(news, ["camera-back"]);
});

test("who switched the camera off, or left, is not filmed by one that is connected", async () => {
  const { media } = await begin();
  answer = refuse;
  fake(media.camera).onended();
  await settled();
  assert.equal(media.camera, null);
  media.hideCamera();
  [answer, devices] = [give, [{ kind: "videoinput" }]];
  changed();
  await settled();
  assert.equal(media.camera, null);
});

test("who joined without a microphone is not heard by one that is connected later", async () => {
  answer = async () => {
    throw new DOMException("", "NotFoundError");
  };
  const { media } = await begin();
  media.goWithout();
  [answer, devices] = [give, [{ kind: "audioinput" }]];
  changed();
  await settled();
  assert.equal(media.audio, null);
});

test("while only the camera is blocked the microphone works", async () => {
  answer = async (wanted) => (wanted.video ? refuse() : give(wanted));
  allowed = { microphone: "granted" };
  const { media } = await begin();
  assert.equal(fake(media.audio).readyState, "live");
  assert.equal(media.camera, null);
  assert.equal(media.hindrance, "blocked");
  // It is still so when another microphone is connected.
  answer = refuse;
  fake(media.audio).onended();
  await settled();
  assert.equal(media.audio, null);
  [answer, devices] = [give, [{ kind: "audioinput" }]];
  changed();
  await settled();
  assert.equal(fake(media.audio).readyState, "live");
  assert.equal(media.hindrance, "blocked");
});
