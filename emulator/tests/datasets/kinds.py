"""Files as people have them: one row in every form, many rows in every container."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from typing import Any

QUESTION, ANSWER, WORSE = "Is 7 odd? é", "Yes, it is.", "No."


def vertex(question: str = QUESTION, answer: str = ANSWER) -> dict[str, Any]:
    """The service's own form."""
    turns = [{"role": role, "parts": [{"text": text}]} for role, text in (("user", question), ("model", answer))]
    return {"contents": turns}


def _say(*turns: tuple[str, str], by: str = "role", what: str = "content") -> list[dict[str, Any]]:
    return [{by: role, what: text} for role, text in turns]


CHAT = _say(("user", QUESTION), ("assistant", ANSWER))
FORMS: dict[str, dict[str, Any]] = {
    "openai": {"messages": CHAT},
    "openai_parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}, CHAT[1]]},
    "openai_batch": {"custom_id": "1", "method": "POST", "body": {"messages": CHAT}},
    "sharegpt": {"conversations": _say(("human", QUESTION), ("gpt", ANSWER), by="from", what="value")},
    "alpaca": {"instruction": QUESTION, "input": "", "output": ANSWER},
    "dolly": {"instruction": QUESTION, "context": "", "response": ANSWER, "category": "x"},
    "text_input": {"text_input": QUESTION, "output": ANSWER},
    "input_text": {"input_text": QUESTION, "output_text": ANSWER},
    "completion": {"prompt": QUESTION, "completion": ANSWER},
    "trl": {"prompt": [CHAT[0]], "completion": [CHAT[1]]},
    "qa": {"Question ": QUESTION, "Answer": ANSWER},
    "batch": {"request": vertex()},
    "assistant": {"contents": [vertex()["contents"][0], {"role": "assistant", "parts": [{"text": ANSWER}]}]},
    "nulls": {"contents": vertex()["contents"], "systemInstruction": None, "tools": None},
    "cell": {"id": 1, "messages": str(CHAT)},
}
"""All say the same."""

PREFERENCES: dict[str, dict[str, Any]] = {
    "pair": {"prompt": QUESTION, "chosen": ANSWER, "rejected": WORSE},
    "messages": {"chosen": CHAT, "rejected": [CHAT[0], {"role": "assistant", "content": WORSE}]},
    "answers": {"prompt": [CHAT[0]], "chosen": [CHAT[1]], "rejected": [{"role": "assistant", "content": WORSE}]},
    "texts": {
        "chosen": f"\n\nHuman: {QUESTION}\n\nAssistant: {ANSWER}",
        "rejected": f"\n\nHuman: {QUESTION}\n\nAssistant: {WORSE}",
    },
    "openai": {
        "input": {"messages": [CHAT[0]]},
        "preferred_output": [CHAT[1]],
        "non_preferred_output": [{"role": "assistant", "content": WORSE}],
    },
    "vertex": {
        "contents": vertex()["contents"][:1],
        "completions": [
            {"score": score, "completion": {"role": "model", "parts": [{"text": text}]}}
            for score, text in ((0, WORSE), (1, ANSWER))
        ],
    },
}

