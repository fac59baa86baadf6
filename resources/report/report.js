// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const list = by("list");
  const rows = [...list.children].map((node) => {
    const text = (name) => (node.querySelector("summary ." + name)?.textContent ?? "").toLowerCase();
    return {
      node,
      text: node.textContent.toLowerCase(),
      arches: [...node.querySelectorAll("summary .on i")].map((i) => i.textContent),
      verdict: node.dataset.verdict,
      stand: node.dataset.stand.split(" "),
      order: Number(node.dataset.order),
      risk: Number(node.dataset.risk),
      object: text("object"), need: text("need"), package: text("package"),
    };
  });
  const search = by("search"), arch = by("arch"), stand = by("stand"), sort = by("sort");
  const chips = [...document.querySelectorAll(".chip")];
  const controls = [search, arch, stand, sort];

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = new Set(chips.filter((c) => c.getAttribute("aria-pressed") === "false").map((c) => c.dataset.verdict));
    let shown = 0;
    for (const row of rows) {
      const keep = !off.has(row.verdict)
        && (!arch.value || row.arches.includes(arch.value))
        && (!stand.value || row.stand.includes(stand.value))
        && words.every((word) => row.text.includes(word));
      row.node.hidden = !keep;
      shown += keep;
    }
    const some = shown < rows.length;
    by("shown").textContent = some ? `${shown} of ${rows.length} shown` : `${shown} shown`;
    by("reset").hidden = !some;
    if (rows.length) by("nothing").hidden = shown > 0;
  }

  function order() {
    const key = sort.value;
    const compare = key === "risk" ? (a, b) => b.risk - a.risk || a.order - b.order
      : key ? (a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.order - b.order)
      : (a, b) => a.order - b.order;
    list.append(...rows.sort(compare).map((row) => row.node));
  }

  search.addEventListener("input", filter);
  arch.addEventListener("change", filter);
  stand.addEventListener("change", filter);
  sort.addEventListener("change", order);
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") === "false"));
      filter();
    });
  }
  by("reset").addEventListener("click", () => {
    for (const control of controls) control.value = "";
    for (const chip of chips) chip.setAttribute("aria-pressed", "true");
    order();
    filter();
    search.focus();
  });
  const all = by("all-programs");
  all?.addEventListener("change", () => {
    document.querySelector(".matrix").classList.toggle("affected", !all.checked);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  function openTarget() {
    const target = location.hash && by(location.hash.slice(1));
    if (target?.tagName === "DETAILS") {
      target.open = true;
      target.hidden = false;
      target.scrollIntoView();
    }
  }
  window.addEventListener("hashchange", openTarget);
  // On paper nothing can be opened: what is shown is opened for printing and closed again.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")].filter((one) => one.offsetParent !== null);
    for (const one of opened) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
  // What the upgrade does not hurt comes when asked for, unless there is nothing else.
  const later = chips.filter((chip) => "later" in chip.dataset);
  if (later.length < chips.length) for (const chip of later) chip.setAttribute("aria-pressed", "false");
  order();
  filter();
  openTarget();
})();
