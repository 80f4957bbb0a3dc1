/* Figures that answer to sliders. Each kind is a script of its own that calls `handson11.register(name, kind)` with
   - `compute(...arguments)`: the pure formula, the same as the package's;
   - `controls`, each with a `name`: a slider ({min, max, step}, or {min, ratio, steps} on a log scale, and `digits`; or
     {values: [...]}, numbers in rising order), a list to choose from ({options: [...]}, strings that are keys of
     `texts`), or a box to tick ({check: true});
   - `presets`: {name: {control: value}}; `texts`: {en: {...}, ko: {...}} with the same keys;
   - `draw(state, result, tools, text)`: the picture and the table; `tell(state, result, text, show)`: one sentence;
   - `lay(nodes, tools, text)`, if there is one: a node that is made once and keeps its place, with the controls in it
     that it takes from `nodes` by name. `draw` finds it as `tools.laid` and changes what it says. */
(root => {
  "use strict";
  const kinds = {}, NAMESPACE = "http://www.w3.org/2000/svg";
  const show = (x, digits = 2) => x.toFixed(digits).replace(/^-(?=.*[1-9])/, "\u2212").replace(/^-/, "");

  const make = (tag, attributes = {}, ...children) => {
    const drawn = ["svg", "g", "line", "path", "text", "title", "circle", "defs", "marker", "rect"].includes(tag);
    const node = drawn ? document.createElementNS(NAMESPACE, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  const valueOf = ({values, min, ratio}, position) =>
    values ? values[position] : ratio ? min * ratio ** position : position;
  const positionOf = ({values, min, ratio}, value) =>
    values ? values.indexOf(value) : ratio ? Math.round(Math.log(value / min) / Math.log(ratio)) : value;

  const slider = (control, state, text, changed, stopped) => {
    const last = control.values ? control.values.length - 1 : control.steps;
    const input = make("input", control.values || control.ratio
      ? {type: "range", min: 0, max: last, step: 1}
      : {type: "range", min: control.min, max: control.max, step: control.step});
    const output = make("output");
    const read = () => {
      output.textContent = control.values ? String(state[control.name]) : show(state[control.name], control.digits);
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      state[control.name] = valueOf(control, Number(input.value));
      read();
      changed();
    });
    input.addEventListener("change", stopped);
    const place = () => { input.value = positionOf(control, state[control.name]); read(); };
    place();
    return {node: make("label", {}, make("span", {}, text[control.name]), input, output), place};
  };

  // A list to choose from, or a box to tick.
  const choice = ({name, options}, state, text, changed, stopped) => {
    const input = options
      ? make("select", {}, ...options.map(option => make("option", {value: option}, text[option])))
      : make("input", {type: "checkbox"});
    const held = options ? "value" : "checked";
    input.addEventListener("change", () => {
      state[name] = input[held];
      changed();
      stopped();
    });
    const place = () => { input[held] = state[name]; };
    place();
    return {node: make("label", {class: `h11-${options ? "select" : "check"}`}, make("span", {}, text[name]), input), place};
  };

  const same = (found, expected) => typeof expected === "number"
    ? Math.abs(found - expected) <= 1e-9 * Math.max(1, Math.abs(expected))
    : Object.keys(expected).every(key => same(found[key], expected[key]));

  const build = (host, number) => {
    const kind = kinds[host.dataset.h11], image = document.getElementById(host.dataset.for)?.querySelector("img");
    if (!kind || !image) return;
    const {checks, start} = JSON.parse(host.querySelector("script").textContent);
    for (const [given, expected] of checks) {
      if (!same(kind.compute(...given), expected)) console.error(`${host.dataset.for}: not the package's result`, given);
    }
    const language = document.documentElement.lang.slice(0, 2), text = kind.texts[language] ?? kind.texts.en;
    const state = {...start}, tools = {make, show, status: `h11-status-${number}`};
    const picture = make("div", {class: "h11-picture"}), status = make("p", {role: "status", id: tools.status});
    let result, laid;
    const draw = () => {
      result = kind.compute(...kind.controls.map(control => state[control.name]));
      picture.replaceChildren(...kind.draw(state, result, {...tools, laid}, text));
    };
    const stopped = () => { status.textContent = kind.tell(state, result, text, show); };
    const inputs = kind.controls.map(control =>
      (control.options || control.check ? choice : slider)(control, state, text, draw, stopped));
    laid = kind.lay?.(Object.fromEntries(inputs.map(({node}, i) => [kind.controls[i].name, node])), tools, text);
    const buttons = Object.entries({...kind.presets, reset: start}).map(([name, values]) => {
      const button = make("button", {type: "button"}, text[name]);
      button.addEventListener("click", () => {
        Object.assign(state, values);
        for (const {place} of inputs) place();
        draw();
        stopped();
      });
      return button;
    });
    const free = inputs.map(({node}) => node).filter(node => !laid?.contains(node));
    const frame = make("div", {class: "h11-figure", role: "group", "aria-label": text.title},
      laid ? make("div", {class: "h11-beside"}, picture, laid) : picture,
      make("div", {class: "h11-controls"}, ...free, make("div", {}, ...buttons)), status);
    draw();
    stopped();
    const linked = image.closest("a") ?? image;
    linked.before(frame);
    linked.classList.add("h11-static");
  };

  const register = (name, kind) => { kinds[name] = kind; };
  if (typeof module !== "undefined") {
    module.exports = {register: (name, kind) => { module.exports[name] = kind; }};
    return;
  }
  root.handson11 = {register};
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("div[data-h11]").forEach(build));
})(typeof window === "undefined" ? globalThis : window);