ROWS = [vertex(f"{QUESTION} {number}") for number in range(6)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
PAIRS = [(row["contents"][0]["parts"][0]["text"], ANSWER) for row in ROWS]


def _zip(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


def _table(delimiter: str) -> str:
    rows = [("question", "answer"), *PAIRS]
    return "".join(delimiter.join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)


CONTAINERS: dict[str, tuple[bytes, str]] = {
    "bom": (LINES.encode("utf-8-sig"), "UTF-8 with a byte order mark"),
    "utf16": (LINES.encode("utf-16"), "UTF-16"),
    "utf16_le": (LINES.encode("utf-16-le"), "UTF-16 without a byte order mark"),
    "utf16_be": (LINES.encode("utf-16-be"), "UTF-16 without a byte order mark"),
    "utf32": (LINES.encode("utf-32"), "UTF-32"),
    "latin1": (LINES.encode("latin-1"), "not UTF-8 but Latin-1 (Windows-1252)"),
    "gzip": (gzip.compress(LINES.encode()), "packed with gzip"),
    "bzip2": (bz2.compress(LINES.encode()), "packed with bzip2"),
    "xz": (lzma.compress(LINES.encode()), "packed with xz"),
    "zip": (_zip("train.jsonl", LINES.encode()), "packed with zip"),
    "array": (json.dumps(ROWS, indent=2).encode(), "a JSON array"),
    "array_in_a_line": (json.dumps(ROWS).encode(), "a JSON array"),
    "pretty": ("\n".join(json.dumps(row, indent=1) for row in ROWS).encode(), "pretty-printed JSON"),
    "wrapped": (json.dumps({"version": "1", "examples": ROWS}).encode(), "the rows in 'examples'"),
    "wrapped_pretty": (json.dumps({"examples": ROWS}, indent=1).encode(), "the rows in 'examples'"),
    "no_breaks": ("".join(map(json.dumps, ROWS)).encode(), "JSON objects without line breaks"),
    "commas": (",\n".join(map(json.dumps, ROWS)).encode(), "JSON objects with commas between them"),
    "fence": (f"```json\n{LINES}```\n".encode(), "JSON lines in a Markdown fence"),
    "fenced_array": (
        f"Here it is:\n\n```\n{json.dumps(ROWS, indent=1)}\n```\nDone.".encode(),
        "a JSON array in a Markdown",
    ),
    "comments": (("// mine\n[" + LINES.replace("\n", ", /* x */\n") + "]").encode(), "JSON with comments"),
    "comment_lines": (LINES.replace("\n", "\n// next\n", 1).encode(), "JSON lines with comments"),
    "dicts": ("\n".join(map(repr, ROWS)).encode(), "Python dicts"),
    "list_of_dicts": (repr(ROWS).encode(), "Python dicts"),
    "csv": (_table(",").encode(), "CSV with the columns question, answer"),
    "csv_bom": (_table(",").encode("utf-8-sig"), "UTF-8 with a byte order mark, CSV"),
    "semicolons": (_table(";").encode(), "CSV (semicolons)"),
    "tsv": (_table("\t").encode(), "TSV"),
    "csv_gzip": (gzip.compress(_table(",").encode("utf-16")), "packed with gzip, UTF-16, CSV"),
    "columns": (
        json.dumps(
            {name: {str(n): pair[at] for n, pair in enumerate(PAIRS)} for at, name in enumerate(("question", "answer"))}
        ).encode(),
        "one JSON object with a column a field",
    ),
    "split": (
        json.dumps({"columns": ["question", "answer"], "index": [0], "data": PAIRS}).encode(),
        "one JSON object with",
    ),
}
"""Each with the same rows, and what is said of it."""

HOPELESS: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "an empty file", "nothing to tune on"),
    "blank": (b" \n\n\t\n", "a file of white space only", "nothing to tune on"),
    "excel": (_zip("xl/workbook.xml", b"<x/>"), "an Excel workbook (.xlsx)", "read_excel"),
    "old_excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "an Excel workbook (.xls)", "read_excel"),
    "parquet": (b"PAR1" + bytes(range(99)) + b"PAR1", "Parquet", "read_parquet"),
    "pdf": (b"%PDF-1.7\n", "a PDF document", "examples"),
    "page": (b"<!doctype html><html><title>Sign in</title>", "an HTML page (Sign in)", "fetch"),
    "xml": (
        b"<?xml version='1.0'?><Error><Message>Access denied.</Message></Error>",
        "an XML document (Access",
        "fetch",
    ),
    "answer": (b'{"error": {"code": 403, "message": "no"}}', "an error that was answered (no)", "fetch"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid x\n", "a pointer of Git LFS", "git lfs pull"),
    "yaml": (b"- question: q\n  answer: a\n", "YAML", "JSON lines"),
    "noise": (bytes(range(256)) * 4, "binary data", "JSON lines"),
    "prose": (b"Once upon a time.\nThe end.\n", "text without rows", "JSON lines"),
}
