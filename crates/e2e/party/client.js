// What a test does with PartyKit's own client: everything it hears waits until it is asked for.
import PartySocket from 'partysocket';
import { WebSocket } from 'ws';

/** How long anything may take on a busy machine. */
const PATIENCE = 45_000;

export class Client {
  #inbox = [];
  #wake = () => {};

  constructor(host, room, id, options = {}) {
    this.socket = new PartySocket({ host, party: 'call', room, id, WebSocket, ...options });
    this.socket.binaryType = 'arraybuffer';
    for (const type of ['open', 'close', 'message']) {
      this.socket.addEventListener(type, (event) => {
        this.#inbox.push(type === 'message' ? readable(event.data) : type);
        this.#wake();
      });
    }
  }

  /** The next thing that happens: a message, or `open` or `close`. */
  async next() {
    const end = AbortSignal.timeout(PATIENCE);
    while (this.#inbox.length === 0) {
      await new Promise((wake, fail) => {
        this.#wake = wake;
        end.onabort = () => fail(new Error(`${this.socket.id} hears nothing`));
      });
    }
    end.onabort = null;
    return this.#inbox.shift();
  }

  /** Everything until that happens, which is the last of it. */
  async until(wanted) {
    const happened = [];
    do happened.push(await this.next()); while (happened.at(-1) !== wanted);
    return happened;
  }
}

/** JSON as what it says, bytes as an array, other text as it is. */
function readable(data) {
  if (typeof data !== 'string') return [...new Uint8Array(data)];
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

/** How many are in that room, as the client asks for it. */
export async function connections(host, room) {
  const answer = await PartySocket.fetch({ host, party: 'call', room });
  return (await answer.json()).connections;
}
