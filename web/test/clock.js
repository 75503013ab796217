// Time in the hands of a test.

export class Clock {
  now = 0;
  #next = 1;
  /** @type {Map<number, { at: number, run: () => void }>} */
  #timers = new Map();

  setTimeout = (/** @type {() => void} */ run, /** @type {number} */ ms) => {
    this.#timers.set(this.#next, { at: this.now + ms, run });
    return this.#next++;
  };

  clearTimeout = (/** @type {number | undefined} */ timer) => void this.#timers.delete(timer ?? 0);

  /** Everything that is due until then happens, in its order. @param {number} ms */
  pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [timer, { at, run }] = due;
      this.#timers.delete(timer);
      this.now = Math.max(this.now, at);
      run();
    }
    this.now = end;
  }
}
