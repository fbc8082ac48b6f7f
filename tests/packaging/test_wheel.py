"""What is installed: the wheel, in an environment of its own where neither the checkout nor pip's index can be seen.

The environment has the installed libraries. Of Twisted it has a copy, since the wheel's plugin goes into Twisted's own
folder ``twisted/plugins``, as in a real installation.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from twisted.trial.unittest import SynchronousTestCase

from coname.client.cli import cli
from coname.configuration.options import PORTS
from tests.docs.pages import ROOT
from tests.ports import free_ports

START_TRIES = 300
"""To reach a keyserver that was just started: a minute and more."""

SITE = Path(sysconfig.get_path("purelib"))


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What `command` prints. Raises `AssertionError` with all of it if it fails."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean | environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise AssertionError(f"{command} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def build(folder: Path) -> Path:
    """The wheel of a copy of this checkout, built in `folder` with the installed hatchling."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("coname", "twisted"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"))
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=source)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """The programs' folder of a new environment in `folder` with `wheel` and the installed libraries in it."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    for entry in SITE.iterdir():
        if entry.name.startswith(("coname", "_coname", "__editable__")) or entry.suffix == ".pth":
            continue
        if entry.name == "twisted":
            ours = shutil.ignore_patterns("coname_plugin*", "dropin.cache")
            shutil.copytree(entry, site / entry.name, ignore=ours)
        else:
            (site / entry.name).symlink_to(entry)
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", "--no-index",
        "--no-deps", wheel, cwd=folder)  # fmt: skip
    twistd = (Path(sys.executable).parent / "twistd").read_text().partition("\n")[2]
    (folder / "bin" / "twistd").write_text(f"#!{folder / 'bin' / 'python'}\n{twistd}")
    (folder / "bin" / "twistd").chmod(0o755)
    return folder / "bin"


@pytest.mark.xdist_group("wheel")
class Wheel(SynchronousTestCase):
    """One wheel, built once for all of these."""

    folder: Path
    wheel: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="coname-wheel-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.wheel = build(cls.folder)
        with zipfile.ZipFile(cls.wheel) as archive:
            cls.names = archive.namelist()

    def test_has_every_file_of_the_package(self) -> None:
        files = [path for path in (ROOT / "coname").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        missing = {path.relative_to(ROOT).as_posix() for path in files} - set(self.names)
        self.assertEqual(missing, set())

    def test_has_the_plugins_and_leaves_twisted_s_own_files_alone(self) -> None:
        ours = [name for name in self.names if name.startswith("twisted/")]
        self.assertEqual(sorted(ours), [f"twisted/plugins/{name}_plugin.py" for name in ("coname", "coname_verifier")])

    def test_has_nothing_but_the_package_and_the_plugins(self) -> None:
        tops = {name.partition("/")[0] for name in self.names}
        self.assertEqual({top for top in tops if not top.endswith(".dist-info")}, {"coname", "twisted"})

    def test_has_the_licence(self) -> None:
        self.assertTrue(any(name.endswith("/licenses/LICENSE") for name in self.names))

    def test_needs_no_compiler(self) -> None:
        self.assertTrue(self.wheel.name.endswith("-py3-none-any.whl"))


@pytest.mark.xdist_group("wheel")
class Installed(SynchronousTestCase):
    """The wheel, installed once for all of these."""

    folder: Path
    programs: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="coname-wheel-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.programs = install(build(cls.folder), cls.folder / "env")

    def run_program(self, name: str, *arguments: str) -> str:
        return run(self.programs / name, *arguments, cwd=self.folder, HOME=str(self.folder))

    def test_the_package_is_the_installed_one(self) -> None:
        path = self.run_program("python", "-c", "import coname; print(coname.__file__)")
        self.assertTrue(Path(path.strip()).is_relative_to(self.folder), path)

    def test_twistd_knows_the_keyserver(self) -> None:
        self.assertIn("Run a replica of a coname key directory.", self.run_program("twistd", "--help"))

    def test_twistd_knows_the_verifier(self) -> None:
        self.assertIn("Run a verifier of a coname key directory.", self.run_program("twistd", "--help"))

    def test_twistd_explains_the_verifier(self) -> None:
        self.assertIn("--config=", self.run_program("twistd", "coname-verifier", "--help"))

    def test_twistd_explains_the_keyserver(self) -> None:
        self.assertIn("--config=", self.run_program("twistd", "coname", "--help"))

    def test_coname_makes_a_realm(self) -> None:
        self.run_program("coname", "init", "realm", "--realm", "example.com")
        self.assertTrue((self.folder / "realm" / "client" / "config.json").exists())

    def test_every_command_has_help(self) -> None:
        for command in cli.commands:
            self.assertIn("Usage: coname", self.run_program("coname", command, "--help"))

    def test_every_command_of_verifiers_has_help(self) -> None:
        for command in ("enroll", "admit", "accept", "resume"):
            self.assertIn(
                f"Usage: coname verifier {command}", self.run_program("coname", "verifier", command, "--help")
            )

    def test_every_command_of_clusters_has_help(self) -> None:
        for command in ("status", "prepare", "add", "promote", "remove", "client-config", "convert"):
            self.assertIn(f"Usage: coname cluster {command}", self.run_program("coname", "cluster", command, "--help"))

    def test_the_keyserver_serves_the_page_and_the_client_in_the_background(self) -> None:
        base = free_ports()
        self.run_program(
            "coname", "init", "served", "--realm=example.com", f"--base-port={base}", "--insecure-skip-email-proof"
        )
        self.start("served/replica1/config.json")
        front = f"https://127.0.0.1:{base + list(PORTS).index('httpfront')}"
        trust = ssl.create_default_context(cafile=self.folder / "served" / "client" / "ca.pem")
        page = fetched(f"{front}/", trust)
        self.assertIn("<title>Key directory</title>", page)
        files = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        self.assertGreater(len(files), 2)
        for file in files:
            self.assertTrue(fetched(front + file, trust))
        self.run_program(
            "coname", "register", "a@example.com", "--key=ca=served/ca/ca.pem", "--config=served/client/config.json"
        )

    def start(self, config: str) -> None:
        """Run the installed keyserver, as a daemon, until the test ends."""
        self.run_program("twistd", "--pidfile=twistd.pid", "--logfile=twistd.log", "coname", f"--config={config}")
        self.addCleanup(os.kill, int((self.folder / "twistd.pid").read_text()), signal.SIGTERM)


def fetched(url: str, trust: ssl.SSLContext) -> str:
    """What is at `url`; tried again while nobody listens there yet."""
    for _ in range(START_TRIES):
        try:
            with urlopen(url, timeout=20, context=trust) as answer:
                return str(answer.read().decode())
        except URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.2)
    raise AssertionError(f"nobody listens at {url}")
