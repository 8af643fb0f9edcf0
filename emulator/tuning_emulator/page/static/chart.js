/**
 * Charts as small SVG: lines over steps, and histograms. Each has a title and a description for who cannot see it, and
 * a table of its figures behind a switch.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {object} Line
 * @property {string} name
 * @property {1 | 2 | 3 | 4} tone which of the chart's colours
 * @property {readonly Point[]} points by x
 * @property {boolean} [dots] whether each point is marked, for lines of few
 *
 * @typedef {object} LineChart
 * @property {string} title
 * @property {string} description
 * @property {string} xName
 * @property {string} yName
 * @property {readonly Line[]} lines
 * @property {readonly {x: number, name: string}[]} [marks] vertical lines: where epochs end
 * @property {string} [markName] what the marks are
 * @property {number} [xMost] how far the axis goes at least: the steps that are to come
 * @property {number} [yMost] where the other axis ends, for shares
 *
 * @typedef {{count: number, left: number, right: number}} Bucket
 */

import { fill, h, svg } from "./build.js";
import { formatCount, formatFigure } from "./figures.js";
import { t } from "./texts.js";

const HEIGHT = 240;
const LEFT = 40;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 34;
let serial = 0;

/**
 * A chart of lines, which can be drawn anew with other figures.
 *
 * @param {LineChart} first
 * @returns {{element: HTMLElement, update: (chart: LineChart) => void}}
 */
export function lineChart(first) {
  let chart = first;
  let width = 640;
  const id = `chart-${(serial += 1)}`;
  const legend = h("div", { class: "legend" });
  const picture = svg("svg", {
    class: "chart",
    role: "img",
    tabindex: "0",
    "aria-labelledby": `${id}-title`,
    "aria-describedby": `${id}-text`,
  });
  const told = h("div", { class: "told", "aria-live": "polite" });
  const table = tableSwitch(() => [
    ["", chart.xName, chart.yName],
    ...chart.lines.flatMap((line) => line.points.map((point) => [line.name, String(point.x), String(point.y)])),
  ]);
  /** @type {number | null} */
  let shown = null;
  /** @type {(x: number | null) => void} */
  let pointAt = () => {};

  const draw = () => {
    fill(legend, h("strong", {}, chart.yName), ...chart.lines.map((line) => h("span", { class: `key tone-${line.tone}` }, line.name)));
    pointAt = drawLines(picture, chart, width, id, told);
    pointAt(shown);
    table.refresh();
  };
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    shown = readX(chart, width, ((event.clientX - box.left) / box.width) * width);
    pointAt(shown);
  });
  picture.addEventListener("pointerleave", () => pointAt((shown = null)));
  picture.addEventListener("blur", () => pointAt((shown = null)));
  picture.addEventListener("keydown", (event) => {
    const next = stepAlong(chart, shown, event.key);
    if (next === null) return;
    event.preventDefault();
    pointAt((shown = next));
  });
  new ResizeObserver(([entry]) => {
    const wide = Math.round(entry?.contentRect.width ?? 0);
    if (wide > 0 && wide !== width) {
      width = wide;
      draw();
    }
  }).observe(picture);
  draw();
  return {
    element: h("figure", { class: "figure" }, h("div", { class: "bar" }, legend, told), picture, table.element),
    update(next) {
      chart = next;
      draw();
    },
  };
}

/**
 * A line without axes, for tables.
 *
 * @param {readonly Point[]} points
 * @param {string} title
 */
export function sparkline(points, title) {
  const [wide, high] = [96, 24];
  const picture = svg("svg", { class: "spark", viewBox: `0 0 ${wide} ${high}`, role: "img" }, svg("title", {}, title));
  if (points.length > 1) {
    const x = scale(spanOf(points.map((point) => point.x)), [1, wide - 1]);
    const y = scale(spanOf(points.map((point) => point.y)), [high - 2, 2]);
    picture.append(svg("path", { class: "line tone-1", d: tracePath(points, x, y) }));
  }
  return picture;
}

/**
 * How many examples have how much of something.
 *
 * @param {{title: string, description: string, xName: string, yName: string, buckets: readonly Bucket[]}} chart
 * @returns {HTMLElement}
 */
