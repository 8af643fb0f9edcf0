"""One line of a dataset: every form that the services take, and what is wrong with it.

Here a line goes through the rules one by one, which either make sense of it (the leniencies) or name the first rule
that it breaks. Of a whole dataset, only the lines that ``usual`` cannot read come here.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from tuning_emulator.core.errors import ApiError, ErrorRow
from tuning_emulator.core.functions import join_tools, place_images
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.datasets.contents import (
    GEMINI_ROLES,
    OPEN_MODEL_ROLES,
    drop_nulls,
    read_text,
    read_turn,
)
from tuning_emulator.datasets.functions import KINDS, BrokenRuleError, read_tools
from tuning_emulator.facts import dataset_errors
from tuning_trainer.spec import Example, Turn

DatasetForm: TypeAlias = Literal["contents", "messages", "open", "preference", "prompts"]
"""``contents``: Gemini. ``messages``: gemini-1.0-pro, which takes ``contents`` too. ``open``: open models, which take
``prompt``/``completion`` as well. ``preference``: ``contents`` that end with the user, and two ``completions``.
``prompts``: any of the first three without the answer, or with one that is left out."""


def dataset_form(method: TuningMethod, base_model: str) -> DatasetForm | None:
    """What the lines of a dataset look like; None for methods whose data nothing here reads.

    Open models are named ``publisher/model@version``.
    """
    if method is TuningMethod.PREFERENCE:
        return "preference"
    if method is TuningMethod.DISTILLATION:
        return "prompts"
    if method not in (TuningMethod.SUPERVISED, TuningMethod.FULL):
        return None
    if "@" in base_model:
        return "open"
    return "messages" if base_model.startswith("gemini-1.0-pro") else "contents"


FUNCTION_KINDS = frozenset(KINDS.values())


class DatasetError(ApiError):
    """The dataset is refused.

    Attributes:
        line: 1-based line of the file; 0 when the whole file is meant.
    """

    def __init__(self, rule: ErrorRow, line: int = 0, **values: object) -> None:
        super().__init__(rule.code, rule.format(**values), rule=rule.name)
        self.line = line


class Line(msgspec.Struct, gc=False):
    """A line that keeps the rules.

    Attributes:
        texts: User and model in turn, user first, model last.
        system: System instruction, and the tools that are declared.
        rejected: Preference lines: what the last text should not be.
        kinds: Of parts that are not text, as the services name them: ``image``, ``function call``…
        turns: What the trainer reads, where that is not ``texts``: calls and results, words for files.
        media_tokens: What media are counted as.
    """

    texts: list[str]
    system: str = ""
    rejected: str | None = None
    kinds: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    media_tokens: int = 0

    @property
    def media(self) -> list[str]:
        """Those of files."""
        return [kind for kind in self.kinds if kind not in FUNCTION_KINDS]


_decode_any = msgspec.json.Decoder().decode


def parse_line(data: bytes, row: int, form: DatasetForm = "contents") -> Line:
    """Reads one line.

    Args:
        row: 0-based, for the error's text.

    Raises:
        DatasetError: the line breaks a rule; ``facts.dataset_errors`` has them all.
    """
    try:
        return _READERS[form](decode_line(data))
    except BrokenRuleError as error:
        place = {"row": row} if "row" in error.rule.placeholders else {}
        raise DatasetError(error.rule, row + 1, **place, **error.values) from None


def read_words(
    line: Line, values: dict[str, Any], form: DatasetForm, tokens: int, images: tuple[str, ...] = ()
) -> None:
    """Lets the trainer read a line as it is with words in the place of its media.

    Args:
        values: The line with those words. tokens: What its media are counted as. images: See ``ReadExample``.
    """
    line.turns = place_images(format_line(_READERS[form](values)).turns, images)
    line.media_tokens = tokens


def format_line(line: Line) -> Example:
    """The line as the trainer wants it."""
    plain = (Turn("model" if index & 1 else "user", text) for index, text in enumerate(line.texts))
    return Example(line.turns or tuple(plain), line.system, line.rejected)


def decode_line(data: bytes) -> dict[str, Any]:
    """The line as JSON, without fields that are null.

    Raises:
        BrokenRuleError: no JSON, or no object.
    """
    try:
        values = _decode_any(data)
    except msgspec.MsgspecError as error:
        raise BrokenRuleError(dataset_errors.MALFORMED_JSON, reason=str(error).rstrip(".")) from None
    except UnicodeDecodeError as error:
        raise BrokenRuleError(dataset_errors.MALFORMED_JSON, reason=f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise BrokenRuleError(dataset_errors.MALFORMED_JSON, reason="it is nested too deep") from None
    if not isinstance(values, dict):
        raise BrokenRuleError(dataset_errors.NOT_AN_OBJECT)
    found: dict[str, Any] = drop_nulls(values) if b"null" in data else values
    return found


# --- the rules, one by one


def _read_contents(
    values: dict[str, Any], roles: dict[str, str] = GEMINI_ROLES, ends_with: Literal["user", "model"] = "model"
) -> Line:
    contents = values.get("contents")
    if contents is None:
        raise BrokenRuleError(dataset_errors.MISSING_CONTENTS)
    if not isinstance(contents, list):
        raise BrokenRuleError(dataset_errors.CONTENTS_NOT_A_LIST)
    if not contents:
        raise BrokenRuleError(dataset_errors.CONTENTS_EMPTY)
    read = [read_turn(content, index, roles, len(contents) <= 2) for index, content in enumerate(contents)]
    _check_order([content.role for content in read], ends_with)
    line = Line([content.text for content in read], _read_system(values))
    line.kinds = tuple(dict.fromkeys(kind for content in read for kind in content.kinds))
    if line.kinds:
        line.turns = tuple(turn for content in read for turn in content.turns)
    return line


def _check_order(roles: list[str], ends_with: Literal["user", "model"]) -> None:
    if roles[0] != "user":
        raise BrokenRuleError(dataset_errors.FIRST_NOT_USER)
    for index in range(1, len(roles)):
        if roles[index] == roles[index - 1]:
            raise BrokenRuleError(dataset_errors.CONSECUTIVE_TURNS, role=roles[index], index=index)
    if roles[-1] != ends_with:
        raise BrokenRuleError(dataset_errors.LAST_NOT_MODEL if ends_with == "model" else dataset_errors.LAST_NOT_USER)


def _read_system(values: dict[str, Any]) -> str:
    field = "system_instruction" if "system_instruction" in values else "systemInstruction"
    tools = read_tools(values["tools"]) if "tools" in values else ""
    if field not in values:
        return tools
    text = read_text(values[field])
    if text is None:
        raise BrokenRuleError(dataset_errors.SYSTEM_INSTRUCTION, field=field)
    return join_tools(text or "", tools)


def _read_messages(values: dict[str, Any], roles: dict[str, str] = GEMINI_ROLES) -> Line:
    if "messages" not in values:
        return _read_contents(values, roles)
    messages = values["messages"]
    if not isinstance(messages, list) or not messages:
        raise BrokenRuleError(dataset_errors.CONTENTS_EMPTY if messages == [] else dataset_errors.CONTENTS_NOT_A_LIST)
    system = ""
    turns: list[tuple[str, str]] = []
    for index, message in enumerate(messages):
        role, text = _read_message(message, index, roles)
        if role == "system" and index:
            raise BrokenRuleError(dataset_errors.SYSTEM_NOT_FIRST, index=index)
        if role == "system":
            system = text
        else:
            turns.append((role, text))
    if not turns:
        raise BrokenRuleError(dataset_errors.CONTENTS_EMPTY)
    _check_order([role for role, _ in turns], "model")
    return Line([text for _, text in turns], system)


def _read_message(message: Any, index: int, roles: dict[str, str]) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise BrokenRuleError(dataset_errors.CONTENT_NOT_AN_OBJECT, index=index)
    role = message.get("role")
    if not role:
        raise BrokenRuleError(dataset_errors.MISSING_ROLE, index=index)
    known = {"system": "system", **roles}
    if not isinstance(role, str) or role.lower() not in known:
        raise BrokenRuleError(dataset_errors.INVALID_ROLE, role=role, index=index, allowed=", ".join(known))
    text = message.get("content")
    if not isinstance(text, str):
        raise BrokenRuleError(dataset_errors.MISSING_CONTENT, index=index)
    if not text:
        raise BrokenRuleError(dataset_errors.EMPTY_TURN, index=index)
    return known[role.lower()], text


def _read_open(values: dict[str, Any]) -> Line:
    if "prompt" not in values and "completion" not in values:
        if "messages" in values:
            return _read_messages(values, OPEN_MODEL_ROLES)
        _check_open_roles(values.get("contents"))
        return _read_contents(values)
    texts = []
    for field in ("prompt", "completion"):
        text = values.get(field)
        if not isinstance(text, str) or not text:
            raise BrokenRuleError(dataset_errors.PROMPT_COMPLETION, field=field)
        texts.append(text)
    return Line(texts)


def _check_open_roles(contents: Any) -> None:
    """``assistant`` is a role of ``messages`` alone, whatever the documentation's example says (recorded)."""
    for content in contents if isinstance(contents, list) else ():
        role = content.get("role") if isinstance(content, dict) else None
        if role and not (isinstance(role, str) and role.lower() in GEMINI_ROLES):
            raise BrokenRuleError(dataset_errors.UNSUPPORTED_ROLE)


