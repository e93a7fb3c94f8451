"""What becomes activation memory: hot and stable blocks, never a changed or a forgotten one, within bounds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.activation import ActivationPlanner, ActivationPolicy, Adopt, Build, Drop, Place, Refresh, labels_of
from memory.prefix import NO_SETTING, Activation, Block, Setting, block_key
from memory.turn import Scope

ADA, BO = Scope(user="ada", key_id="k1"), Scope(user="bo", key_id="k2")
POLICY = ActivationPolicy(hot_uses=3, half_life_s=1000, stable_s=30, min_tokens=4)
HELPFUL = Setting.of({"messages": [{"role": "system", "content": "Be helpful."}, {"role": "user", "content": "x"}]})
LISBON = Block(text="- The user lives in Lisbon.", cube_ids=("m1",), tokens=10)
PORTO = Block(text="- The user lives in Porto.", cube_ids=("m2",), tokens=10)


class World:
    """The truth about blocks, an engine that keeps what it is told, and a planner between them; time is a number."""

    def __init__(self, policy=POLICY):
        self.now = 1000.0
        self.planner = ActivationPlanner(policy, lambda: self.now)
        self.blocks = {}  # user to block
        self.kept = {}  # digest to (user, Activation)
        self.done = []

    def chat(self, scope, setting=None, budget=None, times=1, block=None):
        for _ in range(times):
            block = block or self.blocks.get(scope.user, Block())
            self.planner.used(scope, setting or Setting(), budget, block.key)

    def tell(self, scope, block):
        self.blocks[scope.user] = block
        self.planner.changed(scope)

    def remove(self, scope, block=None):
        self.blocks[scope.user] = block or Block()
        self.kept = {digest: each for digest, each in self.kept.items() if each[0] != scope.user}
        self.planner.purged(scope)

    def step(self, after_s=0.0):
        """Let time pass and carry out all that is decided; return it."""
        self.now += after_s
        decided = []
        while decisions := self.planner.decide():
            for decision in decisions:
                self.carry_out(decision)
            decided += decisions
            assert len(decided) < 500, "it decides for ever"
        self.done += decided
        return decided

    def carry_out(self, decision):
        scope = decision.scope
        if isinstance(decision, Refresh):
            self.planner.refreshed(scope, {b: self.blocks.get(scope.user, Block()) for b in decision.budgets})
        elif isinstance(decision, Adopt):
            self.planner.adopted(scope, [kept for user, kept in self.kept.values() if user == scope.user])
        elif isinstance(decision, Drop):
            for digest in decision.digests:
                assert self.kept.pop(digest)[0] == scope.user
        else:
            self.build(decision)

    def build(self, build):
        block = self.blocks.get(build.scope.user, Block())
        assert block.key == build.block, "it asks for what the vault does not say"
        digest = f"{build.scope.user}/{build.setting.key}/{block.key}"
        labels = labels_of(build.place, block, asked=build.asked)
        self.kept[digest] = (
            build.scope.user,
            Activation(digest=digest, tokens=9, size_bytes=1, tier="ram", labels=labels),
        )
        self.planner.built(build.scope, build.setting.key, block.key, digest)

    def texts_kept(self, scope):
        return sorted(kept.labels["block"][0] for user, kept in self.kept.values() if user == scope.user)


def kinds(decisions):
    return [type(decision).__name__ for decision in decisions]


@pytest.fixture
def world():
    return World()


def test_a_hot_and_stable_block_is_built_once(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=2)
    assert kinds(world.step(60)) == ["Adopt"], "twice is not hot"
    world.chat(ADA)
    assert kinds(world.step()) == ["Refresh", "Build"]
    assert world.texts_kept(ADA) == [LISBON.key]
    world.chat(ADA, times=20)
    assert world.step(60) == []


def test_a_block_that_was_just_told_waits_until_memory_stands_still(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.step(20)
    world.tell(ADA, PORTO)
    assert world.step(20) == [], "the older doubt is over, but something changed since"
    assert world.planner.wait_s() == pytest.approx(10)
    assert kinds(world.step(10)) == ["Refresh", "Build"]
    assert world.texts_kept(ADA) == [PORTO.key]


def test_a_changed_block_is_dropped_and_the_new_one_built_without_another_chat(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.step(30)
    world.tell(ADA, PORTO)
    assert kinds(world.step(30)) == ["Refresh", "Drop", "Build"]
    assert world.texts_kept(ADA) == [PORTO.key]


def test_a_chat_with_another_block_makes_the_planner_look_even_if_nobody_told_it(world):
    """A memory that expired changes the block without a write."""
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.step(30)
    world.blocks["ada"] = PORTO
    world.chat(ADA)
    world.step(30)
    assert world.texts_kept(ADA) == [PORTO.key]


def test_a_conversation_that_shows_less_of_the_profile_does_not_unsettle_what_is_kept(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.step(30)
    for _ in range(5):
        world.chat(ADA, block=PORTO, times=3)  # what was told in this conversation is left out there
        assert not any(isinstance(each, Drop | Build) for each in world.step(40))
    assert world.texts_kept(ADA) == [LISBON.key]


def test_each_setting_and_budget_counts_by_itself_and_equal_blocks_are_built_once(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.chat(ADA, budget=8000, times=5)
    world.chat(ADA, HELPFUL, times=2)
    world.step(30)
    assert len(world.kept) == 1, "the same tokens under either budget; the other setting is not hot"
    world.chat(ADA, HELPFUL, times=1)
    (build,) = world.step(30)
    assert isinstance(build, Build)
    assert build.setting == HELPFUL
    assert build.place == Place(HELPFUL.key, None)


def test_uses_fade_and_what_went_cold_is_dropped(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=2)
    world.step(2000)
    world.chat(ADA)
    assert kinds(world.step(30)) == [], "two uses of long ago and one of today are not three"
    world.chat(ADA, times=2)
    assert "Build" in kinds(world.step(30))
    for _ in range(10):
        world.step(1000)
    assert world.kept == {}
    assert isinstance(world.done[-1], Drop)


def test_what_was_asked_for_stays_and_is_built_anew_when_it_changed(world):
    world = World(replace(POLICY, mode="on_request"))
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=50)
    world.step(60)
    assert world.kept == {}, "nobody asked"
    place = Place(NO_SETTING, None)
    world.planner.wanted(ADA, Setting(), None, LISBON)
    world.build(Build(scope=ADA, place=place, setting=Setting(), block=LISBON.key, asked=True))
    world.step(10_000)
    assert world.texts_kept(ADA) == [LISBON.key], "it does not go cold"
    world.tell(ADA, PORTO)
    world.step(30)
    assert world.texts_kept(ADA) == [PORTO.key]


def test_a_chat_that_asks_for_activation_memory_makes_its_block_hot_at_once_but_not_for_ever():
    for mode in ("auto", "on_request"):
        world = World(replace(POLICY, mode=mode))
        world.blocks["ada"] = LISBON
        world.planner.used(ADA, Setting(), None, LISBON.key)
        assert "Build" not in kinds(world.step(60))
        world.planner.used(ADA, Setting(), None, LISBON.key, wished=True)
        assert "Build" in kinds(world.step(60)), mode
        for _ in range(10):
            world.step(1000)
        assert world.kept == {}, "unlike what a transform asked for it goes cold"


def users(number, key_id="k1"):
    return [Scope(user=f"{key_id} {each}", key_id=key_id) for each in range(number)]


def test_a_setting_is_shared_only_when_enough_users_of_the_key_sent_it(world):
    """Else a stranger with the same key could find out what one user's system message says, by guessing."""
    first, second, third, stranger = users(4)
    world.chat(first, HELPFUL, times=50)
    assert world.planner.shared_key(first, HELPFUL.key) == "", "one user's alone, however often"
    world.chat(second, HELPFUL)
    world.chat(second, HELPFUL, budget=8000)
    assert world.planner.shared_key(second, HELPFUL.key) == ""
    world.chat(third, HELPFUL)
    assert [world.planner.shared_key(each, HELPFUL.key) for each in (first, second, third)] == ["k1"] * 3
    assert world.planner.shared_key(stranger, HELPFUL.key) == "", "who never sent it has nothing to share"
    other = Setting.of({"messages": [{"role": "system", "content": "Be brief."}]})
    world.chat(first, other)
    assert world.planner.shared_key(first, other.key) == "", "each setting counts by itself"


