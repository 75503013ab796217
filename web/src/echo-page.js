// "Test your call": the server sends picture and sound back, so that a person sees what others will see, and whether their
// calls will work.

import { EchoCall, UNCHANGED } from "./echo-call.js";
import { digestEcho, echoVerdict } from "./echo-metrics.js";
import { EchoView } from "./echo-view.js";
import { Media } from "./media.js";
import { meter } from "./meter.js";
import { Recorder, still } from "./recorder.js";

/** @typedef {import("./echo-call.js").Parameters} Parameters @typedef {import("./echo-metrics.js").EchoSample} EchoSample */

const LOOK_MS = 1000;
/** A minute of graphs. */
const KEPT = 60;

/** @type {import("./echo-call.js").EchoState | "idle"} */
let state = "idle";
let why = "";
let parameters = UNCHANGED;
/** @type {EchoSample[]} */
let samples = [];
/** @type {import("./quality.js").Counters | null} */
let counters = null;
/** @type {MediaStream | null} */
let stream = null;
/** @type {MediaStreamTrack | null} */
let metered = null;
let stopMeter = () => {};

const media = new Media(() => offered());
const recorder = new Recorder(() => view.recording(false));
const view = new EchoView({
  act: (action) => act(action),
  choose: (kind, id) => void media.choose(kind, id),
  granted: (given) => void media.granted(given),
  shape: () => void shape(),
  set: (changed) => call.set(changed),
  prompt: (text) => call.prompt(text),
});
const call = new EchoCall(
  (event) => {
    switch (event.type) {
      case "state":
        ({ state, why } = event);
        if (state === "failed" || state === "ended") recorder.stop();
        return draw();
      case "stream":
        return view.picture((stream = event.stream));
      case "parameters":
        parameters = event.parameters;
        view.parameters(event);
        return draw();
    }
  },
  { RTCPeerConnection, MediaStream, fetch: (input, init) => fetch(input, init) },
);

const draw = () => view.show(state, echoVerdict(state, why, samples, parameters), samples);

/** The devices changed. */
const offered = () => {
  view.devices(media);
  call.replace("audio", media.audio);
  call.replace("video", media.camera);
  if (media.audio === metered) return;
  stopMeter();
  metered = media.audio;
  stopMeter = metered ? meter(metered, (level) => view.level(level)) : () => {};
};

/** What the camera gives, as close to what is chosen as it can. */
const shape = async () => {
  const { height, frameRate } = view.wanted();
  try {
    await media.camera?.applyConstraints({ width: { ideal: (height * 16) / 9 }, height: { ideal: height }, frameRate: { ideal: frameRate } });
  } catch {
    // It goes on as it was.
  }
};

const start = async () => {
  samples = [];
  counters = null;
  state = "connecting";
  draw();
  await media.acquire();
  await shape();
  await call.start([media.audio, media.camera], view.chosen());
};

/** @param {string} action */
const act = (action) => {
  switch (action) {
    case "start":
      return void start();
    case "stop":
      return call.stop();
    case "retry-devices":
      media.cameraWanted = true;
      return void media.acquire();
    case "choose-speaker":
      return void media.chooseSpeaker();
    case "still":
      return void still(view.video).then((blob) => view.note(blob ? "A still was saved." : "There is no picture yet."));
    case "record":
      if (recorder.runs) return recorder.stop();
      if (!stream) return;
      recorder.start(stream);
      return view.recording(true);
    case "network":
      return void import("./network.js").then(({ testNetwork }) => testNetwork());
    case "copy-network":
      return void import("./network.js").then(({ copyNetwork }) => copyNetwork());
  }
};

const look = async () => {
  if (state !== "connected" && state !== "interrupted") return;
  const digested = digestEcho(await call.stats(), counters, performance.now());
  counters = digested.counters;
  samples = [...samples, digested.sample].slice(-KEPT);
  draw();
};

setInterval(() => void look(), LOOK_MS);
window.addEventListener("pagehide", () => call.stop());
draw();
