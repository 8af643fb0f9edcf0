"""JSON becomes a message value, or every violation at once, in the service's order, places and words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.library import BOOK, CODEC, PACKAGE
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.protojson.decoder import Decoder

URL = f"type.googleapis.com/{PACKAGE}.v1"
UNKNOWN = "Invalid JSON payload received. Unknown name"

TAKEN: list[tuple[str, dict[str, Any]]] = [
    ('{"displayName": "a", "page_count": 3}', {"display_name": "a", "page_count": 3}),
    ('{"display_name": "a", "pageCount": "3"}', {"display_name": "a", "page_count": 3}),
    ('{"pageCount": 3.0, "soldCount": "-9223372036854775808"}', {"page_count": 3, "sold_count": -(2**63)}),
    ('{"pageCount": null, "tags": null, "labels": null, "createTime": null}', {}),
    ('{"tags": "one"}', {"tags": ["one"]}),
    ('{"tags": ["a", null, ["b", ["c"]]]}', {"tags": ["a", "b", "c"]}),
    ('{"chapters": {"title": "t"}}', {"chapters": [{"title": "t"}]}),
    ('{"genre": "NOVEL"}', {"genre": "NOVEL"}),
    ('{"genre": "science-fiction"}', {"genre": "SCIENCE_FICTION"}),
    ('{"genre": 7, "genres": ["7", 99, "novel"]}', {"genre": "HISTORY", "genres": ["HISTORY", 99, "NOVEL"]}),
    ('{"lent": "true"}', {"lent": True}),
    ('{"lent": false, "signed": false}', {"lent": False, "signed": False}),
    ('{"cover": "_-8="}', {"cover": b"\xff\xef"}),
    ('{"cover": "/+8"}', {"cover": b"\xff\xef"}),
    ('{"price": "1e3", "weight": 0.1}', {"price": 1000.0, "weight": 0.10000000149011612}),
    ('{"price": "Infinity"}', {"price": float("inf")}),
    ('{"createTime": "1970-01-01T00:00:01.5Z"}', {"create_time": 1_500_000_000}),
    ('{"createTime": "1970-01-01T01:00:01+01:00"}', {"create_time": 1_000_000_000}),
    ('{"createTime": {"seconds": "1", "nanos": 5}}', {"create_time": 1_000_000_005}),
    ('{"lendingPeriod": "-1.5s"}', {"lending_period": -1_500_000_000}),
    ('{"mask": "displayName,chapters.title"}', {"mask": ["display_name", "chapters.title"]}),
    ('{"labels": {"a": "b", "c": null}}', {"labels": {"a": "b", "c": ""}}),
    ('{"editions": {"1": {"title": "t"}}}', {"editions": {1: {"title": "t"}}}),
    ('{"extra": {"a": [1, {"b": null}]}}', {"extra": {"a": [1, {"b": None}]}}),
    ('{"anything": null, "many": [null, 1], "list": [1]}', {"anything": None, "many": [None, 1], "list": [1]}),
    ('{"anything": [1], "nothing": null}', {"anything": [1], "nothing": "NULL_VALUE"}),
    ('{"values": {"a": null, "b": [1]}}', {"values": {"a": None, "b": [1]}}),
    ('{"isbn": null, "issn": "x"}', {"issn": "x"}),
    ('{"displayName": "a", "display_name": "b"}', {"display_name": "b"}),
    ('{"tags": ["a"], "tags": ["b"]}', {"tags": ["a", "b"]}),
    ('{"appendix": {"title": "a"}}', {"appendix": {"title": "a"}}),
    ('{"labels": {}, "tags": []}', {"labels": {}, "tags": []}),
    (
        f'{{"attachment": {{"@type": "{URL}.Chapter", "title": "t", "page": "4"}}}}',
        {"attachment": {"@type": f"{URL}.Chapter", "title": "t", "page": 4}},
    ),
    (
        '{"attachment": {"@type": "type.googleapis.com/unknown.Thing", "aB": 1}}',
        {"attachment": {"@type": "type.googleapis.com/unknown.Thing", "aB": 1}},
    ),
    (
        '{"attachment": {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}}',
        {"attachment": {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}},
    ),
    ('{"extra": {"n": 9007199254740993}}', {"extra": {"n": 9007199254740992.0}}),
]

# (body, [(field, text)]): recorded shapes from public reports with our names in place of theirs.
REFUSED: list[tuple[str, list[tuple[str, str]]]] = [
    ('{"foo": 1}', [("", f'{UNKNOWN} "foo": Cannot find field.')]),
    (
        '{"chapters": [{"fooBar": 1}, {}, {"x_y": {"z": 1}}]}',
        [
            ("chapters[0]", f"{UNKNOWN} \"fooBar\" at 'chapters[0]': Cannot find field."),
            ("chapters[2]", f"{UNKNOWN} \"x_y\" at 'chapters[2]': Cannot find field."),
        ],
    ),
    ('{"chapters": {"foo": 1}}', [("chapters", f"{UNKNOWN} \"foo\" at 'chapters': Cannot find field.")]),
    ('{"pageCount": "high"}', [("page_count", "Invalid value at 'page_count' (TYPE_INT32), \"high\"")]),
    ('{"pageCount": 3812238859}', [("page_count", "Invalid value at 'page_count' (TYPE_INT32), 3812238859")]),
    ('{"pageCount": 1.5}', [("page_count", "Invalid value at 'page_count' (TYPE_INT32), 1.5")]),
    ('{"pageCount": "2.0"}', [("page_count", "Invalid value at 'page_count' (TYPE_INT32), \"2.0\"")]),
    ('{"pageCount": true}', [("page_count", "Invalid value at 'page_count' (TYPE_INT32), true")]),
    (
        '{"soldCount": "9223372036854775808"}',
        [("sold_count", "Invalid value at 'sold_count' (TYPE_INT64), \"9223372036854775808\"")],
    ),
    ('{"big": -1}', [("big", "Invalid value at 'big' (TYPE_UINT64), -1")]),
    ('{"displayName": 1}', [("display_name", "Invalid value at 'display_name' (TYPE_STRING), 1")]),
    ('{"lent": ""}', [("lent", "Invalid value at 'lent' (TYPE_BOOL), \"\"")]),
    ('{"lent": 1}', [("lent", "Invalid value at 'lent' (TYPE_BOOL), 1")]),
    ('{"weight": 1e39}', [("weight", "Invalid value at 'weight' (TYPE_FLOAT), 1e+39")]),
    ('{"genre": "BOGUS"}', [("genre", f"Invalid value at 'genre' ({URL}.Genre), \"BOGUS\"")]),
    ('{"genre": "99"}', [("genre", f"Invalid value at 'genre' ({URL}.Genre), \"99\"")]),
    ('{"appendix": "text"}', [("appendix", f"Invalid value at 'appendix' ({URL}.Chapter), \"text\"")]),
    ('{"chapters": ["text"]}', [("chapters[0]", f"Invalid value at 'chapters[0]' ({URL}.Chapter), \"text\"")]),
    (
        '{"displayName": {"a": 1}}',
        [("", "Invalid value (display_name), Starting an object on a scalar field")],
    ),
    (
        '{"chapters": [{"title": {}}]}',
        [("chapters[0]", "Invalid value at 'chapters[0]' (title), Starting an object on a scalar field")],
    ),
    (
        '{"displayName": []}',
        [("", f'{UNKNOWN} "displayName": Proto field is not repeating, cannot start list.')],
    ),
    (
        '{"appendix": [{"title": "a"}]}',
        [("", f'{UNKNOWN} "appendix": Proto field is not repeating, cannot start list.')],
    ),
    ('{"labels": []}', [("", "Invalid value (Map), Cannot bind a list to map for field 'labels'.")]),
    ('{"labels": "x"}', [("labels", f"Invalid value at 'labels' ({URL}.Book.LabelsEntry), \"x\"")]),
    ('{"labels": {"a": 1}}', [("labels[0].value", "Invalid value at 'labels[0].value' (TYPE_STRING), 1")]),
    (
        '{"labels": {"a": "b", "c": "d", "a": "e"}}',
        [("labels[1]", f"{UNKNOWN} \"a\" at 'labels[1]': Repeated map key: 'a' is already set.")],
    ),
    ('{"editions": {"x": {}}}', [("editions[0].key", "Invalid value at 'editions[0].key' (TYPE_INT32), \"x\"")]),
    (
        '{"editions": {"1": {"items": 1}}}',
        [("editions[0].value", f"{UNKNOWN} \"items\" at 'editions[0].value': Cannot find field.")],
    ),
    (
        '{"labels": {"a": ["b"]}}',
        [
            (
                "labels[0].value",
                "Invalid value at 'labels[0].value' (Map), Cannot have repeated items ('a') within a map.",
            ),
            ("labels[0].value", f"{UNKNOWN} \"\" at 'labels[0].value': Proto fields must have a name."),
        ],
    ),
    (
        '{"isbn": "a", "issn": "b"}',
        [("", "Invalid value (oneof), oneof field 'number' is already set. Cannot set 'issn'")],
    ),
    (
        '{"appendix": {}, "index": {"foo": 1}}',
        [("", "Invalid value (oneof), oneof field 'part' is already set. Cannot set 'index'")],
    ),
    (
        '{"isbn": "a", "isbn": "b"}',
        [("", "Invalid value (oneof), oneof field 'number' is already set. Cannot set 'isbn'")],
    ),
    (
        '{"cover": "https://example.com/a.png"}',
        [("cover", "Invalid value at 'cover' (TYPE_BYTES), Base64 decoding failed for \"https://example.com/a.png\"")],
    ),
    ("[]", [("", f'{UNKNOWN} "": Root element must be a message.')]),
    ("7", [("", f'{UNKNOWN} "": Root element must be a message.')]),
    ("null", [("", f'{UNKNOWN} "": Root element must be a message.')]),
    (
        '{"createTime": "2020-01-01"}',
        [
            (
                "create_time",
                "Invalid value at 'create_time' (type.googleapis.com/google.protobuf.Timestamp), Field 'createTime', "
                "Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset.",
            )
        ],
    ),
    (
        '{"times": ["0000-01-01T00:00:00Z"]}',
        [
            (
                "times[0]",
                "Invalid value at 'times[0]' (type.googleapis.com/google.protobuf.Timestamp), Field '', "
                "Timestamp value exceeds limits",
            )
        ],
    ),
    (
        '{"create_time": 5}',
        [
            (
                "create_time",
                "Invalid value at 'create_time' (type.googleapis.com/google.protobuf.Timestamp), Field 'create_time', "
                "Invalid data type for timestamp, value is 5",
            )
        ],
    ),
    (
        '{"lendingPeriod": "5"}',
        [
            (
                "lending_period",
                "Invalid value at 'lending_period' (type.googleapis.com/google.protobuf.Duration), "
                "Field 'lendingPeriod', Illegal duration format; duration must end with 's'",
            )
        ],
    ),
    (
        '{"mask": "a(b"}',
        [
            (
                "mask",
                "Invalid value at 'mask' (type.googleapis.com/google.protobuf.FieldMask), Field 'mask', "
                "Invalid FieldMask 'a(b'. Cannot find matching ')' for all '('.",
            )
        ],
    ),
    ('{"signed": "maybe"}', [("signed.value", "Invalid value at 'signed.value' (TYPE_BOOL), \"maybe\"")]),
    ('{"extra": "x"}', [("extra", "Invalid value at 'extra' (type.googleapis.com/google.protobuf.Struct), \"x\"")]),
    (
        '{"attachment": {"a": 1}}',
        [("attachment", f"Invalid value at 'attachment' (Any), Missing @type for any field in {BOOK}")],
    ),
    (
        '{"tags": ["fine", 1, "fine", 2]}',
        [
            ("tags[0]", "Invalid value at 'tags[0]' (TYPE_STRING), 1"),
            ("tags[1]", "Invalid value at 'tags[1]' (TYPE_STRING), 2"),
        ],
    ),
    (
        '{"b": 1, "pageCount": "x", "chapters": [{"page": "y"}], "a": 2}',
        [
            ("", f'{UNKNOWN} "b": Cannot find field.'),
            ("page_count", "Invalid value at 'page_count' (TYPE_INT32), \"x\""),
            ("chapters[0].page", "Invalid value at 'chapters[0].page' (TYPE_INT32), \"y\""),
            ("", f'{UNKNOWN} "a": Cannot find field.'),
        ],
    ),
    ('{"audioUri": "x"}', [("", f'{UNKNOWN} "audioUri": Cannot find field.')]),
]


@pytest.mark.parametrize(("body", "value"), TAKEN)
def test_takes(body: str, value: dict[str, Any]) -> None:
    """Both spellings of names, numbers as strings, one value for a list, null as unset, enums in any case."""
    assert CODEC.parse(body.encode(), BOOK) == value


@pytest.mark.parametrize(("body", "violations"), REFUSED)
def test_refuses_in_the_services_words(body: str, violations: list[tuple[str, str]]) -> None:
    """Message lines and ``fieldViolations`` are the same texts; a violation of the root has no field."""
    with pytest.raises(ApiError) as caught:
        CODEC.parse(body.encode(), BOOK)
    error = caught.value
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message == "\n".join(text for _, text in violations)
    listed = [{"field": field, "description": text} if field else {"description": text} for field, text in violations]
    assert error.details == ({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": listed},)


def test_a_body_that_is_a_field_is_placed_below_it() -> None:
    """With ``body: "book"`` every place begins with the field's name."""
    decoder = Decoder(CODEC.schemas, f"{PACKAGE}.v1.CreateBookRequest")
    decoder.read_body(b'{"foo": 1, "chapters": [{"page": "x"}]}', "book")
    assert [place for place, _ in decoder.violations.found] == ["book", "book.chapters[0].page"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"7", f"Invalid value at 'book' ({URL}.Book), 7"),
        (b"[]", f'{UNKNOWN} "book": Proto field is not repeating, cannot start list.'),
    ],
)
def test_a_body_that_is_a_field_must_be_an_object(body: bytes, text: str) -> None:
    """A scalar or a list instead of the resource is refused at the field."""
    decoder = Decoder(CODEC.schemas, f"{PACKAGE}.v1.CreateBookRequest")
    decoder.read_body(body, "book")
    assert [found for _, found in decoder.violations.found] == [text]


