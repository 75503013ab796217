//! What happens in the rooms, told as stories.

mod house;

use std::time::Duration;

use house::*;
use rooms::{Effect, Event, Recipient, Refusal};

const PIN: &str = "pin:012345";

/// Ann and Bob sit together.
fn together() -> House {
    let mut house = House::new();
    house.expect(join(ANN, PIN), [seated(ANN, PIN, true, &[])]);
    house.expect(
        join(BOB, PIN),
        [
            seated(BOB, PIN, false, &[here(ANN)]),
            arrived(ANN, PIN, BOB),
        ],
    );
    house
}

#[test]
fn two_meet_speak_and_part() {
    let mut house = together();
    house.expect(say(ANN, PIN, "offer"), [said(BOB, PIN, ANN, "offer")]);
    house.expect(say(BOB, PIN, "answer"), [said(ANN, PIN, BOB, "answer")]);
    house.expect(leave(BOB, PIN), [left(ANN, PIN, BOB)]);
    house.expect(leave(ANN, PIN), []);
    assert_eq!(house.rooms.occupancy().rooms, 0);
}

#[test]
fn a_third_person_is_refused_and_disturbs_nobody() {
    let mut house = together();
    house.expect(join(CARL, PIN), [refused(CARL, PIN, Refusal::Full)]);
    house.expect(say(CARL, PIN, "let me in"), []);
    house.expect(lose(CARL), []);
    house.expect(
        say(ANN, PIN, "still here"),
        [said(BOB, PIN, ANN, "still here")],
    );
}

#[test]
fn a_held_seat_is_a_taken_one() {
    let mut house = together();
    house.expect(lose(BOB), [away(ANN, PIN, BOB)]);
    house.expect(join(CARL, PIN), [refused(CARL, PIN, Refusal::Full)]);
}

#[test]
fn who_was_lost_comes_back_to_the_same_seat() {
    let mut house = together();
    house.expect(lose(BOB), [away(ANN, PIN, BOB)]);
    house.expect(say(ANN, PIN, "are you there?"), []);
    let again = come_back(CARL, PIN, BOB, Some(ANN), false);
    let seated = seated_again(CARL, PIN, BOB, false, &[here(ANN)]);
    house.expect(again, [seated, back(ANN, PIN, BOB, CARL)]);
    house.expect(
        say(ANN, PIN, "there you are"),
        [said(CARL, PIN, ANN, "there you are")],
    );
    assert_eq!(house.rooms.poll_timeout(), None);
}

#[test]
fn who_does_not_come_back_in_time_has_left() {
    let mut house = together();
    house.expect(lose(BOB), [away(ANN, PIN, BOB)]);
    house.after(GRACE, [left(ANN, PIN, BOB)]);
    house.expect(
        join(CARL, PIN),
        [
            seated(CARL, PIN, false, &[here(ANN)]),
            arrived(ANN, PIN, CARL),
        ],
    );
}

#[test]
fn who_cannot_come_back_leaves_at_once() {
    let mut house = House::new();
    house.expect(join(ANN, PIN), [seated(ANN, PIN, true, &[])]);
    let old_page = rooms::Enter {
        grace: None,
        ..enter(BOB, PIN)
    };
    let effects = [
        seated(BOB, PIN, false, &[here(ANN)]),
        arrived(ANN, PIN, BOB),
    ];
    house.expect(Event::Enter(old_page), effects);
    house.expect(lose(BOB), [left(ANN, PIN, BOB)]);
}

#[test]
fn a_new_connection_takes_the_seat_over_before_the_old_one_is_known_to_be_dead() {
    let mut house = together();
    let again = come_back(CARL, PIN, BOB, Some(ANN), false);
    let seated = seated_again(CARL, PIN, BOB, false, &[here(ANN)]);
    house.expect(
        again,
        [seated, back(ANN, PIN, BOB, CARL), replaced(BOB, PIN)],
    );
    house.expect(say(BOB, PIN, "ghost"), []);
    house.expect(lose(BOB), []);
    house.expect(say(CARL, PIN, "me"), [said(ANN, PIN, BOB, "me")]);
}

#[test]
fn after_a_restart_both_find_their_seats_whoever_comes_first() {
    for (one, other, first) in [(ANN, BOB, true), (BOB, ANN, false)] {
        let mut house = House::new();
        let again = come_back(one, PIN, one, Some(other), first);
        house.expect(again, [seated_again(one, PIN, one, first, &[held(other)])]);
        house.expect(join(CARL, PIN), [refused(CARL, PIN, Refusal::Full)]);
        let again = come_back(other, PIN, other, Some(one), !first);
        let seated = seated_again(other, PIN, other, !first, &[here(one)]);
        house.expect(again, [seated, back(one, PIN, other, other)]);
    }
}

#[test]
fn after_a_restart_nobody_waits_for_ever_for_who_does_not_come() {
    let mut house = House::new();
    let again = come_back(ANN, PIN, ANN, Some(BOB), true);
    house.expect(again, [seated_again(ANN, PIN, ANN, true, &[held(BOB)])]);
    house.after(GRACE, [left(ANN, PIN, BOB)]);
}

#[test]
fn a_claim_on_a_seat_that_is_gone_is_a_join_like_any_other() {
    let mut house = together();
    house.expect(leave(BOB, PIN), [left(ANN, PIN, BOB)]);
    let again = come_back(BOB, PIN, BOB, Some(ANN), false);
    house.expect(
        again,
        [
            seated(BOB, PIN, false, &[here(ANN)]),
            arrived(ANN, PIN, BOB),
        ],
    );
}

