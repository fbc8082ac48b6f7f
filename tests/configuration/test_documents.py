"""Files of every kind become dictionaries or named mistakes, never anything else."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.configuration import documents
from coname.errors import Misconfigured


class DocumentTests(SynchronousTestCase):
    def mistake(self, data: bytes, *, toml: bool = False) -> str:
        error = self.assertRaises(Misconfigured, documents.parse, data, toml=toml, name="file")
        self.assertEqual(len(error.mistakes), 1)
        return error.mistakes[0]

    def test_json(self) -> None:
        self.assertEqual(documents.parse(b'{"a": [1, "2"]}', toml=False, name="f"), {"a": [1, "2"]})

    def test_toml(self) -> None:
        self.assertEqual(documents.parse(b'a = [1, "2"]', toml=True, name="f"), {"a": [1, "2"]})

    def test_syntax_mistake_in_json_has_line_and_column(self) -> None:
        self.assertTrue(self.mistake(b'{\n "a": 1,\n "b" 2}').startswith("file: line 3, column 6: "))

    def test_syntax_mistake_in_toml_has_line_and_column(self) -> None:
        mistake = self.mistake(b"a = 1\nb 2", toml=True)
        self.assertIn("line 2, column", mistake)
        self.assertTrue(mistake.startswith("file: "))

    def test_not_utf8(self) -> None:
        self.assertEqual(self.mistake(b'{"a": "\xff"}'), "file: not UTF-8 at byte 7")

    def test_a_list_is_no_configuration(self) -> None:
        self.assertIn("one object is expected", self.mistake(b"[]"))

    def test_name_that_stands_twice(self) -> None:
        self.assertEqual(self.mistake(b'{"a": {"b": 1, "c": 2, "b": 3}}'), "file: 'b' stands twice in one object")

    def test_nesting_beyond_measure(self) -> None:
        self.assertIn("nested too deeply", self.mistake(b'{"a":' * 200_000))

    def test_nesting_beyond_measure_in_toml(self) -> None:
        self.assertIn("file: ", self.mistake(b"a = " + b"[" * 200_000, toml=True))

    def test_number_of_thousands_of_digits(self) -> None:
        self.assertTrue(self.mistake(b'{"a": ' + b"1" * 5000 + b"}").startswith("file: "))

    def test_missing_file(self) -> None:
        path = Path(self.mktemp())
        error = self.assertRaises(Misconfigured, documents.read, path)
        self.assertEqual(error.mistakes, [f"{path}: No such file or directory"])

    def test_folder_instead_of_file(self) -> None:
        error = self.assertRaises(Misconfigured, documents.read, Path.cwd())
        self.assertEqual(error.mistakes, [f"{Path.cwd()}: Is a directory"])

    def test_file_beyond_measure(self) -> None:
        path = Path(self.mktemp())
        with path.open("wb") as file:
            file.truncate(documents.MAX_FILE_BYTES + 1)
        error = self.assertRaises(Misconfigured, documents.read, path)
        self.assertIn("larger than", error.mistakes[0])

    def test_name_that_no_file_can_have(self) -> None:
        self.assertRaises(Misconfigured, documents.read, Path("a\0b"))

    @settings(derandomize=True, max_examples=300)
    @given(st.binary(max_size=200), st.booleans())
    def test_arbitrary_bytes_raise_nothing_but_misconfigured(self, data: bytes, toml: bool) -> None:
        self.survive(data, toml)

    @settings(derandomize=True, max_examples=300)
    @given(st.text(alphabet='{}[]",:0123456789.eE-+tfn=\n\\u"', max_size=60), st.booleans())
    def test_arbitrary_punctuation_raises_nothing_but_misconfigured(self, text: str, toml: bool) -> None:
        self.survive(text.encode(), toml)

    def survive(self, data: bytes, toml: bool) -> None:
        try:
            documents.parse(data, toml=toml, name="file")
        except Misconfigured as error:
            self.assertTrue(error.mistakes[0].startswith("file: "))