def test_the_version_decides_which_fields_exist() -> None:
    """A field of v1beta is unknown in v1 and taken in v1beta."""
    assert CODEC.parse(b'{"audioUri": "x"}', f"{PACKAGE}.v1beta.Book") == {"audio_uri": "x"}


@pytest.mark.parametrize("key", ["unknown", "extra", "chapters", "attachment"])
def test_too_deep_objects_are_refused_wherever_they_are(key: str) -> None:
    """100 objects deep is the limit, in known fields, structs and unknown fields alike; one error, no details."""
    deep = '{"chapters":' * 99 + "1" + "}" * 99
    with pytest.raises(ApiError) as caught:
        CODEC.parse(f'{{"{key}":{{"chapters":{deep}}}}}'.encode(), BOOK)
    assert caught.value.message == (
        "Invalid JSON payload received. Message too deep. Max recursion depth reached for key 'chapters'"
    )
    assert caught.value.details == ()


def test_lines_of_one_shape_are_checked_one_by_one() -> None:
    """The fast way for lists of like objects sees a wrong type, another spelling and an unknown name among them."""
    good = '{"title": "a"}'
    body = f'{{"chapters": [{good}, {good}, {{"title": 1}}, {{"Title": "x"}}, {good}]}}'
    with pytest.raises(ApiError) as caught:
        CODEC.parse(body.encode(), BOOK)
    assert caught.value.message.split("\n") == [
        "Invalid value at 'chapters[2].title' (TYPE_STRING), 1",
        f"{UNKNOWN} \"Title\" at 'chapters[3]': Cannot find field.",
    ]
    assert CODEC.parse(f'{{"chapters": [{good}, {good}]}}'.encode(), BOOK) == {
        "chapters": [{"title": "a"}, {"title": "a"}]
    }