#[test]
fn who_stays_is_first_when_the_first_one_leaves() {
    let mut house = together();
    house.expect(leave(ANN, PIN), [left(BOB, PIN, ANN)]);
    house.expect(
        join(CARL, PIN),
        [
            seated(CARL, PIN, false, &[here(BOB)]),
            arrived(BOB, PIN, CARL),
        ],
    );
}

#[test]
fn a_peer_with_seats_in_two_rooms_is_heard_in_one_at_a_time() {
    let mut house = House::new();
    house.expect(join(ANN, "red"), [seated(ANN, "red", true, &[])]);
    house.expect(join(ANN, "blue"), [seated(ANN, "blue", true, &[])]);
    house.expect(
        join(BOB, "red"),
        [
            seated(BOB, "red", false, &[here(ANN)]),
            arrived(ANN, "red", BOB),
        ],
    );
    house.expect(
        join(CARL, "blue"),
        [
            seated(CARL, "blue", false, &[here(ANN)]),
            arrived(ANN, "blue", CARL),
        ],
    );
    house.expect(say(ANN, "red", "hi"), [said(BOB, "red", ANN, "hi")]);
    house.expect(lose(ANN), [away(BOB, "red", ANN), away(CARL, "blue", ANN)]);
}

#[test]
fn a_message_for_one_seat_is_heard_there_only() {
    let mut house = House::new();
    for peer in [ANN, BOB, CARL] {
        house.rooms.handle(
            Event::Enter(rooms::Enter {
                capacity: 3,
                ..enter(peer, "hall")
            }),
            house.now,
        );
    }
    house.drain();
    let whisper = |seat| Event::Say {
        peer: ANN,
        room: key("hall"),
        to: Recipient::Seat(seat),
        message: "psst",
    };
    house.expect(whisper(seat_of(CARL)), [said(CARL, "hall", ANN, "psst")]);
    house.expect(whisper(seat_of(ANN)), []);
}

#[test]
fn who_sits_does_not_sit_down_again() {
    let mut house = together();
    house.expect(join(ANN, PIN), [refused(ANN, PIN, Refusal::AlreadyHere)]);
}

#[test]
fn guessing_is_slowed_down_and_ends_in_a_block() {
    let mut house = House::new();
    house.expect(
        guess(ANN, "pin:000000"),
        [seated(ANN, "pin:000000", true, &[])],
    );
    house.expect(leave(ANN, "pin:000000"), []);
    house.expect(guess(ANN, "pin:000001"), []);
    house.after(
        Duration::from_millis(100),
        [seated(ANN, "pin:000001", true, &[])],
    );
    for step in 1..9 {
        house.expect(leave(ANN, "pin:000001"), []);
        house.expect(guess(ANN, "pin:000001"), []);
        let delay = Duration::from_millis((100 << step).min(25_000));
        house.after(delay, [seated(ANN, "pin:000001", true, &[])]);
    }
    house.expect(leave(ANN, "pin:000001"), []);
    house.rooms.handle(guess(ANN, "pin:000002"), house.now);
    let [
        Effect::Refused {
            refusal: Refusal::Throttled { .. },
            ..
        },
    ] = &house.drain()[..]
    else {
        panic!("the tenth failed join in a row blocks");
    };
    house.expect(
        join(BOB, "pin:000002"),
        [seated(BOB, "pin:000002", true, &[])],
    );
}

#[test]
fn a_partner_who_comes_makes_a_join_no_guess() {
    let mut house = House::new();
    for _ in 0..50 {
        house.rooms.handle(guess(ANN, PIN), house.now);
        house.rooms.handle(guess(BOB, PIN), house.now);
        assert_eq!(house.rooms.occupancy().here, 2);
        house.rooms.handle(leave(ANN, PIN), house.now);
        house.rooms.handle(leave(BOB, PIN), house.now);
        house.drain();
        house.now += Duration::from_millis(20);
    }
}

#[test]
fn one_source_waits_in_two_rooms_at_most() {
    let mut house = House::new();
    house.expect(guess(ANN, "pin:1"), [seated(ANN, "pin:1", true, &[])]);
    house.expect(guess(BOB, "pin:2"), [seated(BOB, "pin:2", true, &[])]);
    house.rooms.handle(guess(CARL, "pin:3"), house.now);
    let effects = house.drain();
    let throttled = |effect: &Heard| {
        matches!(
            effect,
            Effect::Refused {
                peer: CARL,
                refusal: Refusal::Throttled { .. },
                ..
            }
        )
    };
    assert!(
        effects.len() == 1 && effects.iter().all(throttled),
        "{effects:?}"
    );
}

#[test]
fn who_goes_away_while_waiting_at_the_door_is_not_let_in() {
    for gone in [lose(BOB), leave(BOB, "pin:2")] {
        let mut house = House::new();
        house.rooms.handle(guess(ANN, "pin:1"), house.now);
        house.rooms.handle(leave(ANN, "pin:1"), house.now);
        house.drain();
        house.expect(guess(BOB, "pin:2"), []);
        assert!(house.rooms.poll_timeout().is_some(), "it waits");
        house.expect(gone, []);
        assert_eq!(house.rooms.poll_timeout(), None);
    }
}