def test_a_setting_is_shared_only_within_the_key_that_it_was_seen_under(world):
    """What one application says is not for the users of another, though both have a user in common."""
    for scope in users(2, "one"):
        world.chat(scope, HELPFUL)
    for scope in users(5, "two"):
        world.chat(scope, HELPFUL)
    here, there = (Scope(user="ada", key_id=key_id) for key_id in ("one", "two"))
    world.blocks["ada"] = LISBON
    world.chat(here, HELPFUL, times=5)
    world.chat(there, Setting(), times=1)
    assert world.planner.shared_key(here, HELPFUL.key) == "one", "three users of this key sent it"
    assert world.planner.shared_key(there, HELPFUL.key) == "", "she did not send it under that key"
    builds = [each for each in world.step(60) if isinstance(each, Build)]
    assert [(each.setting, each.scope.key_id) for each in builds] == [(HELPFUL, "one")], "not her latest key"


def test_what_an_earlier_process_left_is_not_shared_before_it_is_sent_again(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, HELPFUL, times=5)
    world.step(60)
    kept, world = world.kept, World(replace(POLICY, shared_users=1))
    world.kept, world.blocks["ada"] = kept, LISBON
    world.chat(ADA)
    world.step(60)
    assert world.planner.shared_key(ADA, HELPFUL.key) == ""


