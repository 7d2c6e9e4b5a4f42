"""The list of verbs is told without loading any."""

import pytest

from polymm.cli.app import VERBS, load


@pytest.mark.parametrize("name", VERBS)
def test_the_list_says_of_a_verb_what_it_says_of_itself(name: str) -> None:
    said = str(load(name).help).partition("\n\n")[0]
    assert " ".join(said.split()) == VERBS[name][1]
