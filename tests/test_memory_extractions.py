"""The queue of extractions: durable, fair, and nothing that was forgotten or erased comes back through it."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.flat import Flat
from adapters.tiktoken import Tiktoken
from memory.cube import FactKey
from memory.embeddings import Embeddings
from memory.errors import EngineDown
from memory.extraction import Extraction
from memory.governance import Governance
from memory.injector import Injector
from memory.operator import Operator, Weights
from memory.pipeline import Pipeline, Stations
from memory.reader import Reader
from memory.rules.wishes import asked_about
from memory.scheduler import Policy, Scheduler
from memory.turn import Forget, Message, Retract, Scope, TurnRecord, TurnState
from memory.vault import open_vault
from memory.vault.backlog import Backlog
from memory.writer import Writer

ADA, BEN, CAT = Scope(user="ada"), Scope(user="ben"), Scope(user="cat")
SAID = "They slipped the launch of mine, it is on Tuesday after all. I live in Lisbon."
LAUNCH = "The user's launch is on Tuesday."
RULES = {SAID, "The user lives in Lisbon."}


class Clock:
    def __init__(self):
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self):
        self.now += timedelta(milliseconds=1)
        return self.now

    def forward(self, seconds):
        self.now += timedelta(seconds=seconds)


class Llm:
    """An extractor that finds the launch, and does what a test says before it answers."""

    def __init__(self):
        self.meanwhile = lambda: None
        self.facts = [found("attr:launch", "Tuesday", LAUNCH)]
        self.prompts = []

    def extract(self, prompt, _schema):
        self.prompts.append(prompt)
        self.meanwhile()
        return {"facts": self.facts}


def found(attribute, value, text):
    key = {"subject": "user", "attribute": attribute, "value": value}
    return {**key, "text": text, "semantic_type": "fact", "valid_from": None}


class Memory:
    """A vault with the pipeline on it, worked off by hand."""

    def __init__(self, folder, llm, clock):
        self.clock, self.llm = clock, llm
        self.files = open_vault(folder, clock=clock)
        embeddings = Embeddings(None, Flat(), self.files.vault)
        self.pipeline = Pipeline(
            Stations(
                reader=Reader(clock),
                scheduler=Scheduler(Policy()),
                operator=Operator(self.files.vault, embeddings, Weights(), asked_about),
                injector=Injector(Tiktoken()),
                writer=Writer(),
                governance=Governance(None),
                vault=self.files.vault,
                ledger=self.files.ledger,
                embeddings=embeddings,
                clock=clock,
                extraction=Extraction(llm) if llm else None,
            )
        )
        self.queue = self.files.extractions
        self.numbers = itertools.count()

    def tell(self, text=SAID, scope=ADA, conversation="c"):
        """A turn that is told and written by rules; what waits for the extractor is left waiting."""
        message = Message(role="user", text=text)
        record = TurnRecord(
            scope=scope, turn_hash=f"{next(self.numbers)}", conversation_id=conversation, messages=(message,)
        )
        turn_id = self.files.ledger.open(record, dedupe_window_s=0)
        self.close(turn_id, "Noted.", scope)
        return turn_id

    def close(self, turn_id, answer, scope=ADA):
        self.files.ledger.close(scope, turn_id, answer)
        for exchange in self.files.ledger.claim(limit=9, lease_s=60):
            self.pipeline.after(exchange)

    def extract(self):
        exchange = self.queue.claim(lease_s=60)
        return exchange and self.pipeline.extract(exchange)

    def texts(self, scope=ADA):
        return {cube.text for cube in self.files.vault.page(scope, limit=99).cubes}

    def cube(self, text, scope=ADA):
        return next(cube for cube in self.files.vault.page(scope, limit=99).cubes if cube.text == text)

    def everything(self):
        with self.files.connections.read() as connection:
            return "\n".join(connection.iterdump())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memory(tmp_path, clock):
    made = Memory(tmp_path, Llm(), clock)
    yield made
    made.files.close()


def test_the_rules_come_first_and_the_extractor_adds_to_them(memory):
    turn_id = memory.tell()
    assert memory.texts() == RULES
    assert memory.files.ledger.states(ADA, [turn_id]) == {turn_id: TurnState.STORED}
    assert memory.files.ledger.pending(ADA) == 0, "nobody waits for the extractor"
    assert memory.queue.counts() == {"waiting": 1, "dead": 0}
    before = {cube.id for cube in memory.files.vault.page(ADA, limit=99).cubes}
    memory.extract()
    assert memory.texts() == RULES | {LAUNCH}
    assert before < {cube.id for cube in memory.files.vault.page(ADA, limit=99).cubes}
    fact = memory.cube(LAUNCH)
    assert (fact.source.turn_id, fact.derived_from) == (turn_id, (memory.cube(SAID).id,))
    assert memory.queue.counts() == {"waiting": 0, "dead": 0}
    assert memory.extract() is None


def test_without_an_extractor_nothing_waits(tmp_path, clock):
    memory = Memory(tmp_path, None, clock)
    memory.tell()
    assert memory.queue.counts() == {"waiting": 0, "dead": 0}
    memory.files.close()


def test_small_talk_and_wishes_to_forget_are_not_given_to_the_extractor(memory):
    memory.tell("Hi there!")
    memory.tell("Forget where I live.")
    assert memory.queue.counts() == {"waiting": 0, "dead": 0}


def test_what_was_extracted_stays_while_the_turn_is_read_again(memory):
    """An agent loop closes its turn many times: the facts must not come and go with each answer."""
    turn_id = memory.tell()
    memory.extract()
    first = memory.cube(LAUNCH).id
    memory.close(turn_id, "Another answer.")
    assert memory.cube(LAUNCH).id == first
    assert memory.queue.counts()["waiting"] == 1
    memory.extract()
    assert memory.cube(LAUNCH).id == first
    memory.close(turn_id, "A third answer.")
    memory.llm.facts = [found("attr:delay", "slipped", "The user's launch slipped.")]
    memory.extract()
    assert memory.texts() == RULES | {"The user's launch slipped."}, "the newest reading stands alone"


def test_what_the_user_changed_meanwhile_is_left_alone(memory):
    memory.tell()
    cube = memory.cube("The user lives in Lisbon.")
    memory.pipeline.revise(ADA, replace(cube, text="The user lives in Lisbon, in Alfama."), expected_version=None)
    memory.extract()
    assert memory.texts() == {SAID, "The user lives in Lisbon, in Alfama.", LAUNCH}


def test_users_are_served_in_turn_whoever_has_most_waiting(memory, clock):
    for _ in range(4):
        memory.tell(scope=ADA)
    for scope in (BEN, CAT, BEN):
        memory.tell(scope=scope)
    claimed = [memory.queue.claim(lease_s=60) for _ in range(7)]
    assert [each.scope.user for each in claimed] == ["ada", "ben", "cat", "ada", "ben", "ada", "ada"]
    assert len({each.turn_id for each in claimed}) == 7
    assert memory.queue.claim(lease_s=60) is None
    clock.forward(61)
    assert memory.queue.claim(lease_s=60).attempt == 2, "a lease that ran out is due"


def test_a_failed_one_waits_and_a_dead_one_is_kept_until_it_is_tried_again(memory, clock):
    turn_id = memory.tell()
    memory.queue.claim(lease_s=60)
    memory.queue.fail(turn_id, "EngineDown: no answer", retry_in_s=30)
    assert memory.queue.claim(lease_s=60) is None
    [row] = Backlog(memory.files.connections).extractions()
    assert (row.id, row.user, row.state, row.attempts) == (turn_id, "ada", TurnState.FAILED, 1)
    clock.forward(31)
    assert memory.queue.claim(lease_s=60).attempt == 2
    memory.queue.fail(turn_id, "EngineDown: no answer", retry_in_s=None)
    clock.forward(10**7)
    assert memory.queue.claim(lease_s=60) is None
    assert memory.queue.counts() == {"waiting": 0, "dead": 1}
    [row] = Backlog(memory.files.connections).extractions([TurnState.DEAD])
    assert (row.id, row.error) == (turn_id, "EngineDown: no answer")
    assert memory.queue.retry_dead(BEN) == 0
    assert memory.queue.retry_dead(ADA, ["other"]) == 0
    assert memory.queue.retry_dead(ADA, [turn_id]) == 1
    memory.extract()
    assert LAUNCH in memory.texts()


def test_a_model_that_is_down_leaves_the_rules_facts_and_the_entry(memory):
    def down():
        raise EngineDown("down")

    memory.tell()
    memory.llm.meanwhile = down
    with pytest.raises(EngineDown):
        memory.extract()
    assert memory.texts() == RULES
    assert memory.queue.counts() == {"waiting": 1, "dead": 0}


def test_what_a_dead_process_had_leased_is_taken_back_and_what_a_living_one_has_is_not(memory, tmp_path, clock):
    turn_id = memory.tell()
    other = open_vault(tmp_path, clock=clock)
    assert other.extractions.claim(lease_s=3600).turn_id == turn_id
    assert memory.queue.recover() == 0
    other.close()
    assert memory.queue.recover() == 1
    assert memory.queue.claim(lease_s=60).attempt == 2, "a crash counts"


def test_what_is_given_up_at_the_end_counts_as_not_tried(memory, tmp_path, clock):
    memory.tell()
    other = open_vault(tmp_path, clock=clock)
    other.extractions.claim(lease_s=3600)
    assert memory.queue.give_up() == 0, "only its own"
    assert other.extractions.give_up() == 1
    other.close()
    assert memory.queue.claim(lease_s=60).attempt == 1


def test_a_turn_that_waits_to_be_written_again_is_not_extracted_before(memory):
    turn_id = memory.tell()
    memory.files.ledger.close(ADA, turn_id, "Another answer.")
    assert memory.queue.claim(lease_s=60) is None
    [exchange] = memory.files.ledger.claim(limit=9, lease_s=60)
    memory.pipeline.after(exchange)
    assert memory.queue.claim(lease_s=60).messages[-1].text == "Another answer."


FORGETTING = [
    lambda memory: memory.files.vault.forget(ADA, Forget(target="the launch on Tuesday")),
    lambda memory: memory.pipeline.delete(ADA, [memory.cube(SAID).id]),
    lambda memory: memory.pipeline.erase(ADA, [memory.cube(SAID).id]),
    lambda memory: memory.tell("Please forget what I said about the launch on Tuesday."),
    lambda memory: memory.files.vault.forget(ADA, Forget(target="", everything=True)),
    lambda memory: memory.pipeline.erase(ADA, None),
]


@pytest.mark.parametrize("forget", FORGETTING)
@pytest.mark.parametrize("when", ["before", "during", "during, then again"])
def test_words_that_were_forgotten_give_no_facts(memory, forget, when):
    memory.tell()
    memory.tell(scope=BEN)
    if when == "before":
        forget(memory)
    else:
        memory.llm.meanwhile = lambda: forget(memory)
        memory.extract()
        memory.llm.meanwhile = lambda: None
    if when != "during":
        while memory.extract():
            pass
    assert LAUNCH not in memory.texts()
    assert "on Tuesday" not in "".join(memory.texts(ADA))
    if when != "during":
        assert memory.queue.counts() == {"waiting": 0, "dead": 0}
        assert memory.texts(BEN) == RULES | {LAUNCH}, "another's are untouched"


def test_after_a_part_was_forgotten_the_rest_is_read_again(memory):
    memory.tell()
    memory.llm.meanwhile = lambda: memory.pipeline.delete(ADA, [memory.cube("The user lives in Lisbon.").id])
    memory.extract()
    assert LAUNCH not in memory.texts()
    memory.llm.meanwhile = lambda: None
    exchange = memory.queue.claim(lease_s=60)
    assert "Lisbon" not in exchange.messages[0].text
    assert exchange.attempt == 1, "that was no failure"
    memory.pipeline.extract(exchange)
    assert "Lisbon" not in memory.llm.prompts[-1]
    assert LAUNCH in memory.texts()
    assert "Lisbon" not in memory.everything()


def test_a_forgotten_word_of_an_earlier_turn_does_not_come_back_through_its_context(memory):
    memory.tell("My dog is called Rex.")
    memory.extract()
    memory.tell("He is five, born on a Tuesday.")
    memory.llm.facts = [found("attr:dog_age", "five", "The user's dog Rex is five.")]
    memory.llm.meanwhile = lambda: memory.files.vault.forget(ADA, Forget(target="Rex"))
    memory.extract()
    assert "Rex" not in memory.everything()
    assert memory.queue.counts()["waiting"] == 1


TAKEN_BACK = [
    lambda memory: memory.files.vault.forget(ADA, Forget(target="my launch", attributes=("attr:launch",))),
    lambda memory: memory.files.vault.forget(ADA, Forget(target="all", attributes=("attr:",))),
    lambda memory: memory.files.vault.retract(
        ADA, [Retract(fact=FactKey(subject="user", attribute="attr:launch", value=""), at=memory.clock())]
    ),
]


@pytest.mark.parametrize("take_back", TAKEN_BACK)
@pytest.mark.parametrize("during", [False, True])
def test_what_a_later_turn_took_back_is_not_extracted_from_an_earlier_one(memory, take_back, during):
    """The extractor is late: a wish to forget comes before the fact that it is about."""
    memory.tell()
    if during:
        memory.llm.meanwhile = lambda: take_back(memory)
        memory.extract()
        memory.llm.meanwhile = lambda: None
    else:
        take_back(memory)
    memory.extract()
    assert LAUNCH not in memory.texts()
    assert memory.queue.counts()["waiting"] == 0
    memory.tell("It is Tuesday again, that launch of mine.")
    memory.extract()
    assert LAUNCH in memory.texts(), "what is said afterwards counts"


def test_a_user_is_erased_with_what_waits(memory):
    memory.tell()
    memory.tell(scope=BEN)
    assert memory.pipeline.erase(ADA, None)["verified"]
    assert memory.queue.counts() == {"waiting": 1, "dead": 0}
    assert memory.queue.claim(lease_s=60).scope.user == "ben"


def test_a_turn_that_cannot_be_read_is_dead_and_holds_up_no_other(memory):
    """The claim of the next entry would fail at every try, for all users."""
    bad, behind, other = memory.tell(), memory.tell(conversation="d"), memory.tell(scope=BEN)
    with memory.files.connections.write() as connection:
        connection.execute("UPDATE turns SET messages = 'not JSON' WHERE id = ?", (bad,))
    assert {memory.queue.claim(lease_s=60).turn_id for _ in range(2)} == {behind, other}
    assert memory.queue.claim(lease_s=60) is None
    assert memory.queue.counts() == {"waiting": 2, "dead": 1}
    (dead,) = Backlog(memory.files.connections).extractions([TurnState.DEAD])
    assert (dead.id, dead.attempts) == (bad, 1)
    assert "cannot be read" in dead.error
    assert memory.queue.retry_dead(ADA) == 1
