"""A folder is there whole, or not at all; what is there already is never touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.configuration import folder
from coname.configuration.folder import NewFile
from coname.errors import Misconfigured

FILES = [NewFile("a/key", b"secret", "a key", secret=True), NewFile("a/b/c", b"2", "deep"), NewFile("d", b"3", "plain")]


class FolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.parent = Path(self.mktemp()).absolute()
        self.parent.mkdir()
        self.target = self.parent / "new"

    def content(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.target)): path.read_bytes() for path in self.target.rglob("*") if path.is_file()
        }

    def refused(self) -> None:
        error = self.assertRaises(Misconfigured, folder.write, self.target, FILES)
        self.assertIn("nothing is ever overwritten", error.mistakes[0])

    def test_all_files_are_there(self) -> None:
        folder.write(self.target, FILES)
        self.assertEqual(self.content(), {"a/key": b"secret", "a/b/c": b"2", "d": b"3"})

    def test_nothing_else_is_left(self) -> None:
        folder.write(self.target, FILES)
        self.assertEqual([path.name for path in self.parent.iterdir()], ["new"])

    def test_modes(self) -> None:
        folder.write(self.target, FILES, frozenset({"a"}))
        modes = {name: (self.target / name).stat().st_mode & 0o777 for name in (".", "a", "a/b", "a/key", "a/b/c", "d")}
        self.assertEqual(modes, {".": 0o755, "a": 0o700, "a/b": 0o700, "a/key": 0o600, "a/b/c": 0o644, "d": 0o644})

    def test_empty_folder_is_taken(self) -> None:
        self.target.mkdir()
        folder.write(self.target, FILES)
        self.assertEqual(len(self.content()), 3)

    def test_relative_path(self) -> None:
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(self.parent)
        folder.write(Path("new"), FILES)
        self.assertEqual(len(self.content()), 3)

    def test_folder_with_anything_in_it_is_refused(self) -> None:
        self.target.mkdir()
        (self.target / "mine").write_bytes(b"precious")
        self.refused()
        self.assertEqual(self.content(), {"mine": b"precious"})

    def test_file_is_refused(self) -> None:
        self.target.write_bytes(b"precious")
        self.refused()
        self.assertEqual(self.target.read_bytes(), b"precious")

    def test_link_is_refused(self) -> None:
        (self.parent / "elsewhere").mkdir()
        self.target.symlink_to("elsewhere")
        self.refused()
        self.assertTrue(self.target.is_symlink())

    def test_dangling_link_is_refused(self) -> None:
        self.target.symlink_to("nowhere")
        self.refused()

    def test_somebody_quicker_wins(self) -> None:
        def files() -> Iterator[NewFile]:
            yield FILES[0]
            self.target.mkdir()
            (self.target / "theirs").write_bytes(b"precious")
            yield FILES[1]

        error = self.assertRaises(Misconfigured, folder.write, self.target, files())
        self.assertIn("nothing is ever overwritten", error.mistakes[0])
        self.assertEqual(self.content(), {"theirs": b"precious"})
        self.assertEqual([path.name for path in self.parent.iterdir()], ["new"])

    def test_missing_parent_is_named(self) -> None:
        target = self.parent / "no" / "new"
        error = self.assertRaises(Misconfigured, folder.write, target, FILES)
        self.assertEqual(error.mistakes, [f"{target.parent}: No such file or directory; it is where new would be made"])

    def test_failure_at_any_file_leaves_nothing(self) -> None:
        for after in range(len(FILES) + 1):
            self.assertRaises(OSError, folder.write, self.target, failing_after(after))
            self.assertEqual(list(self.parent.iterdir()), [])

    def test_failure_to_sync_leaves_nothing(self) -> None:
        def fail(descriptor: int) -> None:
            raise OSError("disk full")

        self.patch(os, "fsync", fail)
        self.assertRaises(OSError, folder.write, self.target, FILES)
        self.assertEqual(list(self.parent.iterdir()), [])

    def test_interruption_leaves_nothing(self) -> None:
        def files() -> Iterator[NewFile]:
            yield FILES[0]
            raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, folder.write, self.target, files())
        self.assertEqual(list(self.parent.iterdir()), [])

    def test_killed_half_way_there_is_no_folder(self) -> None:
        program = """
            import os, pathlib, signal, sys
            from coname.configuration import folder
            from coname.configuration.folder import NewFile
            def files():
                yield NewFile("a", b"1", "")
                os.kill(os.getpid(), signal.SIGKILL)
                yield NewFile("b", b"2", "")
            folder.write(pathlib.Path(sys.argv[1]), files())
        """
        command = [sys.executable, "-c", textwrap.dedent(program), str(self.target)]
        killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        self.assertFalse(self.target.exists())
        folder.write(self.target, FILES)
        self.assertEqual(len(self.content()), 3)

    def test_contents_do_not_show(self) -> None:
        self.assertEqual(repr(FILES[0]), "<NewFile a/key>")


def failing_after(count: int) -> Iterator[NewFile]:
    """`count` of FILES, and then a failure."""
    yield from FILES[:count]
    raise OSError("disk full")
