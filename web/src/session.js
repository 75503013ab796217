// A session: line and devices of one person, and what the buttons of a call do. Lives as long as the page.

import { deviceWords, browserOf } from "./failure.js";
import { openLine } from "./line.js";
import { Media } from "./media.js";
import { meter, play } from "./meter.js";
import { linkOf } from "./pin.js";
import { CallView } from "./view-call.js";
import { settings } from "./settings.js";

/**
 * @typedef {import("./call.js").Call} Call @typedef {import("./call.js").Effect} Effect
 * @typedef {import("./call.js").Happening} Happening @typedef {import("./line.js").Line} Line
 */

const MUTED_HINT_LEVEL = 0.55;

export class Session {
  /** @type {Line | null} */
  #line = null;
  /** @type {(() => void) | null} */
  #stopMeter = null;
  /** @type {MediaStreamTrack | null} */
  #metered = null;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;
  #media = new Media((news) => this.#mediaNews(news));
  #happen;
  #call;
  #view;

  /** @param {(happening: Happening) => void} happen @param {() => Call} call */
  constructor(happen, call) {
    this.#happen = happen;
    this.#call = call;
    this.#view = new CallView({
      act: (action) => this.act(action),
      choose: (kind, id) => void this.#media.choose(kind, id),
      granted: (stream) => void this.#granted(stream),
      changed: () => this.#settingsChanged(),
    });
    document.addEventListener("visibilitychange", () => this.#seen());
    // A reload comes back to its seat; a closed tab's seat is given up by the server in time.
    window.addEventListener("pagehide", () => this.#line?.close());
    // A page that comes back out of the history begins as after a reload.
    window.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    this.#mediaSession();
    setInterval(() => this.#view.tick(this.#call()), 500);
  }

  /** Carries them out. @param {Effect[]} effects */
  follow(effects) {
    for (const effect of effects) {
      switch (effect.type) {
        case "devices":
          this.#line ??= this.#open();
          void this.#acquire();
          break;
        case "join":
          this.#line ??= this.#open();
          this.#line.join(effect.target);
          this.#media.goWithout();
          break;
        case "hang-up":
          this.#line?.hangUp();
          this.#line = null;
          this.#media.release();
          this.#watchLevel();
          this.#view.reset();
          break;
        case "chime":
          void play(effect.sound, this.#media.chosen.audiooutput);
          if (effect.sound === "arrived") this.#view.notify("The other person is here.");
          break;
        case "forget":
        case "say":
          break;
      }
    }
  }

  /** Shows the call, and keeps the screen on while there is something to wait for. */
  show() {
    const call = this.#call();
    this.#view.show(call, this.#media);
    void this.#keepAwake(call.screen === "call" || call.screen === "waiting");
  }

  #open() {
    const protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const line = openLine({
      url: `${protocol}//${location.host}/ws`,
      storage: sessionStorage,
      relayOnly: settings.relayOnly,
      mayReport: Reflect.get(navigator, "globalPrivacyControl") !== true,
      on: (happening) => {
        this.#view.hear(happening);
        this.#happen(happening);
      },
    });
    line.setAudioOnly(settings.saveData);
    return line;
  }

  async #acquire() {
    await this.#media.acquire();
    void this.#line?.gather();
    this.#offer();
    const { screen } = this.#call();
    if (screen !== "lobby") this.#media.goWithout();
    const { problem } = this.#media;
    if (!problem || screen !== "call") return;
    const words = deviceWords(problem, browserOf(navigator.userAgent));
    this.#view.note(`${words.title}. ${words.text}`);
  }

  /** @param {MediaStream} stream */
  async #granted(stream) {
    if (this.#line) return this.#media.granted(stream);
    // The call was over before the answer came.
    for (const track of stream.getTracks()) track.stop();
  }

  /** Shows and sends what there is. */
  #offer() {
    const { audio, camera, screen, muted } = this.#media;
    this.#line?.setTracks({ audio, camera, screen });
    this.#line?.setMuted(muted);
    // For the buttons that the system shows beside the page.
    navigator.mediaSession?.setMicrophoneActive?.(audio !== null && !muted)?.catch(() => {});
    navigator.mediaSession?.setCameraActive?.(camera !== null)?.catch(() => {});
    this.#watchLevel();
    this.#view.show(this.#call(), this.#media);
  }

  /** @param {import("./media.js").MediaNews} news */
  #mediaNews(news) {
    if (this.#call().screen === "home") return;
    this.#offer();
    const text = mediaWords(news, this.#media);
    if (text) this.#view.tell(text, this.#call());
  }

  #watchLevel() {
    if (this.#metered === this.#media.audio) return;
    this.#stopMeter?.();
    this.#metered = this.#media.audio;
    this.#stopMeter = this.#metered && meter(this.#metered, (level) => {
      this.#view.level(this.#media.muted ? 0 : level);
      if (this.#media.muted && level > MUTED_HINT_LEVEL && this.#call().screen === "call") this.#view.note("You are muted. Press M to speak.");
    });
  }

  /** @param {string} action */
  act(action) {
    const media = this.#media;
    const call = this.#call();
    switch (action) {
      case "toggle-microphone":
        if (!media.audio) return void this.#acquire();
        return media.mute(!media.muted);
      case "talk":
      case "be-quiet":
        return media.mute(action === "be-quiet");
      case "toggle-camera":
        if (media.camera) return media.hideCamera();
        media.cameraWanted = true;
        return void this.#acquire();
      case "flip-camera":
        return void media.flip();
      case "share-screen":
        return media.screen ? media.stopSharing() : void media.share();
      case "retry-devices":
        media.cameraWanted = true;
        return void this.#acquire();
      case "choose-speaker":
        return void media.chooseSpeaker();
      case "test-speaker":
        return void play("test", media.chosen.audiooutput);
      case "restart":
      case "retry-now":
        return this.#line?.restart();
      case "hang-up":
        return this.#happen({ type: "hang-up" });
      case "share":
      case "copy-link":
        if ("target" in call && call.target) void this.#view.share(linkOf(call.target, location.origin), action === "share");
        return;
      default:
        this.#view.act(action);
    }
  }

  #settingsChanged() {
    this.#line?.setAudioOnly(settings.saveData);
    this.#view.show(this.#call(), this.#media);
  }

  #seen() {
    if (document.visibilityState !== "visible") return;
    void this.#media.wake();
    void this.#keepAwake(this.#call().screen === "call" || this.#call().screen === "waiting");
    this.#view.seen();
  }

  /** @param {boolean} awake */
  async #keepAwake(awake) {
    try {
      if (!awake) {
        await this.#wakeLock?.release();
        this.#wakeLock = null;
      } else if ((!this.#wakeLock || this.#wakeLock.released) && document.visibilityState === "visible") {
        this.#wakeLock = await navigator.wakeLock?.request("screen");
      }
    } catch {
      // A low battery refuses it; the call goes on.
    }
  }

  #mediaSession() {
    /** @type {Record<string, string>} */
    const keys = { togglemicrophone: "toggle-microphone", togglecamera: "toggle-camera", hangup: "hang-up" };
    for (const [key, action] of Object.entries(keys)) {
      try {
        navigator.mediaSession?.setActionHandler(/** @type {MediaSessionAction} */ (key), () => this.act(action));
      } catch {
        // This browser has no such key.
      }
    }
  }
}

/** @param {import("./media.js").MediaNews} news @param {Media} media */
const mediaWords = (news, { audio, camera }) => {
  switch (news) {
    case "microphone-lost":
      return audio ? "Another microphone took over." : "The microphone is gone.";
    case "camera-lost":
      return camera ? "Another camera took over." : "The camera is gone.";
    case "microphone-paused":
      return "The system has muted your microphone.";
    case "camera-paused":
      return "The system has stopped your camera.";
    case "microphone-back":
      return "Your microphone is back.";
    case "camera-back":
      return "Your camera is back.";
    case "screen-ended":
      return "You stopped sharing your screen.";
    case "changed":
      return "";
  }
};
