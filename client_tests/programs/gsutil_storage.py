"""gsutil, whose requests ``gcloud storage`` sends too: the same library makes them."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from story import HOST, LARGE, LINE, PROJECT, URL, tell

ADDRESS, _, PORT = HOST.partition(":")
PLACE = {
    "Credentials:gs_json_host": ADDRESS,
    "Credentials:gs_json_port": PORT,
    "Boto:https_validate_certificates": "False",
}
OPTIONS = [part for name, value in (PLACE if URL else {}).items() for part in ("-o", f"{name}={value}")]
BUCKET = f"gs://{PROJECT}-data"


def gsutil(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    command = [str(Path(sys.executable).parent / "gsutil"), *OPTIONS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def main() -> None:
    """The whole way."""
    gsutil("mb", "-p", PROJECT, BUCKET).check_returncode()
    tell("create", BUCKET.removeprefix("gs://"))
    with tempfile.TemporaryDirectory() as folder:
        small, big, back = (str(Path(folder) / name) for name in ("train.jsonl", "large.jsonl", "back"))
        Path(small).write_bytes(LINE)
        Path(big).write_bytes(LARGE)
        tell("upload", gsutil("cp", small, f"{BUCKET}/folder/").returncode == 0)
        tell("resumable", gsutil("cp", big, f"{BUCKET}/folder/").returncode == 0)
        gsutil("cp", f"{BUCKET}/folder/large.jsonl", back).check_returncode()
        shown = gsutil("cat", f"{BUCKET}/folder/train.jsonl").stdout
        tell("download", Path(back).read_bytes() == LARGE and shown.encode() == LINE)
        listed = gsutil("ls", f"{BUCKET}/folder/").stdout.split()
        tell("list", sorted(one.removeprefix(f"{BUCKET}/") for one in listed))
        tell(
            "get", int(re.findall(r"Content-Length:\s+(\d+)", gsutil("stat", f"{BUCKET}/folder/train.jsonl").stdout)[0])
        )
        again = gsutil("-h", "x-goog-if-generation-match:0", "cp", small, f"{BUCKET}/folder/train.jsonl")
        tell("once", 412 if "412" in again.stderr else again.returncode)
    gsutil("rm", f"{BUCKET}/folder/train.jsonl").check_returncode()
    tell("delete", 404 if gsutil("stat", f"{BUCKET}/folder/train.jsonl").returncode else 200)


main()
