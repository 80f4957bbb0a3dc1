/* Follow six optimizers over one cost surface, each at its own learning rate. The arithmetic stands in the order of
   the package (`step` of each optimizer, `trajectory`, the gradients of `surfaces`), so that the paths are the same. */
(register => {
  "use strict";
  const NAMES = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"];
  const STEPS = 150, GOAL = 0.05, BETA = 0.9, RHO = 0.9, BETA_2 = 0.999, EPSILON = 1e-7, ACCUMULATOR = 0.1, B = 10;
  const HALF = Math.SQRT1_2;  // the cosine and the sine of 45 degrees

  // Of each surface: cost, gradient, minima, the start and the middle of the picture. k is the condition number.
  const SURFACES = {
    valley: {
      cost: (x, y, k) => 0.5 * (x * x + k * (y * y)), gradient: (x, y, k) => [x, k * y],
      minima: [[0, 0]], start: [-1.8, 0.6], middle: [0, 0],
    },
    saddle: {
      cost: (x, y) => 0.5 * (x * x) - 0.5 * (y * y) + 0.25 * (y * y * y * y), gradient: (x, y) => [x, y * y * y - y],
      minima: [[0, -1], [0, 1]], start: [-1.5, 0.02], middle: [0, 0],
    },
    rosenbrock: {
      cost: (x, y) => (1 - x) * (1 - x) + B * ((y - x * x) * (y - x * x)),
      gradient: (x, y) => [-2 * (1 - x) - 4 * B * x * (y - x * x), 2 * B * (y - x * x)],
      minima: [[1, 1]], start: [-1.2, 1], middle: [0, 0.5],
    },
  };
  const there = ([x, y]) => [x * HALF + y * -HALF, x * HALF + y * HALF];  // turned by 45 degrees
  const back = ([x, y]) => [x * HALF + y * HALF, x * -HALF + y * HALF];

  // The surface as the reader set it: functions of one position.
  const surfaceOf = (name, turned, k) => {
    const {cost, gradient, minima, start, middle} = SURFACES[name];
    const place = turned ? there : point => point, home = turned ? back : point => point;
    return {
      cost: point => cost(...home(point), k), gradient: point => place(gradient(...home(point), k)),
      minima: minima.map(place), start: place(start), middle: place(middle), lowest: cost(...minima[0], k),
    };
  };

  // One weight: the gradient, the number of the update, the rate and what is remembered -> [change, memory].
  const momentum = (g, t, rate, [m]) => { m = BETA * m - rate * g; return [m, [m]]; };
  const RULES = {
    sgd: (g, t, rate) => [-rate * g, []],
    momentum,
    nesterov: (g, t, rate, [m]) => { m = BETA * m - rate * g; return [BETA * m - rate * g, [m]]; },
    adagrad: (g, t, rate, [s]) => { s = s + g * g; return [-rate * g / Math.sqrt(s + EPSILON), [s]]; },
    rmsprop: (g, t, rate, [s]) => {
      s = RHO * s + (1 - RHO) * (g * g);
      return [-rate * g / Math.sqrt(s + EPSILON), [s]];
    },
    adam: (g, t, rate, [m, s]) => {
      m = m + (1 - BETA) * (g - m);
      s = s + (1 - BETA_2) * (g * g - s);
      const corrected = rate * Math.sqrt(1 - BETA_2 ** t) / (1 - BETA ** t);
      return [-corrected * m / (Math.sqrt(s) + EPSILON), [m, s]];
    },
  };

  const follow = (name, rate, {gradient, start}) => {
    const first = name === "adagrad" ? [ACCUMULATOR] : [0, 0];
    let at = start, memory = [first, first];
    const path = [start];
    for (let t = 1; t <= STEPS; t++) {
      const moved = gradient(at).map((g, i) => RULES[name](g, t, rate, memory[i]));
      at = at.map((part, i) => part + moved[i][0]);
      memory = moved.map(([, kept]) => kept);
      // Nesterov's rule stores theta + beta m; drawn is theta.
      path.push(name === "nesterov" ? at.map((part, i) => part - BETA * memory[i][0]) : at);
    }
    return path;
  };

  // The number of steps after which the path stays at the goal, or null.
  const settled = (path, minima) => {
    const away = ([x, y]) => !minima.some(([a, b]) => Math.sqrt((x - a) * (x - a) + (y - b) * (y - b)) <= GOAL);
    const last = path.findLastIndex(away);
    return last === STEPS ? null : last + 1;
  };

  const compute = (step, surface, turned, k, ...rates) => {
    const here = surfaceOf(surface, turned, k), result = {here, paths: {}, now: {}, costs: {}, steps: {}};
    NAMES.forEach((name, i) => {
      const path = follow(name, rates[i], here);
      result.paths[name] = path;
      result.now[name] = path[step];
      result.costs[name] = here.cost(path[step]) - here.lowest;
      result.steps[name] = settled(path, here.minima);
    });
    return result;
  };

  const REACH = 2, CELLS = 64, LEVELS = 11;  // the picture: half its side in weights, the grid of the contour lines
  const contours = ({cost, middle}) => {
    const place = i => (i / CELLS - 0.5) * 2 * REACH;
    const rows = Array.from({length: CELLS + 1}, (_, j) => Array.from({length: CELLS + 1}, (_, i) =>
      cost([middle[0] + place(i), middle[1] + place(j)])));
    const low = Math.min(...rows.flat()), high = Math.max(...rows.flat());
    return Array.from({length: LEVELS}, (_, n) => {
      const level = low + (high - low) * ((n + 1) / (LEVELS + 1)) ** 3;
      let line = "";
      for (let j = 0; j < CELLS; j++) for (let i = 0; i < CELLS; i++) {
        // The points at which the level crosses the four edges of this square, in pairs.
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]], crossed = [];
        corners.forEach(([a, b], c) => {
          const [d, e] = corners[(c + 1) % 4], one = rows[b][a] - level, other = rows[e][d] - level;
          if (one < 0 === other < 0) return;
          const share = one / (one - other);
          crossed.push(`${point(a + share * (d - a))} ${point(CELLS - b - share * (e - b))}`);
        });
        for (let c = 0; c < crossed.length; c += 2) line += `M${crossed[c]}L${crossed[c + 1]}`;
      }
      return line;
    });
  };
  const SIZE = 320, point = cells => (cells * SIZE / CELLS).toFixed(1);

  const MARKS = {
    sgd: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z", momentum: "M0-5.5 5 4H-5Z", nesterov: "M0 5.5 5-4H-5Z",
    adagrad: "M0-6 5 0 0 6-5 0Z", rmsprop: "M-2-5h4v3h3v4h-3v3h-4v-3h-3v-4h3Z", adam: "M-4-4h8v8h-8Z",
  };
  const kept = {};  // the contour lines drawn last
  const draw = (state, {here, paths, now, costs, steps}, {make, show, status, laid}, text) => {
    const key = [state.surface, state.turned, state.condition].join();
    if (kept.key !== key) Object.assign(kept, {key, lines: contours(here)});
    const x = ([a]) => ((a - here.middle[0]) / REACH + 1) * SIZE / 2;
    const y = ([, b]) => (1 - (b - here.middle[1]) / REACH) * SIZE / 2;
    const inside = at => Math.abs(x(at)) < 1e4 && Math.abs(y(at)) < 1e4;
    const shown = NAMES.filter(name => state[`show_${name}`]);
    const lines = shown.map(name => {
      const walked = paths[name].slice(0, state.step + 1), end = walked.findIndex(at => !inside(at));
      return make("path", {class: `h11-path h11-${name}`,
        d: `M${walked.slice(0, end < 0 ? undefined : end).map(at => `${x(at).toFixed(1)} ${y(at).toFixed(1)}`).join("L")}`});
    });
    const ends = shown.filter(name => inside(now[name])).map(name => make("path", {
      class: `h11-mark h11-${name}`, d: MARKS[name], transform: `translate(${x(now[name])} ${y(now[name])})`}));
    for (const name of NAMES) {
      const [cost, count] = laid.querySelectorAll(`[data-row=${name}] td:not(:first-of-type)`);
      cost.textContent = written(costs[name], show, text);
      count.textContent = steps[name] ?? `> ${STEPS}`;
    }
    return [make("svg", {viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-describedby": status, class: "h11-map"},
      make("title", {}, text.title),
      ...kept.lines.map(d => make("path", {class: "h11-contour", d})),
      ...here.minima.map(at => make("circle", {class: "h11-limit", cx: x(at), cy: y(at), r: GOAL / REACH * SIZE / 2})),
      ...lines, ...ends,
      make("text", {x: x(here.start), y: y(here.start) - 9, "text-anchor": "middle"}, text.start))];
  };

  // Small costs with a power of ten; a path that leaves has none.
  const written = (cost, show, text) => {
    if (!(Math.abs(cost) < 1e6)) return text.diverges;
    return Math.abs(cost) < 0.01 ? cost.toExponential(0).replaceAll("-", "\u2212").replace("e+0", "") : show(cost, 2);
  };

  // The table holds the controls of each optimizer, and so it is made only once.
  const lay = (nodes, {make}, text) => make("table", {class: "h11-table"},
    make("thead", {}, make("tr", {}, ...["optimizer", "rate", "cost", "steps"].map(name =>
      make("th", {scope: "col"}, text[name])))),
    make("tbody", {}, ...NAMES.map(name => {
      nodes[`show_${name}`].append(make("svg", {viewBox: "0 0 32 14", class: "h11-sign", "aria-hidden": "true"},
        make("path", {class: `h11-path h11-${name}`, d: "M1 7H31"}),
        make("path", {class: `h11-mark h11-${name}`, d: MARKS[name], transform: "translate(16 7)"})));
      return make("tr", {"data-row": name}, make("th", {scope: "row"}, nodes[`show_${name}`]),
        make("td", {}, nodes[name]), make("td"), make("td"));
    })));

  const tell = (state, {costs, steps}, text, show) => {
    const shown = NAMES.filter(name => state[`show_${name}`]), known = name => costs[name] < 1e6;
    const best = shown.filter(known).sort((a, b) => costs[a] - costs[b])[0];
    const told = {
      w: [text[state.surface], ...(state.turned ? [text.turned] : []),
        ...(state.surface === "valley" ? [`\u03ba = ${state.condition}`] : [])].join(", "),
      l: shown.map(name => `${text[`show_${name}`]} ${steps[name] ?? `> ${STEPS}`}`).join(", ") || "\u2013",
      n: state.step, c: best ? written(costs[best], show, text) : "\u2013", b: best ? text[`show_${best}`] : "\u2013",
    };
    return text.told.replace(/{(\w)}/g, (_, key) => told[key]);
  };

  const RATES = [-3, -2, -1, 0].flatMap(power =>
    [1, 1.3, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 7.9].map(digits => Number(`${digits}e${power}`)));
  const rates = values => Object.fromEntries(NAMES.map((name, i) => [name, values[i]]));
  register("paths", {
    compute,
    controls: [
      {name: "step", min: 0, max: STEPS, step: 1, digits: 0},
      {name: "surface", options: Object.keys(SURFACES)},
      {name: "turned", check: true},
      {name: "condition", values: [1, 2, 5, 10, 20, 50, 100]},
      ...NAMES.map(name => ({name, values: RATES})),
      ...NAMES.map(name => ({name: `show_${name}`, check: true})),
    ],
    // The rates with the fewest steps to the goal on this grid; where none arrives, with the nearest end.
    presets: {
      to_saddle: {surface: "saddle", turned: false, step: STEPS, ...rates([1, 0.079, 0.5, 3.2, 0.025, 0.04])},
      to_rosenbrock: {surface: "rosenbrock", turned: false, step: STEPS, ...rates([0.025, 0.016, 0.0063, 1.3, 0.04, 1])},
    },
    draw, lay, tell,
    texts: {
      en: {
        title: "Paths of six optimizers on a map of the cost", step: "step", surface: "surface", turned: "turned by 45\u00b0",
        condition: "condition number \u03ba (long valley only)", valley: "long valley", saddle: "saddle between two minima",
        rosenbrock: "Rosenbrock, b = 10", start: "start", optimizer: "optimizer", rate: "rate \u03b7", cost: "cost", steps: "to goal",
        diverges: "diverges", to_saddle: "Saddle, tuned", to_rosenbrock: "Rosenbrock, tuned", reset: "Reset",
        sgd: "rate of SGD", momentum: "rate of momentum", nesterov: "rate of Nesterov",
        adagrad: "rate of AdaGrad", rmsprop: "rate of RMSProp", adam: "rate of Adam",
        show_sgd: "SGD", show_momentum: "momentum", show_nesterov: "Nesterov", show_adagrad: "AdaGrad",
        show_rmsprop: "RMSProp", show_adam: "Adam",
        told: "{w}. Steps until the path stays within 0.05 of a minimum: {l}. After step {n} the lowest cost above the minimum is {c} ({b}).",
      },
      ko: {
        title: "\ube44\uc6a9\uc758 \ub4f1\uace0\uc120 \uc9c0\ub3c4 \uc704 \uc5ec\uc12f \uc635\ud2f0\ub9c8\uc774\uc800\uc758 \uacbd\ub85c", step: "\uc2a4\ud15d", surface: "\uace1\uba74", turned: "45\u00b0 \ud68c\uc804",
        condition: "\uc870\uac74\uc218 \u03ba (\uae34 \uace8\uc9dc\uae30\uc5d0\uc11c\ub9cc)", valley: "\uae34 \uace8\uc9dc\uae30", saddle: "\ub450 \ucd5c\uc18c\uc810 \uc0ac\uc774\uc758 \uc548\uc7a5\uc810",
        rosenbrock: "\ub85c\uc820\ube0c\ub85d, b = 10", start: "\uc2dc\uc791", optimizer: "\uc635\ud2f0\ub9c8\uc774\uc800", rate: "\ud559\uc2b5\ub960 \u03b7", cost: "\ube44\uc6a9", steps: "\ubaa9\ud45c\uae4c\uc9c0",
        diverges: "\ubc1c\uc0b0", to_saddle: "\uc548\uc7a5\uc810, \uc870\uc815\ub41c \ud559\uc2b5\ub960", to_rosenbrock: "\ub85c\uc820\ube0c\ub85d, \uc870\uc815\ub41c \ud559\uc2b5\ub960", reset: "\ucc98\uc74c\uc73c\ub85c",
        sgd: "SGD \ud559\uc2b5\ub960", momentum: "\ubaa8\uba58\ud140 \ud559\uc2b5\ub960", nesterov: "\ub124\uc2a4\ud14c\ub85c\ud504 \ud559\uc2b5\ub960",
        adagrad: "AdaGrad \ud559\uc2b5\ub960", rmsprop: "RMSProp \ud559\uc2b5\ub960", adam: "Adam \ud559\uc2b5\ub960",
        show_sgd: "SGD", show_momentum: "\ubaa8\uba58\ud140", show_nesterov: "\ub124\uc2a4\ud14c\ub85c\ud504", show_adagrad: "AdaGrad",
        show_rmsprop: "RMSProp", show_adam: "Adam",
        told: "{w}. \uacbd\ub85c\uac00 \ucd5c\uc18c\uc810\uc5d0\uc11c 0.05 \uc774\ub0b4\uc5d0 \uba38\ubb3c\uae30\uae4c\uc9c0\uc758 \uc2a4\ud15d \uc218: {l}. \uc2a4\ud15d {n}\uc5d0\uc11c \ucd5c\uc19f\uac12\ubcf4\ub2e4 \ub192\uc740 \ube44\uc6a9\uc774 \uac00\uc7a5 \uc791\uc740 \uac83\uc740 {c} ({b})\uc785\ub2c8\ub2e4.",
      },
    },
  });
})(typeof module === "undefined" ? window.handson11.register : require("./interactive.js").register);
