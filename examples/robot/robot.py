"""A robot without a camera: whoever its owners are sees moving colour bars.

    ROBOT_KEY=<64 hexadecimal digits> python robot.py http://localhost:8080 rover

The key is no argument because everybody on a machine can read those. ROBOT_ADDRESS=127.0.0.1
offers that address alone: aiortc leaves loopback out, and on one machine nothing else is needed.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import os
import sys
import time
from urllib.parse import urlencode

import aioice.ice
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc import RTCSessionDescription, VideoStreamTrack
from aiortc.contrib.media import MediaRelay
from aiortc.sdp import candidate_from_sdp
from av import VideoFrame
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

WIDTH, HEIGHT = 640, 360
# White, yellow, cyan, green, magenta, red, blue, black: Y, U and V of each.
BARS = [(235, 128, 128), (210, 16, 146), (170, 166, 16), (145, 54, 34)]
BARS += [(106, 202, 222), (81, 90, 240), (41, 240, 110), (16, 128, 128)]
CONNECT_SECONDS = 30
REPLACED = 4409

log = logging.getLogger("robot")


class ColourBars(VideoStreamTrack):
    """Bars that walk to the left. Replace this class to show a real camera."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, values in zip(frame.planes, zip(*BARS)):
            bar = plane.width // len(BARS)
            row = b"".join(bytes([value]) * bar for value in values)
            step = pts * plane.width // 90_000 // 4 % plane.width
            row = row[step:] + row[:step] + bytes(plane.line_size - plane.width)
            plane.update(row * plane.height)
        frame.pts, frame.time_base = pts, time_base
        return frame


def signed_url(server, robot, key):
    """The address of this robot's socket; the signature in it is good once, for five minutes."""
    now = int(time.time())
    sig = hmac.new(key, f"{robot}:{now}".encode(), hashlib.sha256).hexdigest()
    query = urlencode({"device_id": robot, "sig": sig, "ts": now})
    return f"{server.rstrip('/').replace('http', 'ws', 1)}/ws/device?{query}"


class Viewer:
    """One session: somebody watches, over a connection of their own."""

    def __init__(self, session_id, ice_servers, track, send):
        self.session_id, self.track, self.send = session_id, track, send
        self.inbox = asyncio.Queue()
        servers = [RTCIceServer(**server) for server in ice_servers.get("iceServers", [])]
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self.pc.on("connectionstatechange", self.changed)

    def changed(self):
        if self.pc.connectionState in ("failed", "closed"):
            self.inbox.put_nowait(None)

    def late(self):
        if self.pc.connectionState != "connected":
            self.inbox.put_nowait(None)

    async def run(self):
        late = asyncio.get_running_loop().call_later(CONNECT_SECONDS, self.late)
        try:
            self.pc.addTransceiver(self.track, direction="sendonly")
            # Gathers too: the offer carries all candidates of this side.
            await self.pc.setLocalDescription(await self.pc.createOffer())
            await self.say("webrtc_offer", sdp=self.pc.localDescription.sdp)
            while message := await self.inbox.get():
                await self.hear(message)
            await self.say("webrtc_close")
        except ConnectionClosed:
            pass
        except Exception as error:  # One bad session must not end the others.
            log.warning("a session failed: %s", type(error).__name__)
            with contextlib.suppress(ConnectionClosed):
                await self.say("webrtc_close")
        finally:
            late.cancel()
            self.track.stop()
            # A relay that is gone as well would hold this up for a minute.
            await asyncio.wait([asyncio.create_task(self.pc.close())], timeout=1)

    async def say(self, kind, **more):
        await self.send(json.dumps({"type": kind, "session_id": self.session_id, **more}))

    async def hear(self, message):
        if message["type"] == "webrtc_answer":
            await self.pc.setRemoteDescription(RTCSessionDescription(message["sdp"], "answer"))
        elif message["type"] == "webrtc_ice":
            # Pages nest the candidate, other apps spell it flat.
            nested = message.get("candidate")
            init = nested if isinstance(nested, dict) else message
            if not init.get("candidate"):
                return
            candidate = candidate_from_sdp(init["candidate"].removeprefix("candidate:"))
            candidate.sdpMid = init.get("sdpMid")
            candidate.sdpMLineIndex = init.get("sdpMLineIndex")
            # A hidden address (mDNS) may need a multicast that this machine lacks.
            with contextlib.suppress(OSError):
                await self.pc.addIceCandidate(candidate)


async def serve(socket, picture):
    """Shows the picture to everybody who asks, until the socket is lost."""
    relay, viewers = MediaRelay(), {}

    def left(session_id):
        del viewers[session_id]
        log.info("a viewer left, %d watching", len(viewers))

    try:
        async for text in socket:
            message = json.loads(text)
            kind, session_id = message.get("type"), message.get("session_id")
            if kind == "webrtc_request":
                # One picture however many watch; who is slow misses frames.
                track = relay.subscribe(picture, buffered=False)
                viewer = Viewer(session_id, message["ice_servers"], track, socket.send)
                task = asyncio.create_task(viewer.run())
                task.add_done_callback(lambda _, gone=session_id: left(gone))
                viewers[session_id] = viewer, task
                log.info("a viewer came, %d watching", len(viewers))
            elif session_id in viewers:
                viewer, task = viewers[session_id]
                if kind == "webrtc_close":
                    task.cancel()
                else:
                    viewer.inbox.put_nowait(message)
    finally:
        tasks = [task for _, task in viewers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def main(server, robot, key):
    picture, pause = ColourBars(), 1
    while True:
        try:
            async with connect(signed_url(server, robot, key)) as socket:
                log.info("connected as %s", robot)
                pause = 1
                await serve(socket, picture)
            if socket.close_code == REPLACED:
                sys.exit("another robot connected with this id")
            log.info("the connection was closed")
        except InvalidStatus as refused:
            status = refused.response.status_code
            log.warning("refused with %d: are id, key and clock right?", status)
        except (OSError, WebSocketException) as lost:
            log.warning("not connected: %s", type(lost).__name__)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 30)


if __name__ == "__main__":
    if len(sys.argv) != 3 or len(os.environ.get("ROBOT_KEY", "")) != 64:
        sys.exit(__doc__)
    if only := os.environ.get("ROBOT_ADDRESS"):
        aioice.ice.get_host_addresses = lambda *_, **__: [only]
    logging.basicConfig(format="%(message)s")
    log.setLevel(logging.INFO)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:], bytes.fromhex(os.environ["ROBOT_KEY"])))
