"""Reading ``.proto`` files: what each statement comes to in each version, and what a broken file is refused with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuning_emulator.schema.proto import DeclarationError, load_schemas
from tuning_emulator.schema.schema import OPTIONAL, PRESENCE, REQUIRED, Enum, Field, HttpRule, Message, Schema

PACKAGE = "shop.api"
HEAD = 'syntax = "proto3";\npackage shop.api;\n'
SHOP = """
// A shop.
syntax = "proto3";

package shop.api;

import "google/api/annotations.proto";
import "google/longrunning/operations.proto";
import "tuning_emulator/options.proto";

option (tuning_emulator.api_versions) = "v1";
option (tuning_emulator.api_versions) = "v2";
option (tuning_emulator.http) = {
  selector: "google.longrunning.Operations.GetOperation"
  get: "/$version/{name=operations/*}"  // as everywhere: "{}"
};

service Shop {
  rpc Sell(SellRequest) returns (stream Item);
  rpc Return(stream Item) returns (Item);
  rpc Haggle(stream Item) returns (stream Item);

  rpc Buy(Item) returns (google.longrunning.Operation) {
    option (tuning_emulator.method_versions) = "v2";
    option (google.api.http) = {
      post: "/$version/items"
      body: "*"
      additional_bindings { put: "/v1/{name=items/*}:buy" body: "item" }
      additional_bindings { get: "/ui/items" }
    };
  }
}

message SellRequest {}

message Item {
  // Nested names hide outer ones.
  enum Kind {
    KIND_UNSPECIFIED = 0;  // unset
    USED = 7;
    LOST = -1;
  }

  string name = 9 [(google.api.field_behavior) = REQUIRED];
  oneof price {
    int64 cents = 2;
    Other.Price other = 3 [(tuning_emulator.field_versions) = "v2"];
  }
  optional Kind kind = 4 [
    (google.api.field_behavior) = OPTIONAL,
    deprecated = true
  ];
  map<string, Item> parts = 5;
  repeated google.rpc.Status errors = 6;
  int32 weight_v1 = 7 [(tuning_emulator.field_versions) = "v1", (tuning_emulator.field_name) = "weight"];
  double weight = 8 [(tuning_emulator.field_versions) = "v2"];
}

message Other {
  option (tuning_emulator.message_versions) = "v2";
  message Price {
    Kind kind = 1;
  }
}

