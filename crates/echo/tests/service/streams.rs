//! WHIP and WHEP: what is published is shown, under the statuses of the RFC.

use str0m::media::Direction;

use crate::{
    desk::{Answer, Desk},
    peer::{Peer, picture, some_offer},
};

const SDP: &str = "content-type: application/sdp\r\n";

async fn open(desk: &Desk, path: &str, direction: Direction) -> (Peer, String) {
    let offered = Peer::offer(direction).await;
    let answer = desk.ask(&format!("POST {path}"), SDP, &offered.sdp).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/sdp"));
    let location = answer.header("location").unwrap().to_owned();
    let mut peer = offered.answered(&answer.body);
    peer.until("connected", |got| got.connected).await;
    (peer, location)
}

#[tokio::test]
async fn all_who_look_see_what_is_published() {
    let desk = Desk::open(&[]).await;
    let (mut stage, location) = open(&desk, "/whip/stage", Direction::SendOnly).await;
    assert!(location.starts_with("/whip/stage/"), "{location}");
    let (mut one, _) = open(&desk, "/whep/stage", Direction::RecvOnly).await;
    let (mut two, leave) = open(&desk, "/whep/stage", Direction::RecvOnly).await;
    stage
        .until("a viewer's wish", |got| got.key_frames_asked > 0)
        .await;
    let both = async {
        tokio::join!(
            one.until("pictures", |got| got.pictures.len() == 40),
            two.until("pictures", |got| got.pictures.len() == 40)
        )
    };
    tokio::join!(stage.send(20), both);
    assert!((2..42).all(|number| one.got.pictures.contains_key(&picture(number))));

    let left = desk.ask(&format!("DELETE {leave}"), "", "").await;
    assert_eq!(left.status, 200);
    two.until("the end", |got| got.ended).await;
    let again = desk.ask(&format!("DELETE {leave}"), "", "").await;
    assert_eq!(again.status, 404);
    let over = desk.ask(&format!("DELETE {location}"), "", "").await;
    assert_eq!(over.status, 200);
    one.until("the end", |got| got.ended).await;
    desk.counts("tuturu_echo_sessions_ended_total{reason=\"stream-over\"} 1")
        .await;
    let gone = desk.ask("POST /whep/stage", SDP, &some_offer().await).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn statuses_are_those_of_the_rfc() {
    let desk = Desk::open(&["--echo-max-viewers", "1"]).await;
    let offer = some_offer().await;
    let ask = async |request: &str, headers: &str, body: &str| -> Answer {
        desk.ask(request, headers, body).await
    };
    assert_eq!(ask("POST /whep/a", SDP, &offer).await.status, 404);
    let first = ask("POST /whip/a", SDP, &offer).await;
    assert_eq!(first.status, 201);
    assert_eq!(ask("POST /whip/a", SDP, &offer).await.status, 409);
    assert_eq!(ask("POST /whep/a", SDP, &offer).await.status, 201);
    let full = ask("POST /whep/a", SDP, &offer).await;
    assert_eq!((full.status, full.header("retry-after")), (503, Some("30")));

    let link = r#"<turn:relay.example:3478?transport=udp>; rel="ice-server"; username="1:\"ann\""; credential="secret"; credential-type="password""#;
    assert_eq!(first.header("link"), Some(link));

    let json = "content-type: application/json\r\n";
    assert_eq!(ask("POST /whip/b", json, &offer).await.status, 415);
    assert_eq!(ask("POST /whip/b", SDP, "no offer").await.status, 400);
    assert_eq!(ask("POST /whip/b%20c", SDP, &offer).await.status, 400);
    let listens = Peer::offer(Direction::RecvOnly).await.sdp;
    assert_eq!(
        ask("POST /whip/b", SDP, &listens).await.status,
        400,
        "it sends nothing"
    );
    assert_eq!(ask("POST /whip/c", SDP, &offer).await.status, 201);
    let sends = Peer::offer(Direction::SendOnly).await.sdp;
    assert_eq!(
        ask("POST /whep/c", SDP, &sends).await.status,
        400,
        "it sees nothing"
    );

    let drawn = ask("POST /whip", SDP, &offer).await;
    assert_eq!(
        drawn.header("location").unwrap().len(),
        "/whip/".len() + 36 + 1 + 36
    );
    let location = first.header("location").unwrap();
    for method in ["PATCH", "GET", "PUT"] {
        assert_eq!(
            ask(&format!("{method} {location}"), "", "").await.status,
            405
        );
        assert_eq!(ask(&format!("{method} /whip/a"), "", "").await.status, 405);
    }
    let other = location.replace("/whip/a/", "/whip/b/");
    assert_eq!(ask(&format!("DELETE {other}"), "", "").await.status, 404);
    let viewer = location.replace("/whip/", "/whep/");
    assert_eq!(ask(&format!("DELETE {viewer}"), "", "").await.status, 404);
    let options = ask("OPTIONS /whip/a", "", "").await;
    assert_eq!(
        (options.status, options.header("accept-post")),
        (204, Some("application/sdp"))
    );
}
