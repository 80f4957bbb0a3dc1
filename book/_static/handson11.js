/* Wide tables scroll inside their own box, which the keyboard can reach, so that a narrow page never scrolls sideways. */
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".bd-article table")) {
    const box = document.createElement("div");
    box.className = "table-scroll";
    table.replaceWith(box);
    box.append(table);
    const reachable = () => {
      const wide = box.scrollWidth > box.clientWidth;
      for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", "Table, scroll sideways"]]) {
        if (wide) box.setAttribute(name, value); else box.removeAttribute(name);
      }
    };
    new ResizeObserver(reachable).observe(box);
  }
});