enum Kind {
  option (tuning_emulator.enum_versions) = "v1";
  option (tuning_emulator.enum_versions) = "v2";
  NONE = 0;
}
"""


def load(folder: Path, text: str) -> dict[str, Schema]:
    """The schemas of a package of one file."""
    path = folder / "shop" / "api" / "shop.proto"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return dict(load_schemas(PACKAGE, folder))


def test_a_message_has_the_fields_of_the_version(tmp_path: Path) -> None:
    """Fields by number, with full names of types; what another version has is absent."""
    read = load(tmp_path, SHOP)
    assert list(read) == ["v1", "v2"]
    kind = OPTIONAL | PRESENCE | type(OPTIONAL).DEPRECATED
    assert read["v2"].message("Item") == Message(
        "shop.api.v2.Item",
        (
            Field(2, "cents", "int64", oneof="price"),
            Field(3, "other", "shop.api.v2.Other.Price", oneof="price"),
            Field(4, "kind", "shop.api.v2.Item.Kind", kind),
            Field(5, "parts", "shop.api.v2.Item", key="string"),
            Field(6, "errors", "google.rpc.Status", repeated=True),
            Field(8, "weight", "double"),
            Field(9, "name", "string", REQUIRED),
        ),
    )
    assert [(one.number, one.name) for one in read["v1"].message("Item").fields if one.number in (3, 7, 8)] == [
        (7, "weight")
    ]
    assert read["v2"].message("Other.Price").fields == (Field(1, "kind", "shop.api.v2.Kind"),)
    assert "shop.api.v1.Other.Price" not in read["v1"].messages


def test_enums_keep_their_order_and_numbers(tmp_path: Path) -> None:
    """Also negative ones."""
    read = load(tmp_path, SHOP)["v1"]
    assert read.enums["shop.api.v1.Item.Kind"] == Enum(
        "shop.api.v1.Item.Kind", {"KIND_UNSPECIFIED": 0, "USED": 7, "LOST": -1}
    )
    assert read.enums["shop.api.v1.Kind"].values == {"NONE": 0}


def test_methods_have_the_bindings_of_the_version(tmp_path: Path) -> None:
    """Those of every version, of one version alone, and of none; shared methods where the API binds them."""
    read = load(tmp_path, SHOP)
    operations = "google.longrunning.Operations.GetOperation"
    own = [f"shop.api.v1.Shop.{name}" for name in ("Sell", "Return", "Haggle")]
    assert [*read["v1"].methods] == [*own, operations]
    sell = read["v1"].methods["shop.api.v1.Shop.Sell"]
    assert (sell.request, sell.response, sell.streaming) == ("shop.api.v1.SellRequest", "shop.api.v1.Item", True)
    assert read["v2"].methods["shop.api.v2.Shop.Buy"].http == (
        HttpRule("POST", "/items", "*"),
        HttpRule("GET", "/ui/items", unversioned=True),
    )
    assert read["v1"].methods[operations].http == (HttpRule("GET", "/{name=operations/*}"),)


def test_methods_stream_requests_responses_or_both(tmp_path: Path) -> None:
    """As ``stream`` stands before the one or the other."""
    methods = load(tmp_path, SHOP)["v2"].methods
    streams = {name.rpartition(".")[2]: (one.client_streaming, one.streaming) for name, one in methods.items()}
    assert streams == {
        "Sell": (False, True),
        "Return": (True, False),
        "Haggle": (True, True),
        "Buy": (False, False),
        "GetOperation": (False, False),
    }


def test_a_binding_may_be_of_one_version(tmp_path: Path) -> None:
    """A path that spells a version is of that version alone."""
    read = load(tmp_path, SHOP.replace('option (tuning_emulator.method_versions) = "v2";', ""))
    bound = read["v1"].methods["shop.api.v1.Shop.Buy"].http
    assert HttpRule("PUT", "/{name=items/*}:buy", "item") in bound
    assert all(rule.verb != "PUT" for rule in read["v2"].methods["shop.api.v2.Shop.Buy"].http)


def test_files_are_named_as_the_version_has_them(tmp_path: Path) -> None:
    """The API's own file is below the version, with its package; imported ones stay."""
    own, *imported = load(tmp_path, SHOP)["v2"].files
    assert (own.name, own.package) == ("shop/api/v2/shop.proto", "shop.api.v2")
    assert own.imports == ("google/longrunning/operations.proto",)
    assert {one.name for one in imported} >= {"google/longrunning/operations.proto", "google/protobuf/any.proto"}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("\nmessage A {\n\n  string name = one;\n}\n", 6, "no statement"),
        ("message A {\n  string name = 1;\n", 5, "is missing"),
        ("}\n", 3, "stands in no"),
        ("string name = 1;\n", 3, "stands in no message"),
        ("message A {\n  NAME = 1;\n}\n", 4, "stands in no enum"),
        ("message A {\n  // Nobody.\n  B b = 1;\n}\n", 5, "nobody declares B"),
        ("message A {\n  string a = 1;\n  string b = 1;\n}\n", 3, "a number or a name twice"),
        ("message A {}\nmessage A {}\n", 4, "shop.api.A is declared twice"),
        ("message A {\n  string a = 1 [packed = true];\n}\n", 4, "packed = true"),
        ("message A {\n  option (tuning_emulator.enum_versions) = 'v1';\n}\n", 4, "no statement"),
        ('message A {\n  option (tuning_emulator.enum_versions) = "v1";\n}\n', 4, "enum_versions is not read here"),
        ('message A {\n  string a = 1 [(tuning_emulator.field_versions) = "v3"];\n}\n', 4, "has no version v3"),
        ('option (tuning_emulator.http) = "x";\n', 3, "http is not read here"),
        ("service S {\n  rpc Do(A) returns (A);\n}\n", 4, "nobody declares A"),
        ('option (tuning_emulator.http) = {\n  selector: "x.Y.Z"\n};\n', 4, "nobody declares x.Y.Z"),
        ('service S {\n  rpc D(A) returns (A) {\n    option (google.api.http) = { gett: "/" };\n  }\n}\n', 5, "gett"),
        (
            'service S {\n  rpc D(stream A) returns (A) {\n    option (google.api.http) = { get: "/" };\n  }\n}\n',
            5,
            "no path",
        ),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    """Name of the file, line and reason."""
    with pytest.raises(DeclarationError, match=rf"^shop/api/shop\.proto:{line}: .*{reason}"):
        load(tmp_path, HEAD + text)