def _read_preference(values: dict[str, Any]) -> Line:
    line = _read_contents(values, ends_with="user")
    completions = values.get("completions")
    if not isinstance(completions, list):
        raise BrokenRuleError(dataset_errors.MISSING_COMPLETIONS)
    if len(completions) != 2:
        raise BrokenRuleError(dataset_errors.COMPLETION_COUNT, found=len(completions))
    scored = dict(_read_completion(completion, index) for index, completion in enumerate(completions))
    if len(scored) != 2:
        raise BrokenRuleError(dataset_errors.COMPLETION_PAIR)
    turns = (*line.turns, Turn("model", scored[1])) if line.turns else ()
    return Line([*line.texts, scored[1]], line.system, scored[0], line.kinds, turns)


def _read_completion(values: Any, index: int) -> tuple[int, str]:
    if not isinstance(values, dict):
        raise BrokenRuleError(dataset_errors.COMPLETION_TEXT, index=index)
    score = values.get("score", 0)
    if isinstance(score, bool) or score not in (0, 1):
        raise BrokenRuleError(dataset_errors.COMPLETION_SCORE, index=index, score=score)
    completion = values.get("completion")
    text = read_text(completion)
    if not text or not isinstance(completion, dict) or completion.get("role", "model") not in ("model", "MODEL"):
        raise BrokenRuleError(dataset_errors.COMPLETION_TEXT, index=index)
    return int(score), text


def _is_answer(turn: Any) -> bool:
    return isinstance(turn, dict) and OPEN_MODEL_ROLES.get(str(turn.get("role", "")).lower()) == "model"


def _read_prompt(values: dict[str, Any]) -> Line:
    """A prompt of distillation. An answer at its end, which older training datasets have, is the teacher's to give."""
    if "prompt" in values and "contents" not in values:
        line = _read_open({**values, "completion": "-"})
        return Line(line.texts[:-1], line.system)
    field = "messages" if "messages" in values and "contents" not in values else "contents"
    turns = values.get(field)
    if isinstance(turns, list) and len(turns) > 1 and _is_answer(turns[-1]):
        values = {**values, field: turns[:-1]}
    if field == "messages" and isinstance(values[field], list):
        line = _read_messages({**values, field: [*values[field], {"role": "model", "content": "-"}]}, OPEN_MODEL_ROLES)
        return Line(line.texts[:-1], line.system)
    return _read_contents(values, OPEN_MODEL_ROLES | GEMINI_ROLES, ends_with="user")


_READERS = {
    "prompts": _read_prompt,
    "contents": _read_contents,
    "messages": _read_messages,
    "open": _read_open,
    "preference": _read_preference,
}
