/* Clip a gradient of three numbers in two variables, (g1, g2) and (h), in three ways. */
(register => {
  "use strict";
  const length = parts => Math.sqrt(parts.reduce((sum, part) => sum + part * part, 0));
  const shorten = (parts, threshold) => {
    const norm = length(parts);
    return norm > threshold ? parts.map(part => part * (threshold / norm)) : [...parts];
  };
  // The angle between two vectors in degrees, exact for small angles too; 0 if one of them has no length.
  const angle = (a, b) => {
    const u = length(a), v = length(b);
    if (u === 0 || v === 0) return 0;
    const apart = length(a.map((part, i) => part / u - b[i] / v)), along = length(a.map((part, i) => part / u + b[i] / v));
    return 2 * Math.atan2(apart, along) * 180 / Math.PI;
  };

  const compute = (g1, g2, h, threshold) => {
    const whole = [g1, g2, h];
    const value = whole.map(part => Math.min(Math.max(part, -threshold), threshold));
    const norm = [...shorten([g1, g2], threshold), ...shorten([h], threshold)];
    const global = shorten(whole, threshold);
    return {value, norm, global, angles: [value, norm, global].map(clipped => angle(whole, clipped))};
  };

  const WAYS = ["value", "norm", "global"];
  const draw = ({g1, g2, h, threshold}, result, {make, show, status}, text) => {
    const reach = 1.25 * Math.max(...WAYS.flatMap(way => result[way].slice(0, 2).map(Math.abs)), 1e-9);
    const size = 150, x = part => size * part / reach, y = part => -size * part / reach;
    const limit = x(threshold), outside = Math.max(Math.abs(g1), Math.abs(g2)) / reach;
    const [ex, ey] = outside > 1 ? [g1 / outside, g2 / outside] : [g1, g2];
    const arrow = (way, [a, b], head = true) => make("g", {class: `h11-arrow h11-${way}`},
      make("line", {x1: 0, y1: 0, x2: x(a), y2: y(b)}),
      ...(head ? [make("circle", {cx: x(a), cy: y(b), r: {value: 7, norm: 5.5, global: 4}[way] ?? 4})] : []));
    const picture = make("svg", {viewBox: "-160 -160 320 320", role: "img", "aria-describedby": status},
      make("title", {}, text.title),
      make("line", {class: "h11-axis", x1: -155, y1: 0, x2: 155, y2: 0}),
      make("line", {class: "h11-axis", x1: 0, y1: -155, x2: 0, y2: 155}),
      ...(limit < 155 ? [
        make("rect", {class: "h11-limit", x: -limit, y: -limit, width: 2 * limit, height: 2 * limit}),
        make("circle", {class: "h11-limit", cx: 0, cy: 0, r: limit}),
      ] : []),
      make("text", {x: 152, y: 14, "text-anchor": "end"}, "g\u2081"),
      make("text", {x: 8, y: -145}, "g\u2082"),
      make("text", {x: 152, y: -6, "text-anchor": "end"}, show(reach, 1)),
      arrow("original", [ex, ey], outside <= 1),
      ...WAYS.map(way => arrow(way, result[way])));
    const row = (name, way, parts, turned) => make("tr", {},
      make("th", {scope: "row"}, make("span", {class: `h11-key h11-${way}`, "aria-hidden": "true"}), name),
      ...parts.map(part => make("td", {}, show(part, 2))), make("td", {}, turned));
    const table = make("table", {},
      make("thead", {}, make("tr", {}, ...["", "g\u2081", "g\u2082", "h", text.turned].map((name, i) =>
        make(i ? "th" : "td", i ? {scope: "col"} : {}, name)))),
      make("tbody", {}, row(text.original, "original", [g1, g2, h], "\u2013"),
        ...WAYS.map((way, i) => row(text[way], way, result[way], `${show(result.angles[i], 1)}\u00b0`))));
    return [picture, table];
  };

  register("clip", {
    compute,
    controls: [
      {name: "g1", min: -10, max: 10, step: 0.1, digits: 1},
      {name: "g2", min: -100, max: 100, step: 0.5, digits: 1},
      {name: "h", min: -10, max: 10, step: 0.1, digits: 1},
      {name: "threshold", min: 0.1, ratio: 10 ** 0.05, steps: 60, digits: 2},
    ],
    presets: {},
    draw,
    tell: ({threshold}, {angles}, text, show) => text.told
      .replace("{c}", show(threshold)).replace(/{(\d)}/g, (_, i) => show(angles[i], 1)),
    texts: {
      en: {
        title: "Clip a gradient in three ways", g1: "g\u2081", g2: "g\u2082", h: "h, the second variable", threshold: "threshold c",
        original: "gradient", value: "by value", norm: "by norm, each variable", global: "by global norm",
        turned: "turned", reset: "Reset",
        told: "With the threshold {c} the whole gradient is turned by {0}\u00b0 by value, {1}\u00b0 by the norm of each variable, "
          + "{2}\u00b0 by the global norm.",
      },
      ko: {
        title: "\uadf8\ub798\ub514\uc5b8\ud2b8\ub97c \uc138 \uac00\uc9c0\ub85c \ud074\ub9ac\ud551\ud558\uae30", g1: "g\u2081", g2: "g\u2082",
        h: "h, \ub450 \ubc88\uc9f8 \ubcc0\uc218", threshold: "\uc784\uacd7\uac12 c",
        original: "\uadf8\ub798\ub514\uc5b8\ud2b8", value: "\uac12\uc73c\ub85c", norm: "\ubcc0\uc218\ub9c8\ub2e4 \ub178\ub984\uc73c\ub85c",
        global: "\uc804\uc5ed \ub178\ub984\uc73c\ub85c", turned: "\ud68c\uc804\uac01", reset: "\ucc98\uc74c\uc73c\ub85c",
        told: "\uc784\uacd7\uac12 {c}\uc5d0\uc11c \uc804\uccb4 \uadf8\ub798\ub514\uc5b8\ud2b8\ub294 \uac12 {0}\u00b0, \ubcc0\uc218\ubcc4 \ub178\ub984 {1}\u00b0, \uc804\uc5ed \ub178\ub984 {2}\u00b0 \ub9cc\ud07c \ub3cc\uc544\uac11\ub2c8\ub2e4.",
      },
    },
  });
})(typeof module === "undefined" ? window.handson11.register : require("./interactive.js").register);
