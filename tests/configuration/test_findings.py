"""What is found is collected with its path, and complained about once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.configuration.findings import Findings
from coname.errors import Misconfigured


class FindingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.findings = Findings()

    def test_path_names_fields_elements_and_keys(self) -> None:
        self.findings.at("a").at(3).at("b").at_key('k"').mistake("wrong")
        self.assertEqual(self.findings.mistakes, ['a[3].b["k\\""]: wrong'])

    def test_mistake_of_the_whole_file_has_no_path(self) -> None:
        self.findings.mistake("wrong")
        self.assertEqual(self.findings.mistakes, ["wrong"])

    def test_mistakes_of_all_places_are_raised_together(self) -> None:
        self.findings.at("a").mistake("one")
        self.findings.at("b").mistake("two")
        error = self.assertRaises(Misconfigured, self.findings.raise_mistakes)
        self.assertEqual(error.mistakes, ["a: one", "b: two"])
        self.assertEqual(str(error), "a: one\nb: two")

    def test_warnings_raise_nothing(self) -> None:
        self.findings.at("a").warn("look")
        self.findings.raise_mistakes()
        self.assertEqual(self.findings.warnings, ["a: look"])

    def test_later_checks_of_an_unreadable_place_are_silent(self) -> None:
        self.findings.at("a").at("b").unreadable("no number")
        self.findings.at("a").at("b").mistake("too small")
        self.findings.at("a").at("b").at("c").mistake("missing")
        self.findings.at("a").mistake("contradicts itself")
        self.assertEqual(self.findings.mistakes, ["a.b: no number"])

    def test_neighbours_of_an_unreadable_place_are_heard(self) -> None:
        self.findings.at("a").at("b").unreadable("no number")
        self.findings.at("a").at("bc").mistake("missing")
        self.findings.at("a").at("c").mistake("missing")
        self.assertEqual(self.findings.mistakes, ["a.b: no number", "a.bc: missing", "a.c: missing"])
