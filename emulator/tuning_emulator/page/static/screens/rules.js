/** The rules browser: everything that the services say and do here, with source and grade. */

import { control } from "../api.js";
import { fill, h } from "../build.js";
import { asCurl, getCode, quote } from "../code.js";
import { choice, field } from "../dialog.js";
import { formatCount } from "../figures.js";
import { attempt } from "../notices.js";
import { keepPlace, linkTo } from "../router.js";
import { buildRule, tableWord } from "../rules.js";
import { t } from "../texts.js";

const PAGE = 50;
const GRADES = ["recorded", "documented", "assumed"];

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const chosen = { words: query.get("words") ?? "", grade: query.get("grade") ?? "", table: query.get("table") ?? "" };
  const all = await control("GET", "rules", { query: { limit: 1 }, signal });
  const words = h("input", { type: "search", value: chosen.words, placeholder: "adapter size" });
  const grade = choice([["", t("rules.any")], ...GRADES.map((one) => /** @type {const} */ ([one, `${t(`grade.${one}`)} (${formatCount(all.grades[one])})`]))], chosen.grade);
  const table = choice([["", t("rules.any")], ...Object.entries(all.tables).map(([one, n]) => /** @type {[string, string]} */ ([one, `${tableWord(one)} (${formatCount(n)})`]))], chosen.table);
  const count = h("p", { class: "muted", role: "status" });
  const list = h("div", { class: "panel rules-list" });
  const more = h("button", { type: "button", class: "secondary", onclick: () => attempt(more, () => load(list.children.length)) }, t("rules.more"));
  /** @param {number} offset */
  const load = async (offset) => {
    const page = await control("GET", "rules", { query: { ...chosen, offset, limit: PAGE }, signal });
    const found = page.rules.map(buildRule);
    if (offset) list.append(...found);
    else fill(list, found.length ? found : h("p", { class: "empty" }, t("rules.none")));
    fill(count, t("rules.count", { n: page.total }));
    more.hidden = offset + PAGE >= page.total;
  };
  const change = () => {
    Object.assign(chosen, { words: words.value.trim(), grade: grade.value, table: table.value });
    keepPlace("rules", Object.fromEntries(Object.entries(chosen).filter(([, value]) => value)));
    void attempt(null, () => load(0));
  };
  for (const input of [words, grade, table]) input.addEventListener("input", change);
  fill(
    main,
    h(
      "div",
      { class: "head" },
      h("div", {}, h("p", { class: "crumb" }, h("a", { href: linkTo("state") }, t("nav.state"))), h("h1", {}, t("nav.rules")), h("p", { class: "muted" }, t("rules.lead"))),
      getCode(() => ({
        "Command line": `tuning-emulator rules${chosen.grade ? ` --grade ${quote(chosen.grade)}` : ""}`,
        curl: asCurl("GET", `/emulator/v1/rules?${new URLSearchParams(chosen)}`),
      })),
    ),
    h("div", { class: "fields filters" }, field(t("rules.words"), words), field(t("rules.grade"), grade), field(t("rules.table"), table)),
    count,
    list,
    h("div", { class: "actions" }, more),
  );
  await load(0);
}
