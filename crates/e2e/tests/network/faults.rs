//! What happens to networks and servers in the middle of a call. Each ends with moving pictures
//! on both sides, and nobody has clicked anything.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::{Lab, Part, Path, Person, Policy, Router, Talk, apart};

struct Scene {
    lab: Lab,
    ann: Person,
    bob: Person,
    routers: [Router; 2],
}

impl Scene {
    async fn set(policies: [Policy; 2]) -> Result<Self> {
        let lab = Lab::new().await?;
        let (ann, bob) = tokio::try_join!(Person::new(&lab, "ann"), Person::new(&lab, "bob"))?;
        let routers = [
            lab.router(policies[0]).await?,
            lab.router(policies[1]).await?,
        ];
        ann.goes_behind(&routers[0])?;
        bob.goes_behind(&routers[1])?;
        Ok(Self {
            lab,
            ann,
            bob,
            routers,
        })
    }

    async fn talk(&self, path: Path) -> Result<Talk<'_>> {
        let talk = Talk::dial(&self.ann, &self.bob, "577215").await?;
        talk.went("before", path).await?;
        Ok(talk)
    }
}

/// How long a fault lasts is a part of the fault.
async fn lasts(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn outage(seconds: u64) -> Result<()> {
    let scene = Scene::set([Policy::PortCone, Policy::PortCone]).await?;
    let talk = scene.talk(Path::Direct).await?;
    scene.routers[0].cut()?;
    lasts(seconds).await;
    talk.stands_still().await?;
    scene.routers[0].mend()?;
    talk.recovers(&format!("an outage of {seconds} s")).await
}

#[test]
#[ignore = "takes minutes: make test-network"]
fn an_outage_of_five_seconds() -> Result<()> {
    apart(async || outage(5).await)
}

#[test]
fn an_outage_of_half_a_minute() -> Result<()> {
    apart(async || outage(30).await)
}

#[test]
#[ignore = "takes minutes: make test-network"]
fn a_link_that_goes_down_and_comes_up() -> Result<()> {
    apart(async || {
        let scene = Scene::set([Policy::PortCone, Policy::PortCone]).await?;
        let talk = scene.talk(Path::Direct).await?;
        for (person, router) in talk.both().into_iter().zip(&scene.routers) {
            person.unplug()?;
            talk.stands_still().await?;
            person.plug_in(router)?;
            talk.recovers("a link that was down").await?;
        }
        Ok(())
    })
}

#[test]
fn who_roams_takes_the_call_along() -> Result<()> {
    apart(async || {
        let scene = Scene::set([Policy::PortCone, Policy::PortCone]).await?;
        let talk = scene.talk(Path::Direct).await?;
        for (person, who) in [
            (&scene.ann, "the first one roams"),
            (&scene.bob, "the second one roams"),
        ] {
            person.goes_behind(&scene.lab.router(Policy::PortCone).await?)?;
            talk.stands_still().await?;
            talk.recovers(who).await?;
        }
        let elsewhere = [
            scene.lab.router(Policy::PortCone).await?,
            scene.lab.router(Policy::FullCone).await?,
        ];
        scene.ann.goes_behind(&elsewhere[0])?;
        scene.bob.goes_behind(&elsewhere[1])?;
        talk.stands_still().await?;
        talk.recovers("both roam at once").await
    })
}

#[test]
#[ignore = "takes minutes: make test-network"]
fn from_a_symmetric_network_to_one_with_nothing_but_443() -> Result<()> {
    apart(async || {
        let scene = Scene::set([Policy::Symmetric, Policy::PortCone]).await?;
        let talk = scene.talk(Path::Relayed).await?;
        scene
            .ann
            .goes_behind(&scene.lab.router(Policy::Only443).await?)?;
        talk.stands_still().await?;
        talk.recovers("symmetric, then only 443").await
    })
}

#[test]
fn a_relay_that_is_killed_and_comes_back() -> Result<()> {
    apart(async || {
        let mut scene = Scene::set([Policy::Symmetric, Policy::Symmetric]).await?;
        scene.talk(Path::Relayed).await?;
        scene.lab.server.kill(Part::Relay)?;
        let talk = Talk {
            ann: &scene.ann,
            bob: &scene.bob,
        };
        talk.stands_still().await?;
        scene.lab.server.begin(Part::Relay).await?;
        talk.recovers("the relay was killed").await
    })
}

#[test]
#[ignore = "takes minutes: make test-network"]
fn nginx_reloaded_and_killed_under_a_call_over_443() -> Result<()> {
    apart(async || {
        let mut scene = Scene::set([Policy::Only443, Policy::Symmetric]).await?;
        scene.talk(Path::Relayed).await?;
        let talk = Talk {
            ann: &scene.ann,
            bob: &scene.bob,
        };
        for person in talk.both() {
            person
                .browser
                .run("window.connectionsBefore = window.connections.length")
                .await?;
        }
        scene.lab.server.reload()?;
        talk.moves().await?;
        scene.lab.server.kill(Part::Front)?;
        talk.stands_still().await?;
        scene.lab.server.begin(Part::Front).await?;
        talk.recovers("nginx was killed").await?;
        for person in talk.both() {
            let same = "return window.connections.length === window.connectionsBefore";
            ensure!(
                person.browser.run(same).await? == true,
                "the connection is the same"
            );
        }
        Ok(())
    })
}

#[test]
#[ignore = "takes minutes: make test-network"]
fn without_the_issuer_credentials_that_are_still_good_are_used() -> Result<()> {
    apart(async || {
        let mut scene = Scene::set([Policy::Symmetric, Policy::Symmetric]).await?;
        scene.talk(Path::Relayed).await?;
        scene.ann.browser.act("hang-up").await?;
        scene.bob.browser.screen("ended").await?;
        scene.lab.server.kill(Part::Issuer)?;
        scene.talk(Path::Relayed).await?;
        Ok(())
    })
}

#[test]
#[ignore = "takes minutes: make test-network"]
fn a_laptop_that_sleeps_for_a_minute() -> Result<()> {
    apart(async || {
        let scene = Scene::set([Policy::PortCone, Policy::Symmetric]).await?;
        let talk = scene.talk(Path::Relayed).await?;
        for (person, who) in [
            (&scene.ann, "the first one sleeps"),
            (&scene.bob, "the second one sleeps"),
        ] {
            person.signal("STOP")?;
            lasts(60).await;
            person.signal("CONT")?;
            talk.recovers(who).await?;
        }
        Ok(())
    })
}
