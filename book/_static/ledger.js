/* The filter of the ledger page. Without this script every claim is shown and the filter is not. */
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("claims-filter");
  if (!form) return;
  const selects = [...form.querySelectorAll("select")];
  const status = form.querySelector("[role=status]");
  const claims = [...document.querySelectorAll("section.claim")];
  const sections = [...document.querySelectorAll("section.claims-section")];

  // The choice "11.1" of the field "section" shows what has the class "section-11-1".
  const chosen = () => selects.filter(select => select.value)
    .map(select => `${select.name}-${select.value.replaceAll(".", "-")}`);

  const apply = () => {
    for (const claim of claims) claim.hidden = !chosen().every(name => claim.classList.contains(name));
    for (const section of sections) section.hidden = !section.querySelector("section.claim:not([hidden])");
    const n = claims.filter(claim => !claim.hidden).length;
    status.textContent = `${n} of ${claims.length} claims ${n === 1 ? "is" : "are"} shown.`;
  };

  const remember = () => {
    const state = selects.filter(select => select.value).map(select => `${select.name}=${select.value}`).join("&");
    history.replaceState(null, "", state ? `#${state}` : location.pathname + location.search);
  };

  // "#verdict=refuted&section=11.1" sets the filter; "#cl-10" shows that claim, whatever the filter was.
  const read = () => {
    const address = decodeURIComponent(location.hash.slice(1));
    const target = document.getElementById(address);
    if (address.includes("=")) {
      const state = new URLSearchParams(address);
      for (const select of selects) {
        const value = state.get(select.name) ?? "";
        select.value = [...select.options].some(option => option.value === value) ? value : "";
      }
    } else if (target?.closest("[hidden]")) {
      for (const select of selects) select.value = "";
    }
    apply();
    if (target && !address.includes("=")) target.scrollIntoView();
  };

  form.addEventListener("change", () => { apply(); remember(); });
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", event => {
    event.preventDefault();
    for (const select of selects) select.value = "";
    apply();
    remember();
  });
  window.addEventListener("hashchange", read);
  form.hidden = false;
  read();

  // Paper shows everything.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.claim-details:not([open])")];
    for (const box of closed) box.open = true;
  });
  window.addEventListener("afterprint", () => { for (const box of closed) box.open = false; });
});