export function histogram({ title, description, xName, yName, buckets }) {
  const id = `chart-${(serial += 1)}`;
  const [width, height] = [420, 180];
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
  const ticks = findTicks(0, most, 3).filter(Number.isInteger);
  const y = scale([0, Math.max(most, ticks.at(-1) ?? most)], [height - BOTTOM, TOP]);
  const half = buckets.every((bucket) => bucket.left === bucket.right) ? 0.5 : 0; // each stands for one whole number
  const x = scale(spanOf(buckets.flatMap((bucket) => [bucket.left - half, bucket.right + half])), [LEFT, width - RIGHT]);
  const picture = svg(
    "svg",
    { class: "chart histogram", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
    svg("title", { id: `${id}-title` }, title),
    svg("desc", { id: `${id}-text` }, description),
    ticks.map((tick) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "tick end", x: LEFT - 8, y: y(tick) + 4 }, formatCount(tick)),
    ]).flat(),
    buckets.map((bucket) => {
      const left = x(bucket.left - half);
      const wide = Math.max(2, x(bucket.right + half) - left - 1);
      const text = `${formatRange(bucket)}: ${formatCount(bucket.count)}`;
      return svg("rect", { class: "bar-fill", x: left, y: y(bucket.count), width: wide, height: y(0) - y(bucket.count) }, svg("title", {}, text));
    }),
    svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y(0), y2: y(0) }),
    [buckets[0]?.left, buckets.at(-1)?.right].map((edge, at) =>
      edge === undefined ? null : svg("text", { class: at ? "tick end" : "tick", x: x(edge), y: height - BOTTOM + 16 }, formatFigure(edge)),
    ),
    svg("text", { class: "tick middle", x: (LEFT + width - RIGHT) / 2, y: height - 4 }, xName),
  );
  const table = tableSwitch(() => [
    [xName, yName],
    ...buckets.map((bucket) => [formatRange(bucket), String(bucket.count)]),
  ]);
  return h("figure", { class: "figure" }, h("figcaption", {}, title), picture, table.element);
}

/** @param {Bucket} bucket */
const formatRange = ({ left, right }) => (left === right ? formatFigure(left) : `${formatFigure(left)} – ${formatFigure(right)}`);

// --- how lines are drawn

/**
 * @param {SVGSVGElement} picture
 * @param {LineChart} chart
 * @param {number} width
 * @param {string} id
 * @param {HTMLElement} told
 * @returns {(x: number | null) => void} shows the figures at an x
 */
function drawLines(picture, chart, width, id, told) {
  const { x, y, xTicks, yTicks } = makeScales(chart, width);
  const floor = HEIGHT - BOTTOM;
  const cross = svg("g", { class: "cross" });
  picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  fill(
    picture,
    svg("title", { id: `${id}-title` }, chart.title),
    svg("desc", { id: `${id}-text` }, chart.description),
    yTicks.flatMap((tick) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "tick end", x: LEFT - 8, y: y(tick) + 4 }, formatFigure(tick)),
    ]),
    thinMarks(chart.marks ?? [], x).flatMap((mark, at) => [
      svg("line", { class: "mark", x1: x(mark.x), x2: x(mark.x), y1: TOP, y2: floor }),
      svg("text", { class: x(mark.x) - LEFT > 24 ? "tick end" : "tick", x: x(mark.x) + (x(mark.x) - LEFT > 24 ? -4 : 4), y: TOP - 4 }, at === 0 && x(mark.x) - LEFT > 64 ? `${chart.markName ?? ""} ${mark.name}` : mark.name),
    ]),
    svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: floor, y2: floor }),
    xTicks.map((tick) => {
      const last = x(tick) > width - RIGHT - 20;
      return svg("text", { class: last ? "tick end" : "tick middle", x: last ? width : x(tick), y: floor + 16 }, formatCount(tick));
    }),
    svg("text", { class: "tick end", x: width - RIGHT, y: HEIGHT - 4 }, chart.xName),
    chart.lines.flatMap((line) => [
      svg("path", { class: `line tone-${line.tone}`, d: tracePath(line.points, x, y) }),
      ...(line.dots || line.points.length === 1
        ? line.points.map((point) => svg("circle", { class: `spot tone-${line.tone}`, cx: x(point.x), cy: y(point.y), r: 3 }))
        : []),
    ]),
    cross,
  );
  return (at) => {
    fill(cross);
    fill(told);
    if (at === null) return;
    const found = chart.lines.map((line) => ({ line, point: findNearest(line.points, at) })).filter((one) => one.point);
    const first = found[0]?.point;
    if (!first) return;
    cross.append(svg("line", { class: "hair", x1: x(first.x), x2: x(first.x), y1: TOP, y2: floor }));
    told.append(`${chart.xName} ${formatCount(first.x)}`);
    for (const { line, point } of found) {
      if (!point) continue;
      cross.append(svg("circle", { class: `spot tone-${line.tone}`, cx: x(point.x), cy: y(point.y), r: 4 }));
      told.append(h("span", { class: `key tone-${line.tone}` }, formatFigure(point.y)));
    }
  };
}

