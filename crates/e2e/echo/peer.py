"""A client of the echo on aiortc: sends colour bars and a tone, and says what came back.

    python peer.py http://localhost:8080/api/v1/webrtc/offer

Prints one line of JSON: the luminance of each bar, the loudest frequency, and the messages.
"""

import asyncio
import fractions
import json
import math
import sys
import urllib.request

import aioice.ice
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from av import AudioFrame, VideoFrame

WIDTH, HEIGHT, BARS, TONE, RATE = 640, 480, [235, 16, 128, 200], 1000, 48_000


class ColourBars(VideoStreamTrack):
    async def recv(self):
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        bar = WIDTH // len(BARS)
        row = b"".join(bytes([value]) * bar for value in BARS)
        frame.planes[0].update((row + bytes(frame.planes[0].line_size - WIDTH)) * HEIGHT)
        for plane in frame.planes[1:]:
            plane.update(bytes([128]) * (plane.line_size * plane.height))
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class Tone(AudioStreamTrack):
    def __init__(self):
        super().__init__()
        self.at, self.begin = 0, None

    async def recv(self):
        loop, samples = asyncio.get_running_loop(), RATE // 50
        self.begin = self.begin or loop.time()
        await asyncio.sleep(max(0, self.begin + self.at / RATE - loop.time()))
        frame = AudioFrame(format="s16", layout="mono", samples=samples)
        wave = (math.sin(2 * math.pi * TONE * (self.at + n) / RATE) for n in range(samples))
        frame.planes[0].update(b"".join(int(16_000 * value).to_bytes(2, "little", signed=True) for value in wave))
        frame.pts, frame.sample_rate, frame.time_base = self.at, RATE, fractions.Fraction(1, RATE)
        self.at += samples
        return frame


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


async def bars_of(track):
    """The luminance in the middle of each bar, once the first pictures have passed."""
    for _ in range(15):
        frame = await track.recv()
    frame = frame.reformat(format="gray")
    plane, bar = frame.planes[0], frame.width // len(BARS)
    middle = frame.height // 2 * plane.line_size
    return [bytes(plane)[middle + bar * n + bar // 2] for n in range(len(BARS))]


async def frequency_of(track):
    """Zero crossings of half a second, once the first sound has passed."""
    samples = []
    for n in range(75):
        frame = await track.recv()
        if n >= 50:
            channels = len(frame.layout.channels)
            data = memoryview(bytes(frame.planes[0])).cast("h")[: frame.samples * channels]
            samples += data[::channels]
    crossings = sum((a < 0) != (b < 0) for a, b in zip(samples, samples[1:]))
    return crossings / 2 / (len(samples) / RATE)


async def main(url):
    pc, tracks, messages = RTCPeerConnection(), {}, asyncio.Queue()
    pc.addTrack(ColourBars())
    pc.addTrack(Tone())
    channel = pc.createDataChannel("parameters")
    channel.on("message", lambda text: messages.put_nowait(json.loads(text)))
    pc.on("track", lambda track: tracks.update({track.kind: track}))
    await pc.setLocalDescription(await pc.createOffer())
    offer = {"sdp": pc.localDescription.sdp, "type": "offer", "initialParameters": {"prompts": [{"text": "a cat", "weight": 1}]}}
    answer = await asyncio.get_running_loop().run_in_executor(None, post, url, offer)
    await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    bars, frequency, opened = await asyncio.wait_for(
        asyncio.gather(bars_of(tracks["video"]), frequency_of(tracks["audio"]), messages.get()), 60
    )
    channel.send(json.dumps({"delay": 0.25, "pipeline": "delay"}))
    updated = await asyncio.wait_for(messages.get(), 20)
    print(json.dumps({"bars": bars, "frequency": frequency, "opened": opened, "updated": updated}))
    await pc.close()


# aiortc leaves loopback out, and on one machine nothing else is needed.
aioice.ice.get_host_addresses = lambda *_, **__: ["127.0.0.1"]
asyncio.run(main(sys.argv[1]))
