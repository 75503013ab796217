// A call of two in a room by call ID, as PartyKit's programs do it: who was there first hears
// `peer-joined` and offers. Everything said reaches everybody in the room, so it says for whom.
const find = (id) => document.getElementById(id);
const tell = (text) => { find('status').textContent = text; };

const me = crypto.randomUUID();
location.hash ||= crypto.randomUUID();
const room = location.hash.slice(1);
addEventListener('hashchange', () => location.reload());

const camera = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
find('local-video').srcObject = camera;

/** STUN and TURN as the server gives them; within one network a call works without. */
async function iceServers() {
  const answer = await fetch(`/api/turn?service=turn&username=${me}`);
  if (!answer.ok) return [];
  const { uris, username, password } = await answer.json();
  return [{ urls: uris, username, credential: password }];
}

let socket;
let pc;
let other;

const say = (what) => {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ from: me, ...what }));
};

function hangUp() {
  pc?.close();
  pc = other = undefined;
  find('remote-video').srcObject = null;
  tell('Waiting for the other person');
}

async function begin(peer) {
  hangUp();
  const begun = new RTCPeerConnection({ iceServers: await iceServers() });
  begun.onicecandidate = ({ candidate }) => candidate && say({ to: peer, candidate });
  begun.ontrack = ({ streams: [stream] }) => { find('remote-video').srcObject = stream; };
  begun.onconnectionstatechange = () => tell(begun.connectionState);
  for (const track of camera.getTracks()) begun.addTrack(track, camera);
  [pc, other] = [begun, peer];
}

async function describe() {
  await pc.setLocalDescription();
  say({ to: other, description: pc.localDescription });
}

async function hear({ type, id, to, from, description, candidate }) {
  if (type === 'peer-joined' && !pc) {
    await begin(id);
    await describe();
  } else if (type === 'peer-disconnected' && id === other) {
    hangUp();
  } else if (to === me) {
    if (description?.type === 'offer') await begin(from);
    if (from !== other) return;
    if (description) await pc.setRemoteDescription(description);
    if (description?.type === 'offer') await describe();
    if (candidate) await pc.addIceCandidate(candidate);
  }
}

function connect() {
  const server = location.origin.replace('http', 'ws');
  socket = new WebSocket(`${server}/parties/call/${encodeURIComponent(room)}?_pk=${me}`);
  // One after the other: a candidate must not overtake its description.
  let last = Promise.resolve();
  socket.onmessage = ({ data }) => {
    last = last.then(() => hear(JSON.parse(data))).catch((error) => console.warn(error.name));
  };
  // The call goes on meanwhile; not everybody should be back in the same second.
  socket.onclose = () => setTimeout(connect, 1000 + 2000 * Math.random());
}

hangUp();
connect();
