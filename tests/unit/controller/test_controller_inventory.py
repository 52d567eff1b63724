"""What is known of the other items, and whose plan a change of one concerns."""

from dataclasses import replace

from gco_stream_reconciler.controller.inventory import Inventory
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint
from tests.doubles.planning_story import REGION, endpoint


def named(name: str, **changes: object) -> Endpoint:
    return replace(endpoint(**changes), name=name)


def test_a_change_concerns_those_on_the_same_path_and_not_the_endpoint_itself() -> None:
    inventory = Inventory(REGION)
    assert inventory.see(named("a")) == frozenset()
    assert inventory.see(named("b")) == {"a"}
    assert inventory.see(named("b")) == frozenset(), "nothing new"
    assert inventory.see(named("b", ingress_path="/other")) == {"a"}
    assert inventory.see(named("c", ingress_path="/other/v2")) == {"b"}
    assert inventory.forget("c") == {"b"}


def test_what_a_scan_did_not_show_is_forgotten_unless_it_was_touched_since() -> None:
    inventory = Inventory(REGION)
    inventory.see(named("old"))
    inventory.begin_scan()
    inventory.see(named("new"))  # made after its page was read
    assert inventory.end_scan(()) == {"new"}, "the one that is left has lost a rival"
    assert ("old" in inventory, "new" in inventory) == (False, True)


def test_items_of_other_regions_are_unwanted_where_their_objects_stand() -> None:
    inventory = Inventory(REGION)
    inventory.see(named("here"))
    inventory.see(named("there", target_regions=("eu-west-1",)))
    inventory.see(named("going", target_regions=("eu-west-1",), desired_state=DesiredState.DELETED))
    inventory.see(named("malformed", target_regions=None))
    held = {"here", "there", "going", "malformed", "unknown"}
    assert inventory.unwanted_here(held) == {"there"}
    assert inventory.unwanted_here({"here"}) == frozenset()
    assert [name for name in sorted(held) if name in inventory] == ["going", "here", "malformed", "there"]
    inventory.see(named("there"))
    assert inventory.unwanted_here(held) == frozenset()


def test_a_page_that_was_read_before_an_item_went_does_not_bring_its_claim_back() -> None:
    inventory = Inventory(REGION)
    older, younger = named("a", created_at="2026-01-01T00:00:00+00:00"), named("b")
    inventory.see(older)
    inventory.see(younger)
    inventory.begin_scan()
    inventory.forget("a")  # a worker finds it purged
    inventory.see_scanned(older)  # from the page that was read before
    inventory.end_scan({"a", "b"})
    assert inventory.rivals("b").by_path == ()


def test_an_item_elsewhere_that_a_scan_does_not_show_is_not_unwanted_here_for_ever() -> None:
    inventory = Inventory(REGION)
    inventory.see(named("a", target_regions=("eu-west-1",)))
    inventory.begin_scan()
    inventory.end_scan(())
    assert inventory.unwanted_here({"a"}) == frozenset()
