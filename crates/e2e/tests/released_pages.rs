//! Released pages (0.0.0 to 0.1.3) never reconnect and know nothing of resuming. They must
//! be able to call new ones, in either order. What they do is written here after
//! docs/protocol.md; it runs in a real browser, at the server's own origin.

use anyhow::{Result, ensure};
use e2e::{Browser, Driver, Options, Server};

/// A released page: joins, offers when it hears `peer-joined`, answers offers, adds its own
/// camera and microphone, and ends its call for good on an error or a closed socket.
const RELEASED: &str = "
    window.heard = [];
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const remote = document.createElement('video');
    remote.id = 'remote-video';
    remote.autoplay = true;
    remote.playsInline = true;
    document.body.append(remote);
    const socket = new WebSocket(`ws://${location.host}/ws`);
    const send = (type, data) => socket.send(JSON.stringify({ type, data }));
    let pc, early = [];
    const begin = (iceServers) => {
        pc = new RTCPeerConnection({ iceServers });
        stream.getTracks().forEach((track) => pc.addTrack(track, stream));
        pc.onicecandidate = ({ candidate }) => candidate && send('ice-candidate', candidate);
        pc.ontrack = ({ streams: [first] }) => { if (!first) throw new Error('no stream'); remote.srcObject = first; };
    };
    const described = async (description) => {
        await pc.setRemoteDescription(description);
        for (const candidate of early.splice(0)) await pc.addIceCandidate(candidate);
    };
    socket.onmessage = async ({ data: text }) => {
        const { type, data, ...rest } = JSON.parse(text);
        window.heard.push({ type, keys: Object.keys(rest), data });
        if (type === 'join-pin') begin(data.iceServers);
        if (type === 'peer-joined') { await pc.setLocalDescription(await pc.createOffer()); send('offer', pc.localDescription); }
        if (type === 'offer') { await described(data); await pc.setLocalDescription(await pc.createAnswer()); send('answer', pc.localDescription); }
        if (type === 'answer') await described(data);
        if (type === 'ice-candidate') { if (pc.remoteDescription) await pc.addIceCandidate(data); else early.push(data); }
        if (type === 'peer-left' || type === 'error') window.ended = type;
    };
    socket.onclose = () => { window.ended ??= 'closed'; };
    await new Promise((open) => { socket.onopen = open; });
    socket.send(JSON.stringify({ type: 'join-pin', pin: 'PIN' }));
    window.leave = () => { send('leave'); socket.close(1000); };
";

struct Pair {
    server: Server,
    _driver: Driver,
    old: Browser,
    new: Browser,
}

impl Pair {
    async fn open() -> Result<Self> {
        let server = Server::start(&[]).await?;
        let driver = Driver::start().await?;
        let old = Browser::open(&driver, Options::default()).await?;
        let new = Browser::open(&driver, Options::default()).await?;
        old.go(&format!("{}/health", server.page)).await?;
        new.go(&server.page).await?;
        Ok(Self {
            server,
            _driver: driver,
            old,
            new,
        })
    }

    async fn old_joins(&self) -> Result<()> {
        self.old
            .run_async(&RELEASED.replace("PIN", "070707"))
            .await?;
        self.old
            .until("window.heard.some(({ type }) => type === 'join-pin')")
            .await
    }

    async fn new_joins(&self) -> Result<()> {
        self.new.type_pin("070707").await?;
        self.new.act("join").await
    }

    async fn see_each_other(&self) -> Result<()> {
        self.new
            .until("document.documentElement.dataset.media === 'connected'")
            .await?;
        self.new.sees().await?;
        self.new.hears().await?;
        self.old.sees().await?;
        self.old.hears().await?;
        let only_old_words = "
            const known = ['join-pin', 'peer-joined', 'offer', 'answer', 'ice-candidate', 'peer-left'];
            return window.heard.filter(({ type, keys, data }) => !known.includes(type) || keys.length || data?.resume !== undefined);";
        let foreign = self.old.run(only_old_words).await?;
        ensure!(
            foreign == serde_json::json!([]),
            "a released page heard {foreign}"
        );
        Ok(())
    }

    async fn end(self) -> Result<()> {
        self.old.close().await?;
        self.new.close().await?;
        self.server.stop().await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_released_page_that_was_there_first_calls_a_new_one() -> Result<()> {
    let pair = Pair::open().await?;
    pair.old_joins().await?;
    pair.new_joins().await?;
    pair.see_each_other().await?;
    pair.new.act("hang-up").await?;
    pair.old.until("window.ended === 'peer-left'").await?;
    pair.end().await
}

#[tokio::test]
async fn a_new_page_that_was_there_first_calls_a_released_one() -> Result<()> {
    let pair = Pair::open().await?;
    pair.new_joins().await?;
    pair.new.screen("waiting").await?;
    pair.new
        .until("document.querySelector('#waiting-socket').textContent === ''")
        .await?;
    pair.old_joins().await?;
    pair.see_each_other().await?;
    pair.old.run("window.leave()").await?;
    pair.new.screen("ended").await?;
    pair.end().await
}
