import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client, connections } from './client.js';
import { Server } from './server.js';

const server = new Server();
const clients = [];
const limit = { timeout: 120_000 };

const enter = (room, id, options) => {
  const client = new Client(server.host, room, id, options);
  clients.push(client);
  return client;
};
const joined = (id) => ({ type: 'peer-joined', peerId: id, id });
const left = (id) => ({ type: 'peer-disconnected', peerId: id, id });
const peers = (...ids) => ({ type: 'peers', ids });

/** Ann, and then Bob, in a room of their own. */
async function pair(room, options) {
  const ann = enter(room, 'ann', options);
  assert.equal(await ann.next(), 'open');
  assert.deepEqual(await ann.next(), peers());
  const bob = enter(room, 'bob');
  assert.equal(await bob.next(), 'open');
  assert.deepEqual(await bob.next(), peers('ann'));
  assert.deepEqual(await ann.next(), joined('bob'));
  return [ann, bob];
}

before(() => server.start());
after(async () => {
  for (const { socket } of clients) socket.close();
  await server.kill();
});

test('two in a room hear each other, text and bytes, and another room hears nothing', limit, async () => {
  const [ann, bob] = await pair('heard');
  const eve = enter('elsewhere', 'eve');
  assert.equal(await eve.next(), 'open');
  assert.deepEqual(await eve.next(), peers());

  assert.equal(ann.socket.send('from ann'), true);
  ann.socket.send(new Uint8Array([0, 255, 1]));
  assert.equal(await bob.next(), 'from ann');
  assert.deepEqual(await bob.next(), [0, 255, 1]);
  bob.socket.send('from bob');
  assert.equal(await ann.next(), 'from bob', 'and nothing of its own');

  const eves = enter('elsewhere', 'second');
  await eves.until('open');
  assert.deepEqual(await eve.next(), joined('second'), 'nothing came from the other room');
  assert.equal(await connections(server.host, 'heard'), 2);
  assert.equal(await connections(server.host, 'nowhere'), 0);
});

test('who closes has left, and who comes back is new', limit, async () => {
  const [ann, bob] = await pair('presence');
  bob.socket.close();
  assert.deepEqual(await ann.next(), left('bob'));
  assert.equal(await bob.next(), 'close');
  bob.socket.reconnect();
  assert.equal(await bob.next(), 'open');
  assert.deepEqual(await bob.next(), peers('ann'));
  assert.deepEqual(await ann.next(), joined('bob'));
});

test('reconnect() keeps the id and its one place in the room', limit, async () => {
  const [ann, bob] = await pair('again');
  bob.socket.reconnect();
  assert.equal(await bob.next(), 'close');
  assert.equal(await bob.next(), 'open');
  assert.deepEqual(await bob.next(), peers('ann'));
  bob.socket.send('back');
  // The old socket may end before the new one is there, or after.
  const heard = await ann.until('back');
  assert.ok([1, 3].includes(heard.length), JSON.stringify(heard));
  if (heard.length === 3) assert.deepEqual(heard, [left('bob'), joined('bob'), 'back']);
  assert.equal(await connections(server.host, 'again'), 2);
});

test('a killed server is found again, and what was said meanwhile arrives', limit, async () => {
  // Ann asks for her address each time; that holds her back until Bob is there to hear her.
  let gate = Promise.resolve();
  const query = async () => {
    await gate;
    return {};
  };
  const [ann, bob] = await pair('restart', { query });
  let open;
  gate = new Promise((resolve) => { open = resolve; });
  await server.kill();
  assert.equal(await ann.next(), 'close');
  assert.equal(await bob.next(), 'close');
  const burst = Array.from({ length: 40 }, (_, n) => `queued ${n}`);
  for (const text of burst) assert.equal(ann.socket.send(text), false, 'it waits');
  ann.socket.send(new Uint8Array([7, 0, 7]));

  await server.start();
  await bob.until('open');
  assert.deepEqual(await bob.next(), peers());
  open();
  assert.deepEqual(await bob.next(), joined('ann'));
  for (const text of burst) assert.equal(await bob.next(), text);
  assert.deepEqual(await bob.next(), [7, 0, 7]);
  await ann.until('open');
  assert.deepEqual(await ann.next(), peers('bob'));
  bob.socket.send('heard');
  assert.equal(await ann.next(), 'heard');
});
