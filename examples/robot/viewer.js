// Watches one robot. The link says which, and with whose token: #device=rover&token=<JWT>.
// What follows the # is sent to no server with the page's address.
const link = new URLSearchParams(location.hash.slice(1));
const find = (id) => document.getElementById(id);
const tell = (text) => { find('status').textContent = text; };

function watch() {
  const address = new URL('/ws/app', location.origin.replace('http', 'ws'));
  address.searchParams.set('token', link.get('token') ?? '');
  const socket = new WebSocket(address);
  let session_id;
  let pc;
  let why = 'No connection: is the token in the link still good?';
  const send = (type, more) => socket.send(JSON.stringify({ type, session_id, ...more }));

  const heard = {
    webrtc_credentials(message) {
      session_id = message.session_id;
      pc = new RTCPeerConnection(message.ice_servers);
      pc.onicecandidate = ({ candidate }) => candidate && send('webrtc_ice', { candidate });
      pc.ontrack = ({ track }) => { find('remote-video').srcObject = new MediaStream([track]); };
      pc.onconnectionstatechange = () => {
        if (pc.connectionState === 'connected') tell('Watching');
        if (pc.connectionState === 'failed') send('webrtc_close');
      };
    },
    async webrtc_offer({ sdp }) {
      await pc.setRemoteDescription({ type: 'offer', sdp });
      await pc.setLocalDescription();
      send('webrtc_answer', { sdp: pc.localDescription.sdp });
    },
    async webrtc_ice({ candidate }) {
      await pc.addIceCandidate(candidate);
    },
    webrtc_close() {
      why = 'Ended';
      socket.close();
    },
    error({ message }) {
      why = message;
      socket.close();
    },
  };

  // One after the other: a candidate must not overtake the offer it belongs to.
  let last = Promise.resolve();
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    last = last.then(() => heard[message.type]?.(message));
  };
  socket.onopen = () => {
    why = 'The connection to the server was lost';
    tell('Asking');
    send('webrtc_request', { device_id: link.get('device') });
  };
  socket.onclose = () => {
    pc?.close();
    find('remote-video').srcObject = null;
    find('watch').disabled = false;
    find('stop').disabled = true;
    tell(why);
  };
  find('watch').disabled = true;
  find('stop').disabled = false;
  find('stop').onclick = () => (session_id ? send('webrtc_close') : socket.close());
}

find('watch').onclick = watch;
addEventListener('hashchange', () => location.reload());
watch();
