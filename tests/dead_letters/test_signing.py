"""With a key, a redrive takes the letters that were signed with it, and no others."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from streamfn import ConfigurationError
from streamfn._time import unlimited
from streamfn.dead_letters import DeadLetter, S3DeadLetters, SigningKeys, SqsDeadLetters
from streamfn.dead_letters._messages import Signer
from streamfn.dead_letters._protocol import read_letter
from streamfn.ledgers import MemoryLedger
from streamfn.redrive import redrive
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.queues import URL, Queue, message
from tests.dead_letters.redriving import Texts, letter_on, note
from tests.dead_letters.test_trust import of
from tests.delivery.jobs import Job, quiet, written

KEY, NEW, FOREIGN = b"k" * 32, b"n" * 32, b"f" * 32
LETTER = letter_on(written("a1")[0].record.raw)


def sent_to_queue(keys: SigningKeys | None, *letters: DeadLetter) -> list[str]:
    """Send letters to a queue, and give the bodies of its messages."""
    queue = Queue()
    stored = SqsDeadLetters(URL, keys=keys, client=queue).send(letters, unlimited)
    assert stored == {letter.id for letter in letters}
    return [entry["MessageBody"] for batch in queue.batches for entry in batch]


def redriven(body: str, keys: SigningKeys | None, job: Job | None = None) -> tuple[str, str, bool]:
    """Redrive from a queue, with a ledger that knows of nothing."""
    source = SqsDeadLetters(URL, keys=keys, client=Queue(pages=[[message("1", body)]]))
    (each,) = redrive(of(job or Job()), source, ledger=MemoryLedger(), report=quiet)
    return each.outcome, each.detail, each.removed


def test_a_signed_letter_runs_without_a_ledger_that_knows_of_it() -> None:
    (body,) = sent_to_queue(KEY, LETTER)
    job = Job()
    assert redriven(body, KEY, job) == ("handled", "", True)
    assert job.seen == ["a1"]
    assert read_letter(body) == read_letter(LETTER.to_json()), "an older version reads it as ever"


def changed(**members: object) -> str:
    """Sign a letter, and change it afterwards."""
    return json.dumps(json.loads(Signer(KEY).signed(LETTER.to_json())) | members)


FORGERIES: dict[str, Callable[[], tuple[str, str]]] = {
    "unsigned": lambda: (LETTER.to_json(), "the letter is not signed"),
    "another key": lambda: (
        Signer(FOREIGN).signed(LETTER.to_json()),
        "the letter is signed with none of the keys",
    ),
    "the handler": lambda: (
        changed(handler=""),
        "the letter is signed with none of the keys",
    ),
    "the record": lambda: (
        changed(record={**written("a1")[0].record.raw, "eventName": "REMOVE"}),
        "the letter is signed with none of the keys",
    ),
    "an addition": lambda: (
        changed(more=1),
        "the letter is signed with none of the keys",
    ),
    "no text": lambda: (changed(signature=1), "the letter is not signed"),
    "strange text": lambda: (
        changed(signature="é\ud800"),
        "the letter is signed with none of the keys",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_letter_that_is_not_signed_does_not_run(forgery: str) -> None:
    body, why = FORGERIES[forgery]()
    job, ledger = Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "dead", ("", "a1"): "dead"})
    texts = Texts({"1": body})
    (each,) = redrive(of(job), texts, ledger=ledger, keys=KEY, report=quiet)
    assert (each.outcome, each.detail, each.removed) == ("unproved", why, False)
    assert (job.seen, list(texts.texts)) == ([], ["1"])


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def can_be_read(depth: int) -> bool:
    try:
        json.loads(nested(depth))
    except RecursionError:
        return False
    return True


def deepest() -> int:
    """Return the depth of the deepest JSON that this Python reads; each version has its own limit."""
    return bisect_left(range(1_000_000), True, key=lambda depth: not can_be_read(depth)) - 1  # noqa: FBT003 (the value to look for)


def test_a_letter_that_is_nested_too_deep_to_be_signed_does_not_end_the_redrive() -> None:
    """Between what can be read and what can be read or written further down are a few levels."""
    text = json.dumps({**json.loads(Signer(KEY).signed(LETTER.to_json())), "more": "deep"})
    depths = range(deepest() - 150, deepest() + 10)
    texts = Texts({str(depth): text.replace('"deep"', nested(depth)) for depth in depths})
    outcomes = {each.outcome for each in redrive(of(Job()), texts, ledger=MemoryLedger(), keys=KEY)}
    assert outcomes == {"unproved", "unreadable"}
    problem = Signer(KEY).problem_of(text.replace('"deep"', nested(deepest() + 10)))
    assert problem == "the letter is nested too deep to be signed"


def test_keys_are_changed_while_letters_of_the_old_one_lie_there() -> None:
    (old,) = sent_to_queue(KEY, LETTER)
    (new,) = sent_to_queue([NEW, KEY], LETTER)
    assert redriven(old, [NEW, KEY])[0] == redriven(new, [NEW, KEY])[0] == "handled"
    assert (redriven(old, NEW)[0], redriven(new, NEW)[0]) == ("unproved", "handled"), "the first one signs"


def test_keys_may_be_fetched_when_they_are_needed() -> None:
    fetched = list[str]()

    def fetch() -> bytes:
        fetched.append("once")
        return KEY

    place = SqsDeadLetters(URL, keys=fetch, client=Queue())
    assert fetched == [], "a cold start fetches nothing"
    place.send([LETTER], unlimited)
    assert fetched == ["once"]
    (body,) = sent_to_queue(fetch, LETTER)
    assert redriven(body, fetch)[0] == "handled"


def test_keys_that_cannot_be_fetched_store_no_letter() -> None:
    def fetch() -> bytes:
        raise ConnectionError("secret")

    for place in (
        SqsDeadLetters(URL, keys=fetch, client=Queue()),
        S3DeadLetters(NAME, keys=fetch, client=Bucket()),
    ):
        with pytest.raises(ConnectionError):
            place.send([LETTER], unlimited)


def test_letters_in_a_bucket_are_signed() -> None:
    bucket = Bucket()
    place = S3DeadLetters(NAME, keys=KEY, client=bucket)
    place.send([LETTER], unlimited)
    (key,) = bucket.objects
    (each,) = redrive(of(Job()), place, ledger=MemoryLedger())
    assert (each.outcome, bucket.objects) == ("handled", {})
    bucket.objects[key] = LETTER.to_json().encode()
    (forged,) = redrive(of(Job()), place, ledger=MemoryLedger())
    assert (forged.outcome, list(bucket.objects)) == ("unproved", [key])


@pytest.mark.parametrize(
    "keys", [(KEY, None), (KEY, FOREIGN), (None, KEY)], ids=["queue's", "both", "bucket's"]
)
def test_a_large_letter_is_signed_where_it_lies(keys: tuple[bytes | None, bytes | None]) -> None:
    of_queue, of_bucket = keys
    large = replace(LETTER, detail="x" * 300_000)
    bucket, queue = Bucket(), Queue()
    place = S3DeadLetters(NAME, prefix="large", keys=of_bucket, client=bucket)
    source = SqsDeadLetters(URL, keys=of_queue, overflow=place, client=queue)
    source.send([large], unlimited)
    ((entry,),) = queue.batches
    queue.pages = [[message("1", entry["MessageBody"])]]
    (each,) = redrive(of(Job()), source, ledger=MemoryLedger(), keys=of_queue or of_bucket)
    assert (each.outcome, bucket.objects) == ("handled", {})
    source.send([large], unlimited)
    (key,) = bucket.objects
    bucket.objects[key] = large.to_json().encode()
    queue.pages = [[message("2", entry["MessageBody"])]]
    (forged,) = redrive(of(Job()), source, ledger=MemoryLedger(), keys=of_queue or of_bucket)
    assert (forged.outcome, list(bucket.objects)) == ("unproved", [key])


def test_a_pointer_does_not_lead_out_of_the_folder() -> None:
    """A client or a proxy may resolve dots, as browsers do."""
    bucket = Bucket(objects={"secrets/a1.json": LETTER.to_json().encode()})
    source = SqsDeadLetters(
        URL, overflow=S3DeadLetters(NAME, prefix="large", client=bucket), client=(queue := Queue())
    )
    for key in ("large/../secrets/a1.json", "large/./../secrets/a1.json", "secrets/a1.json"):
        pointer = json.dumps({"pointer": 1, "id": "x", "bucket": NAME, "key": key})
        queue.pages = [[message("1", pointer)]]
        (received,) = source.receive()
        assert received.body == pointer


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("k" * 32, "keys are bytes, got str: encode text, as in os.environ"),
        (32, "keys are bytes, got int"),
        ([], "keys are at least one, got none"),
        (["k" * 32], "a key is bytes, got str: encode text"),
        (b"short", "a key has 16 bytes or more, got 5: make one with secrets.token_bytes"),
        (b"", "a key has 16 bytes or more, got 0"),
    ],
)
def test_what_cannot_be_a_key_is_refused(keys: object, problem: str) -> None:
    given = cast("bytes", keys)  # what a program without a type checker may pass
    for make in (lambda: SqsDeadLetters(URL, keys=given), lambda: S3DeadLetters(NAME, keys=given)):
        with pytest.raises(ConfigurationError, match=problem):
            make()
    with pytest.raises(ConfigurationError, match=problem):
        Signer(lambda: given).signed(LETTER.to_json())


def test_a_proof_and_none_cannot_both_be_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="leave one of them out"):
        redrive(of(Job()), Texts({}), ledger=MemoryLedger(), keys=KEY, unproved=True)


def test_nothing_shows_a_key() -> None:
    place = SqsDeadLetters(URL, keys=KEY, overflow=S3DeadLetters(NAME, keys=KEY))
    assert "kkkk" not in repr(place) + repr(vars(place))
    (body,) = sent_to_queue(KEY, LETTER)
    assert "kkkk" not in body
