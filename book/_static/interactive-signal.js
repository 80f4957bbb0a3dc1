/* Send two inputs up through 50 layers of random weights, and a gradient down. */
(register => {
  "use strict";
  const WIDTH = 100, DEEPEST = 50, ALPHA = 1.6732632423543772, SCALE = 1.0507009873554805;
  const logistic = z => { const e = Math.exp(-Math.abs(z)); return (z >= 0 ? 1 : e) / (1 + e); };
  // Each activation with its slope; at a kink the slope from the left.
  const ACTIVATIONS = {
    linear: [z => z, () => 1],
    relu: [z => Math.max(z, 0), z => z > 0 ? 1 : 0],
    leaky_relu: [z => z > 0 ? z : 0.2 * z, z => z > 0 ? 1 : 0.2],
    tanh: [Math.tanh, z => 1 - Math.tanh(z) ** 2],
    sigmoid: [logistic, z => logistic(z) * logistic(-z)],
    selu: [z => SCALE * (z > 0 ? z : ALPHA * Math.expm1(z)), z => SCALE * (z > 0 ? 1 : ALPHA * Math.exp(z))],
  };

  // Numbers of a uniform law with mean 0 and variance 1 from Mulberry32; the last seed's are kept.
  let kept = {seed: null, numbers: new Float64Array((3 + DEEPEST * WIDTH) * WIDTH)};
  const drawn = seed => {
    if (kept.seed === seed) return kept.numbers;
    for (let i = 0, counter = seed; i < kept.numbers.length; i++) {
      counter = (counter + 0x6D2B79F5) | 0;
      let t = Math.imul(counter ^ (counter >>> 15), counter | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      kept.numbers[i] = Math.sqrt(3) * (2 * (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) - 1);
    }
    kept.seed = seed;
    return kept.numbers;
  };

  const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanProduct = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0) / a.length;
  const rms = values => Math.sqrt(meanProduct(values, values));
  const centred = values => { const middle = mean(values); return values.map(value => value - middle); };
  const scaled = (values, factor) => values.map(value => value * factor);
  const std = ([a, b]) => rms(centred([...a, ...b]));
  const correlation = ([a, b]) => {
    const u = centred(a), v = centred(b);
    return meanProduct(u, v) / (rms(u) * rms(v));
  };
  // Two inputs with mean 0, standard deviation 1 and correlation 0.9.
  const twoInputs = (first, second) => {
    let u = centred(first), v = centred(second);
    u = scaled(u, 1 / rms(u));
    const along = meanProduct(u, v);
    v = v.map((value, i) => value - along * u[i]);
    v = scaled(v, 1 / rms(v));
    return [u, u.map((value, i) => 0.9 * value + Math.sqrt(1 - 0.9 ** 2) * v[i])];
  };

  const compute = (activation, gain, depth, seed) => {
    const numbers = drawn(seed), [f, slope] = ACTIVATIONS[activation], scale = gain / Math.sqrt(WIDTH);
    const row = i => numbers.slice(i * WIDTH, (i + 1) * WIDTH);
    const outputs = [twoInputs(row(0), row(1))], slopes = [];
    for (let layer = 0; layer < depth; layer++) {
      const sums = outputs[layer].map(input => {
        const z = new Float64Array(WIDTH);
        for (let i = 0, at = (3 + layer * WIDTH) * WIDTH; i < WIDTH; i++) {
          let sum = 0;
          for (let j = 0; j < WIDTH; j++) sum += scale * numbers[at++] * input[j];
          z[i] = sum;
        }
        return z;
      });
      outputs.push(sums.map(z => z.map(f)));
      slopes.push(sums.map(z => z.map(slope)));
    }
    const start = scaled(row(2), 1 / rms(row(2))), gradients = [[start, start]];
    for (let layer = depth - 1; layer >= 0; layer--) {
      gradients.unshift(gradients[0].map((above, k) => {
        const below = new Float64Array(WIDTH);
        for (let i = 0, at = (3 + layer * WIDTH) * WIDTH; i < WIDTH; i++) {
          const error = above[i] * slopes[layer][k][i];
          for (let j = 0; j < WIDTH; j++) below[j] += scale * numbers[at++] * error;
        }
        return below;
      }));
    }
    return {
      std: outputs.map(std), gradient: gradients.map(([a, b]) => rms([...a, ...b])), correlation: outputs.map(correlation),
    };
  };

  const power = exponent => "10" + String(exponent).replace(/./g, c => c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]);
  const size = (x, show) => {
    if (x >= 0.01 && x < 999.5) return show(x, x < 9.995 ? 2 : x < 99.95 ? 1 : 0);
    const [digits, exponent] = x.toExponential(1).split("e");
    return `${digits}\u00b7${power(Number(exponent))}`;
  };

  const LEFT = 44, RIGHT = 352, TOP = 24, MIDDLE = 182, LOW = 214, BOTTOM = 304;
  const SERIES = ["std", "gradient", "correlation"];
  const mark = (make, series, x, y) => series === "std" ? make("circle", {cx: x, cy: y, r: 3.5})
    : series === "gradient" ? make("rect", {x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4})
      : make("path", {d: `M${x} ${y - 4.6}l4.3 7.6h-8.6z`});

  const draw = ({depth}, result, {make, show, status}, text) => {
    const logs = [...result.std, ...result.gradient].map(value => Math.log10(Math.max(value, 1e-99)));
    const low = Math.min(-2, Math.floor(Math.min(...logs))), high = Math.max(2, Math.ceil(Math.max(...logs)));
    const step = [1, 2, 5, 10, 20].find(width => (high - low) / width <= 6);
    const x = layer => LEFT + 8 + (RIGHT - LEFT - 14) * layer / depth;
    const y = {
      std: value => MIDDLE + (TOP - MIDDLE) * (Math.log10(Math.max(value, 1e-99)) - low) / (high - low),
      correlation: value => BOTTOM + (LOW - BOTTOM) * (value + 1) / 2,
    };
    y.gradient = y.std;
    const write = (at, down, words, anchor = "start") => make("text", {x: at, y: down, "text-anchor": anchor}, words);
    const across = (down, words) => [
      make("line", {class: "h11-axis", x1: LEFT, x2: RIGHT, y1: down, y2: down}), write(LEFT - 5, down + 4, words, "end"),
    ];
    const tens = [];
    for (let exponent = Math.ceil(low / step) * step; exponent <= high; exponent += step) tens.push(exponent);
    const layers = Array.from({length: depth + 1}, (_, layer) => layer);
    const space = depth > 25 ? 10 : depth > 8 ? 5 : 1, spots = Math.max(1, Math.round(depth / 8));
    const curve = series => make("g", {class: `h11-line h11-${series}`},
      make("path", {d: layers.map(layer => `${layer ? "L" : "M"}${x(layer).toFixed(1)} ${y[series](result[series][layer]).toFixed(1)}`).join("")}),
      ...layers.filter(layer => layer % spots === 0).map(layer => mark(make, series, x(layer), y[series](result[series][layer]))));
    const legend = (series, at, down) => [make("g", {class: `h11-line h11-${series}`},
      make("path", {d: `M${at} ${down - 4}h22`}), mark(make, series, at + 11, down - 4)), write(at + 28, down, text[series])];
    const picture = make("svg", {class: "h11-signal", viewBox: "0 0 360 340", role: "img", "aria-describedby": status},
      make("title", {}, text.title),
      make("rect", {class: "h11-good", x: LEFT, width: RIGHT - LEFT, y: y.std(10), height: y.std(0.1) - y.std(10)}),
      ...tens.flatMap(exponent => across(y.std(10 ** exponent), power(exponent))),
      ...[-1, -0.5, 0, 0.5, 1].flatMap(value => across(y.correlation(value), show(value, 1))),
      ...layers.filter(layer => layer % space === 0).map(layer => write(x(layer), BOTTOM + 16, String(layer), "middle")),
      write((LEFT + RIGHT) / 2, BOTTOM + 32, text.layer, "middle"),
      ...legend("std", LEFT, 14), ...legend("gradient", 200, 14), ...legend("correlation", LEFT, LOW - 10),
      ...SERIES.map(curve));
    const key = series => make("span", {class: `h11-key h11-${series}`, "aria-hidden": "true"});
    const rows = layers.filter(layer => layer === depth || layer === 1 || layer % (depth > 8 ? 10 : 2) === 0);
    const table = make("table", {},
      make("thead", {}, make("tr", {}, make("th", {scope: "col"}, text.layer),
        ...SERIES.map(series => make("th", {scope: "col"}, key(series), text[series])))),
      make("tbody", {}, ...rows.map(layer => make("tr", {}, make("th", {scope: "row"}, String(layer)),
        make("td", {}, size(result.std[layer], show)), make("td", {}, size(result.gradient[layer], show)),
        make("td", {}, show(result.correlation[layer], 2))))));
    return [picture, table];
  };

  register("signal", {
    compute,
    controls: [
      {name: "activation", options: Object.keys(ACTIVATIONS)},
      {name: "gain", min: 0.5, ratio: 2 ** (1 / 16), steps: 80, digits: 2},
      {name: "depth", min: 1, max: DEEPEST, step: 1, digits: 0},
      {name: "seed", min: 1, max: 5, step: 1, digits: 0},
    ],
    presets: {lecun: {gain: 1}, he: {gain: Math.SQRT2}},
    draw,
    tell: ({activation, gain, depth}, result, text, show) => {
      const values = {
        a: text[activation], g: show(gain, 2), d: depth, s: size(result.std[depth], show),
        b: size(result.gradient[0], show), c: show(result.correlation[depth], 2),
      };
      return text.told.replace(/{(\w)}/g, (_, name) => values[name]);
    },
    texts: {
      en: {
        title: "A signal and its gradient through a deep network",
        activation: "activation", gain: "gain g of the weights", depth: "number of layers", seed: "draw of the weights",
        linear: "none", relu: "ReLU", leaky_relu: "leaky ReLU, slope 0.2", tanh: "tanh", sigmoid: "logistic", selu: "SELU",
        lecun: "LeCun, Glorot: g = 1", he: "He: g = \u221a2", reset: "Reset", layer: "layer",
        std: "std of outputs", gradient: "gradient", correlation: "correlation",
        told: "{a}, gain {g}, {d} layers. Last layer: standard deviation {s}, correlation {c} (inputs: 1.00 and 0.90). "
          + "Gradient at the inputs: {b} (last layer: 1.00).",
      },
      ko: {
        title: "\uae4a\uc740 \uc2e0\uacbd\ub9dd\uc744 \uc9c0\ub098\ub294 \uc2e0\ud638\uc640 \uadf8\ub798\ub514\uc5b8\ud2b8",
        activation: "\ud65c\uc131\ud654 \ud568\uc218", gain: "\uac00\uc911\uce58\uc758 \uc774\ub4dd g", depth: "\uce35\uc758 \uc218", seed: "\uac00\uc911\uce58 \ucd94\ucca8",
        linear: "\uc5c6\uc74c", relu: "ReLU", leaky_relu: "leaky ReLU, \uae30\uc6b8\uae30 0.2", tanh: "tanh", sigmoid: "\ub85c\uc9c0\uc2a4\ud2f1", selu: "SELU",
        lecun: "LeCun, Glorot: g = 1", he: "He: g = \u221a2", reset: "\ucc98\uc74c\uc73c\ub85c", layer: "\uce35",
        std: "\ucd9c\ub825\uc758 \ud45c\uc900\ud3b8\ucc28", gradient: "\uadf8\ub798\ub514\uc5b8\ud2b8", correlation: "\uc0c1\uad00\uacc4\uc218",
        told: "{a}, \uc774\ub4dd {g}, {d}\uac1c \uce35. \ub9c8\uc9c0\ub9c9 \uce35: \ud45c\uc900\ud3b8\ucc28 {s}, \uc0c1\uad00\uacc4\uc218 {c} (\uc785\ub825: 1.00, 0.90). "
          + "\uc785\ub825\uc5d0\uc11c\uc758 \uadf8\ub798\ub514\uc5b8\ud2b8: {b} (\ub9c8\uc9c0\ub9c9 \uce35: 1.00).",
      },
    },
  });
})(typeof module === "undefined" ? window.handson11.register : require("./interactive.js").register);
