// What stands in for a WebSocket where something on the way breaks them: events come down, messages go up in POSTs, one
// after the other, so that their order is kept.

/** Fits into one POST with room to spare. */
const BATCH = 40_000;
/** Browsers let a page that goes away finish POSTs of up to this size. */
const LAST_WORDS = 32_000;

/** @typedef {{ EventSource: typeof EventSource, fetch: typeof fetch }} Web */

/** As much of a WebSocket as signaling uses. */
export class EventSocket {
  readyState = 0;
  /** @type {(() => void) | null} */ onopen = null;
  /** @type {((event: { data: unknown }) => void) | null} */ onmessage = null;
  /** @type {((event: { code: number }) => void) | null} */ onclose = null;
  /** Shown with every message. */
  #name = "";
  /** @type {string[]} */
  #unsent = [];
  #posting = false;
  #url;
  #web;
  #events;

  /** @param {string} url of the WebSocket @param {Web} web */
  constructor(url, web) {
    this.#url = url.replace(/^ws/, "http");
    this.#web = web;
    this.#events = new web.EventSource(`${this.#url}/events`);
    /** @param {string} type @param {(data: string) => void} heard */
    const on = (type, heard) => this.#events.addEventListener(type, (event) => heard(/** @type {MessageEvent} */ (event).data));
    on("open", (name) => {
      // The browser's own event of that name brings nothing.
      if (typeof name !== "string") return;
      this.#name = name;
      this.readyState = 1;
      this.onopen?.();
    });
    on("message", (data) => this.onmessage?.({ data }));
    on("close", (data) => this.#lose(Number(JSON.parse(data).code)));
    on("error", () => this.#lose(1006));
  }

  /** @param {string} text */
  send(text) {
    this.#unsent.push(text);
    if (!this.#posting) void this.#post();
  }

  /** After what is unsent. */
  close() {
    this.readyState = 2;
    if (!this.#posting) this.#events.close();
  }

  async #post() {
    this.#posting = true;
    while (this.#unsent.length > 0) {
      let [body = ""] = this.#unsent.splice(0, 1);
      while (this.#unsent[0] && body.length + this.#unsent[0].length < BATCH) body += `\n${this.#unsent.shift()}`;
      const headers = { authorization: `Bearer ${this.#name}` };
      const sent = this.#web.fetch(`${this.#url}/messages`, { method: "POST", headers, body, keepalive: body.length < LAST_WORDS });
      const answer = await sent.catch(() => null);
      if (!answer?.ok) return this.#lose(1006);
    }
    this.#posting = false;
    if (this.readyState === 2) this.#events.close();
  }

  /** @param {number} code */
  #lose(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    // Left alone it would come back by itself, as somebody whom the server does not know.
    this.#events.close();
    this.onclose?.({ code });
  }
}
