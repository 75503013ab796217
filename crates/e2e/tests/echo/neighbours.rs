//! The wire of clients that nobody here wrote, as their pages speak it: FastRTC's component
//! and the first page of Daydream Scope.

use anyhow::{Context as _, Result, ensure};
use e2e::{Browser, Driver, Options, Server};

use crate::CLIENT;

/// What both begin with: a camera, a place for each picture, and a way to ask.
const PAGE: &str = "
    echoClient.begin = async () => {
        const video = () => document.body.appendChild(Object.assign(document.createElement('video'), { autoplay: true, muted: true }));
        const [own, remote] = [video(), video()];
        const local = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
        own.srcObject = local;
        const pc = new RTCPeerConnection();
        pc.ontrack = ({ streams: [stream] }) => { remote.srcObject = stream; };
        Object.assign(echoClient, { pc, own, remote, local, messages: [] });
    };
    echoClient.post = (path, body) =>
        fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });";

/// Offers at once, sends candidates to the same address as they come, and takes every answer
/// that is no failure for a description.
const FASTRTC: &str = "
    await echoClient.begin();
    const { pc, local, messages } = echoClient;
    local.addTrack(echoClient.tone(1000));
    const webrtc_id = Math.random().toString(36).slice(2);
    const ask = async (body) => (await echoClient.post('/webrtc/offer', { ...body, webrtc_id })).json();
    echoClient.trickle = (candidate) => ask({ candidate: candidate.toJSON(), type: 'ice-candidate' });
    pc.onicecandidate = ({ candidate }) => {
        if (candidate) {
            echoClient.candidate = candidate;
            echoClient.trickle(candidate);
        }
    };
    const channel = pc.createDataChannel('text');
    channel.onopen = () => channel.send('handshake');
    channel.onmessage = ({ data }) => messages.push(JSON.parse(data));
    for (const track of local.getTracks()) pc.addTrack(track, local);
    await pc.setLocalDescription(await pc.createOffer());
    const { sdp, type } = pc.localDescription;
    const answer = await ask({ sdp, type });
    if (answer.status === 'failed') return answer;
    await pc.setRemoteDescription(answer);
    await echoClient.until(() => pc.connectionState === 'connected');";

/// Loads a pipeline, waits until it is, and offers when all candidates are known.
const SCOPE: &str = "
    await echoClient.begin();
    const { pc, local, messages } = echoClient;
    const status = async () => (await fetch('/api/v1/pipeline/status', { headers: { 'Content-Type': 'application/json' } })).json();
    await status();
    const load = (pipeline_id) => echoClient.post('/api/v1/pipeline/load', { pipeline_id, load_params: { height: 480, width: 640, seed: 42 } });
    const unknown = await load('streamdiffusionv2');
    const refused = [unknown.status, await unknown.text()];
    if (!(await load('passthrough')).ok || (await status()).status !== 'loaded') throw new Error('not loaded');
    const channel = echoClient.channel = pc.createDataChannel('parameters', { ordered: true });
    channel.onmessage = ({ data }) => messages.push(JSON.parse(data));
    for (const track of local.getTracks()) pc.addTrack(track, local);
    const gathered = new Promise((done) => { pc.onicecandidate = ({ candidate }) => candidate ?? done(); });
    await pc.setLocalDescription(await pc.createOffer());
    await gathered;
    const { sdp, type } = pc.localDescription;
    const initialParameters = { prompts: [''], denoising_step_list: [700, 500], noise_scale: 0.7, noise_controller: true };
    const response = await echoClient.post('/api/v1/webrtc/offer', { sdp, type, initialParameters });
    await pc.setRemoteDescription(await response.json());
    await echoClient.until(() => pc.connectionState === 'connected');
    return refused;";

async fn open(server: &Server, driver: &Driver) -> Result<Browser> {
    let page = Browser::open(driver, Options::default()).await?;
    page.go(&server.page).await?;
    page.run(CLIENT).await?;
    page.run(PAGE).await?;
    Ok(page)
}

#[tokio::test]
async fn fastrtc_sees_and_hears_itself_and_is_told_why_it_ends() -> Result<()> {
    let server = Server::start(&["--echo-max-sessions-per-source", "1"]).await?;
    let driver = Driver::start().await?;
    let page = open(&server, &driver).await?;
    ensure!(page.run_async(FASTRTC).await?.is_null());
    page.run_async("await echoClient.seen()").await?;
    page.run_async("await echoClient.heard()").await?;
    let taken = "return await echoClient.trickle(echoClient.candidate)";
    ensure!(page.run_async(taken).await?["status"] == "success");
    server
        .counts("tuturu_echo_sessions{dialect=\"fastrtc\"} 1")
        .await?;

    let second = open(&server, &driver).await?;
    let refused = second.run_async(FASTRTC).await?;
    ensure!(
        refused["meta"]["error"] == "concurrency_limit_reached" && refused["meta"]["limit"] == 1,
        "{refused}"
    );

    let told = "return await echoClient.told(({ type }) => type === 'end_stream')";
    let (stopped, told) = tokio::join!(server.stop(), page.run_async(told));
    stopped?;
    ensure!(told?["data"].is_string());
    Ok(())
}

#[tokio::test]
async fn the_first_page_of_scope_sees_itself() -> Result<()> {
    let server = Server::start(&[]).await?;
    let driver = Driver::start().await?;
    let page = open(&server, &driver).await?;
    let refused = page.run_async(SCOPE).await?;
    let why = refused[1].as_str().context("a reason")?;
    ensure!(
        refused[0] == 400 && why.contains("choose passthrough"),
        "the page shows it to people: {refused}"
    );
    page.run_async("await echoClient.seen()").await?;
    let set = page
        .run_async("return await echoClient.set({ noise_scale: 0.4 })")
        .await?;
    ensure!(
        set["pipeline"] == "passthrough"
            && set["errors"].as_object().is_some_and(|all| all.is_empty()),
        "{set}"
    );
    // Another camera, without a new offer.
    let other = "
        const local = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
        const [sender] = echoClient.pc.getSenders();
        await sender.replaceTrack(local.getVideoTracks()[0]);
        echoClient.own.srcObject = local;
        await echoClient.until(() => echoClient.remote.videoWidth === 320);
        await echoClient.seen();";
    page.run_async(other).await?;
    Ok(())
}