def test_what_could_not_be_dropped_is_dropped_later(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.step(30)
    world.tell(ADA, PORTO)
    world.now += 30
    (refresh,) = world.planner.decide()
    world.carry_out(refresh)
    (drop, build) = world.planner.decide()
    world.planner.undropped(ADA, drop.digests)
    world.build(build)
    assert world.step(POLICY.retry_s / 2) == []
    assert world.step(POLICY.retry_s / 2) == [drop]
    assert world.texts_kept(ADA) == [PORTO.key]
    assert world.step(10) == []


def test_what_could_not_be_dropped_and_is_current_again_stays(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.step(30)
    world.tell(ADA, PORTO)
    world.now += 30
    world.carry_out(*world.planner.decide())
    (drop, build) = world.planner.decide()
    world.planner.undropped(ADA, drop.digests)
    world.build(build)
    world.tell(ADA, LISBON)
    world.step(31)
    world.step(POLICY.retry_s)
    assert world.texts_kept(ADA) == [LISBON.key]


def test_switched_off_it_decides_nothing(world):
    world = World(replace(POLICY, mode="off"))
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=50)
    assert world.step(60) == []
    assert not world.planner.policy.serves("kv"), "what the operator switched off no header switches on"


def test_short_blocks_are_left_to_text(world):
    world.blocks["ada"] = replace(LISBON, tokens=3)
    world.chat(ADA, times=9)
    assert "Build" not in kinds(world.step(30))


def test_removed_memories_leave_nothing_and_a_build_that_was_under_way_does_not_count(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.now += 30
    under_way = [each for each in world.planner.decide() if isinstance(each, Adopt | Refresh)]
    for each in under_way:
        world.carry_out(each)
    (build,) = world.planner.decide()
    world.remove(ADA, PORTO)
    world.planner.built(ADA, build.setting.key, build.block, "late")
    assert kinds(world.step(30)) == ["Refresh", "Build"], "of what is left"
    assert world.texts_kept(ADA) == [PORTO.key]


def test_no_word_of_a_memory_is_held(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, HELPFUL, times=5)
    world.step(30)
    assert "Lisbon" not in repr(vars(world.planner))
    assert block_key(LISBON.text) in repr(vars(world.planner))


def test_a_restart_finds_what_is_kept_and_drops_what_is_out_of_date(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.chat(ADA, HELPFUL, times=5)
    world.step(30)
    kept, world = world.kept, World()
    world.kept, world.blocks["ada"] = kept, LISBON
    world.chat(ADA)
    world.step(60)
    assert len(world.kept) == 2, "one chat is enough to know them all again"
    assert not any(isinstance(each, Build) for each in world.done)
    kept, world = world.kept, World()
    world.kept, world.blocks["ada"] = kept, PORTO
    world.chat(ADA)
    world.step(60)
    assert world.texts_kept(ADA) == [PORTO.key], "the setting that was seen is built; the other's words are not known"


def test_what_the_engine_refuses_is_not_asked_for_again_until_it_changes(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.now += 30
    for decision in world.planner.decide():
        world.carry_out(decision)
    (build,) = world.planner.decide()
    world.planner.failed(ADA, build.place, build.block, refused=True)
    assert world.step(10_000) == []
    world.chat(ADA, times=5)
    world.tell(ADA, PORTO)
    world.step(30)
    assert world.texts_kept(ADA) == [PORTO.key]


def test_an_engine_that_cannot_be_asked_is_asked_again_later(world):
    world.blocks["ada"] = LISBON
    world.chat(ADA, times=5)
    world.now += 30
    for decision in world.planner.decide():
        world.carry_out(decision)
    (build,) = world.planner.decide()
    world.planner.failed(ADA, build.place, build.block, refused=False)
    assert world.step(POLICY.retry_s / 2) == []
    assert kinds(world.step(POLICY.retry_s / 2)) == ["Build"]


def test_users_places_and_settings_are_bounded_and_the_latest_stay():
    world = World(replace(POLICY, max_users=3, max_places=2, max_settings=4))
    for number in range(20):
        scope = Scope(user=f"u{number}")
        for setting in range(5):
            body = {"messages": [{"role": "system", "content": f"{number} {setting}"}]}
            world.chat(scope, Setting.of(body))
        world.step(1)
    assert [world.planner.knows(Scope(user=f"u{number}")) for number in (16, 17, 18, 19)] == [False, True, True, True]
    assert len(world.planner.settings_of(Scope(user="u19"))) == 2
    assert len(vars(world.planner)["_settings"]) == 4


def test_settings_that_a_template_writes_alike_are_the_same():
    tools = [{"type": "function", "function": {"name": "f"}}]
    said = [{"role": "user", "content": "x"}]
    assert Setting.of({"messages": said}) == Setting()
    assert Setting.of({"messages": said, "tools": tools, "tool_choice": "none"}).key == NO_SETTING
    assert Setting.of({"messages": said, "tools": tools}).key != NO_SETTING
    assert Setting.of({"messages": said, "temperature": 0.5}).key == NO_SETTING
    one, other = ({"messages": [{"role": "system", "content": text}, *said]} for text in "ab")
    assert Setting.of(one).key != Setting.of(other).key


USERS = st.sampled_from([ADA, BO])
EVENTS = st.one_of(
    st.tuples(st.just("chat"), USERS, st.sampled_from([Setting(), HELPFUL]), st.integers(1, 4)),
    st.tuples(st.just("tell"), USERS, st.sampled_from([LISBON, PORTO, Block()])),
    st.tuples(st.just("remove"), USERS),
    st.tuples(st.just("pass"), st.sampled_from([1.0, 29.0, 31.0, 400.0, 5000.0])),
    st.tuples(st.just("restart")),
)


@given(st.lists(EVENTS, max_size=40))
def test_after_any_story_only_current_blocks_are_kept_and_hot_ones_are(story):
    world = World()
    for kind, *details in story:
        if kind == "chat":
            world.chat(details[0], details[1], times=details[2])
        elif kind == "tell":
            world.tell(*details)
        elif kind == "remove":
            world.remove(*details)
        elif kind == "pass":
            world.step(details[0])
        else:
            fresh = World()
            fresh.now, fresh.blocks, fresh.kept, world = world.now, world.blocks, world.kept, fresh
        world.step()
    for scope in (ADA, BO):
        world.chat(scope, HELPFUL, times=4)
    world.step(31)
    world.step(31)
    for scope in (ADA, BO):
        block = world.blocks.get(scope.user, Block())
        kept = {
            (kept.labels["setting"][0], kept.labels["block"][0])
            for user, kept in world.kept.values()
            if user == scope.user
        }
        assert {key for _, key in kept} <= {block.key}, "what is kept is what the vault says"
        assert (HELPFUL.key, block.key) in kept or not block.text
    assert world.step(31) == [], "it comes to rest"
