"""Dead letters in memory are what a queue or a bucket would make of them."""

from __future__ import annotations

from dataclasses import replace

from streamfn.dead_letters import DeadLetters, LetterSource, MemoryDeadLetters, read_letter
from tests.cards import record
from tests.dead_letters.letters import ids, letter, no_end


def test_letters_are_kept_in_the_order_in_which_they_came() -> None:
    dead = MemoryDeadLetters()
    assert not dead.letters
    assert dead.send([letter(2), letter(1)], no_end) == ids(letter(1), letter(2))
    assert dead.send([letter(3)], no_end) == ids(letter(3))
    assert dead.letters == (letter(2), letter(1), letter(3))


def test_a_second_letter_of_a_pair_stands_beside_the_first() -> None:
    dead = MemoryDeadLetters()
    dead.send([letter(1)], no_end)
    dead.send([letter(1)], no_end)
    assert dead.letters == (letter(1), letter(1))


def test_what_becomes_of_a_record_later_changes_no_letter() -> None:
    dead, sent = MemoryDeadLetters(), record(1)
    dead.send([replace(letter(1), record=sent)], no_end)
    sent.clear()
    assert [each.record for each in dead.letters] == [record(1)]


def test_letters_are_received_and_removed() -> None:
    dead = MemoryDeadLetters()
    dead.send([letter(1), letter(2), letter(3)], no_end)
    for received in dead.receive():
        if read_letter(received.body) == letter(2):
            received.remove()
            received.remove()
    assert dead.letters == (letter(1), letter(3))
    assert [read_letter(received.body) for received in dead.receive()] == [letter(1), letter(3)]


def test_what_comes_meanwhile_is_received_the_next_time() -> None:
    dead = MemoryDeadLetters()
    dead.send([letter(1)], no_end)
    receiving = dead.receive()
    next(receiving).remove()
    dead.send([letter(2)], no_end)
    assert list(receiving) == []
    assert dead.letters == (letter(2),)


def test_it_is_a_place_for_letters_and_a_source_of_them() -> None:
    place: DeadLetters = MemoryDeadLetters()
    source: LetterSource = MemoryDeadLetters()
    assert place.send([], no_end) == set()
    assert list(source.receive()) == []
