//! WHIP and WHEP: one publishes, others look.

use anyhow::{Result, ensure};
use e2e::{Browser, Driver, Options, Server};

use crate::CLIENT;

const PUBLISH: &str = "
    const pc = echoClient.pc = new RTCPeerConnection();
    const local = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    local.addTrack(echoClient.tone(1000));
    for (const track of local.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [local] });
    await pc.setLocalDescription();
    const response = await fetch('/whip/stage', { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: pc.localDescription.sdp });
    echoClient.location = response.headers.get('location');
    await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    await echoClient.until(() => pc.connectionState === 'connected');
    return [response.status, echoClient.location];";
const LOOK: &str = "
    const pc = echoClient.pc = new RTCPeerConnection();
    const remote = echoClient.remote = document.createElement('video');
    Object.assign(remote, { autoplay: true, muted: true });
    document.body.append(remote);
    pc.ontrack = ({ streams: [stream] }) => { remote.srcObject = stream; };
    for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
    await pc.setLocalDescription();
    const response = await fetch('/whep/stage', { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: pc.localDescription.sdp });
    if (response.status !== 201) return response.status;
    await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    await echoClient.until(() => pc.connectionState === 'connected');
    return response.status;";

#[tokio::test]
async fn what_is_published_is_seen_by_so_many() -> Result<()> {
    let server = Server::start(&["--echo-max-viewers", "2"]).await?;
    let driver = Driver::start().await?;
    let open = async || -> Result<Browser> {
        let page = Browser::open(&driver, Options::default()).await?;
        page.go(&server.page).await?;
        page.run(CLIENT).await?;
        Ok(page)
    };
    let stage = open().await?;
    let front = open().await?;
    ensure!(front.run_async(LOOK).await? == 404, "nobody publishes yet");
    let published = stage.run_async(PUBLISH).await?;
    ensure!(published[0] == 201, "{published}");
    // Whoever comes later needs a whole picture at once.
    for _ in 0..2 {
        ensure!(front.run_async(LOOK).await? == 201);
        ensure!(front.run_async("return await echoClient.decoded()").await? == "video/VP8");
        front.run_async("await echoClient.heard()").await?;
    }
    ensure!(front.run_async(LOOK).await? == 503, "two are many enough");
    server
        .counts("tuturu_echo_sessions{dialect=\"whep\"} 2")
        .await?;
    let delete = "return (await fetch(echoClient.location, { method: 'DELETE' })).status";
    ensure!(stage.run_async(delete).await? == 200);
    server
        .counts("tuturu_echo_sessions_ended_total{reason=\"stream-over\"} 2")
        .await?;
    ensure!(front.run_async(LOOK).await? == 404, "it is over");
    Ok(())
}
