// The server under test, a child of the test: `SERVER_UNDER_TEST`, on loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export class Server {
  #child;
  #listen = '127.0.0.1:0';

  /** Starts it, the second time at the same address. */
  async start() {
    const binary = process.env.SERVER_UNDER_TEST;
    if (!binary) throw new Error('SERVER_UNDER_TEST names the tuturu to test');
    const free = '127.0.0.1:0';
    this.#child = spawn(binary, [
      '--log-level', 'error', 'serve', '--listen', this.#listen,
      '--admin-listen', free, '--turn-listen', free, '--public-ip', '127.0.0.1',
    ], { stdio: ['ignore', 'pipe', 'inherit'] });
    process.once('exit', () => this.#child.kill('SIGKILL'));
    for await (const line of createInterface({ input: this.#child.stdout })) {
      const [what, address] = line.trim().split(/\s+/);
      if (what !== 'page') continue;
      this.#listen = new URL(address).host.replace('localhost', '127.0.0.1');
      this.#child.stdout.resume();
      return;
    }
    throw new Error('tuturu ended before it was ready');
  }

  /** `127.0.0.1:<port>`. */
  get host() {
    return this.#listen;
  }

  /** Ends it as a crash would. */
  async kill() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
