//! The least that calls: a script that connects as fast as a browser lets it, with no screens,
//! no states, no second chances. What the page takes longer than this is the page's own.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{DOMAIN, Person};

/// Camera, credentials and socket are there before anybody joins, as they are in the page.
const PREPARE: &str = "
    const camera = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } });
    const { iceServers } = await (await fetch('/api/v1/webrtc/ice-servers')).json();
    const video = document.createElement('video');
    video.autoplay = video.muted = true;
    document.body.replaceChildren(video);
    video.requestVideoFrameCallback(() => { window.firstPainted = Date.now(); });
    const socket = new WebSocket(`wss://${location.host}/party/${room}`);
    const say = (message) => socket.send(JSON.stringify(message));
    const pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle', iceCandidatePoolSize: 1 });
    const early = [];
    pc.onicecandidate = ({ candidate }) => candidate && say({ candidate });
    pc.ontrack = ({ streams }) => { video.srcObject = streams[0]; };
    socket.onmessage = async ({ data }) => {
        const { join, description, candidate } = JSON.parse(data);
        if (join) {
            for (const track of camera.getTracks()) pc.addTrack(track, camera);
            await pc.setLocalDescription();
            say({ description: pc.localDescription });
        } else if (description) {
            await pc.setRemoteDescription(description);
            if (description.type === 'offer') {
                for (const track of camera.getTracks()) pc.addTrack(track, camera);
                await pc.setLocalDescription();
                say({ description: pc.localDescription });
            }
            for (const one of early.splice(0)) await pc.addIceCandidate(one);
        } else if (candidate) {
            if (pc.remoteDescription) await pc.addIceCandidate(candidate);
            else early.push(candidate);
        }
    };
    window.join = () => { window.joined = Date.now(); say({ join: true }); };
    await new Promise((open) => { socket.onopen = open; });";

/// From the second join to the first painted frame, where it took longer.
///
/// # Errors
/// When they do not meet.
pub async fn stub(ann: &Person, bob: &Person, room: &str) -> Result<Duration> {
    for person in [ann, bob] {
        person.forgets().await?;
        person.browser.go(&format!("https://{DOMAIN}/")).await?;
        let prepare = format!("const room = '{room}'; {PREPARE}");
        person.browser.run_async(&prepare).await?;
    }
    bob.browser.run("window.join()").await?;
    let mut last = 0.0_f64;
    for person in [ann, bob] {
        person.browser.until("window.firstPainted").await?;
        let first = person.browser.run("return window.firstPainted").await?;
        last = last.max(first.as_f64().context("a time")?);
    }
    let joined = bob.browser.run("return window.joined").await?;
    let took = last - joined.as_f64().context("a time")?;
    Ok(Duration::from_millis(took as u64))
}