/**
 * @param {LineChart} chart
 * @param {number} width
 */
function makeScales(chart, width) {
  const points = chart.lines.flatMap((line) => line.points);
  const [xLeast, xLast] = spanOf(points.map((point) => point.x));
  const [, yTop] = spanOf(points.map((point) => point.y));
  const xMost = Math.max(xLast, chart.xMost ?? 0, xLeast + 1);
  const yTicks = findTicks(0, chart.yMost ?? Math.max(yTop, 1e-9), 4);
  return {
    x: scale([Math.min(xLeast, 1), xMost], [LEFT, width - RIGHT]),
    y: scale([0, Math.max(yTicks.at(-1) ?? 1, chart.yMost ?? yTop)], [HEIGHT - BOTTOM, TOP]),
    xTicks: findTicks(Math.min(xLeast, 1), xMost, Math.max(2, Math.floor(width / 72))).filter((tick) => Number.isInteger(tick) && tick <= xMost),
    yTicks,
  };
}

/**
 * @param {LineChart} chart
 * @param {number} width
 * @param {number} pixel
 */
function readX(chart, width, pixel) {
  const { x } = makeScales(chart, width);
  const [from, to] = [x.invert(LEFT), x.invert(width - RIGHT)];
  return from + ((pixel - LEFT) / (width - LEFT - RIGHT)) * (to - from);
}

/**
 * @param {LineChart} chart
 * @param {number | null} at
 * @param {string} key
 */
function stepAlong(chart, at, key) {
  const points = chart.lines[0]?.points ?? [];
  const last = points.length - 1;
  if (last < 0) return null;
  const here = at === null ? -1 : points.indexOf(/** @type {Point} */ (findNearest(points, at)));
  const step = { ArrowRight: here + 1, ArrowLeft: here < 0 ? last : here - 1, Home: 0, End: last }[key];
  return step === undefined ? null : (points[Math.min(last, Math.max(0, step))]?.x ?? null);
}

/**
 * @param {readonly Point[]} points by x
 * @param {number} x
 * @returns {Point | undefined}
 */
function findNearest(points, x) {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {Point} */ (points[middle]).x < x) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [points[low - 1], points[low]];
  return before && after && x - before.x < after.x - x ? before : (after ?? before);
}

/**
 * As many marks as there is room for: all, or every second, fifth, tenth …
 *
 * @param {readonly {x: number, name: string}[]} marks
 * @param {(x: number) => number} x
 */
function thinMarks(marks, x) {
  const room = marks.length > 1 ? Math.abs(x(marks[1]?.x ?? 0) - x(marks[0]?.x ?? 0)) : Infinity;
  const every = [1, 2, 5, 10, 20, 50, 100, 1000].find((one) => one * room >= 24) ?? 10_000;
  return marks.filter((_, at) => (at + 1) % every === 0);
}

/**
 * @param {readonly Point[]} points
 * @param {(x: number) => number} x
 * @param {(y: number) => number} y
 */
function tracePath(points, x, y) {
  return points.map((point, at) => `${at ? "L" : "M"}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`).join("");
}

/** @param {readonly number[]} values @returns {[number, number]} */
function spanOf(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return least > most ? [0, 1] : [least, most];
}

/**
 * @param {[number, number]} from
 * @param {[number, number]} to
 */
function scale([low, high], [start, end]) {
  const factor = (end - start) / (high - low || 1);
  return Object.assign((/** @type {number} */ value) => start + (value - low) * factor, {
    invert: (/** @type {number} */ value) => low + (value - start) / factor,
  });
}

/**
 * Round values from `low` to at least `high`, about so many.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {number[]}
 */
export function findTicks(low, high, count) {
  const raw = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((one) => one * power >= raw) ?? 10) * power;
  const ticks = [];
  for (let at = Math.ceil(low / step); ; at += 1) {
    ticks.push(Number((at * step).toPrecision(12)));
    if (at * step >= high) return ticks;
  }
}

/**
 * Figures as a table, made when they are asked for. The first row names the columns.
 *
 * @param {() => string[][]} list
 */
function tableSwitch(list) {
  const place = h("div", { class: "scroll", tabindex: "0" });
  const details = h("details", { class: "figures" }, h("summary", {}, t("chart.table")), place);
  const refresh = () => {
    if (!details.open) return;
    const [head = [], ...rows] = list();
    fill(
      place,
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))),
      ),
    );
  };
  details.addEventListener("toggle", refresh);
  return { element: details, refresh };
}
