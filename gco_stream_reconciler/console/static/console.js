// Keeps the page new: fetches its parts every two seconds and replaces those that changed. Without it the page is
// whole, only not live, and the filter is an ordinary form.
"use strict";

(() => {
  const INTERVAL = 2000;
  const TYPING_PAUSE = 150;
  const DEADLINE = 10000;

  const parts = new Map();
  let url = document.body.dataset.fragment;
  let paused = false;
  let timer = 0;
  let current = null;

  const places = () => document.querySelectorAll("[data-part]");
  const inUse = (place) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(place, true);
  };

  // What a person has opened, scrolled to or put the focus on must outlive the replacement.
  const keepingPlace = (place, replace) => {
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    const all = (selector) => [...place.querySelectorAll(selector)];
    const index = focused ? all("a, summary, [tabindex]").indexOf(focused) : -1;
    const address = focused?.getAttribute("href");
    const open = all("details").map((each) => each.open);
    const scrolled = all(".scroll, pre").map((each) => [each.scrollLeft, each.scrollTop]);
    replace();
    all("details").forEach((each, at) => { each.open = open[at] ?? false; });
    all(".scroll, pre").forEach((each, at) => {
      [each.scrollLeft, each.scrollTop] = scrolled[at] ?? [0, 0];
    });
    if (focused) {
      const same = address && all("a").find((each) => each.getAttribute("href") === address);
      (same || all("a, summary, [tabindex]")[index])?.focus({ preventScroll: true });
    }
  };

  const show = (sent) => {
    for (const place of places()) {
      const html = sent[place.dataset.part];
      if (html === undefined || html === parts.get(place.dataset.part) || inUse(place)) continue;
      // The server has escaped every text in it.
      keepingPlace(place, () => { place.innerHTML = html; });
      parts.set(place.dataset.part, html);
    }
  };

  const refresh = async () => {
    clearTimeout(timer);
    current?.abort();
    const mine = new AbortController();
    current = mine;
    const late = setTimeout(() => mine.abort(), DEADLINE);
    try {
      const answer = await fetch(url, { signal: mine.signal });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const sent = await answer.json();
      if (current !== mine) return;
      show(sent.parts);
      document.body.classList.remove("lost");
    } catch {
      if (current !== mine) return;
      document.body.classList.add("lost");
    } finally {
      clearTimeout(late);
    }
    plan();
  };

  const plan = () => {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(refresh, INTERVAL);
  };

  const filter = document.getElementById("q");
  const applyFilter = () => {
    const query = new URLSearchParams({ q: filter.value, page: 1 });
    url = `/fragment/overview?${query}`;
    history.replaceState(null, "", filter.value ? `/?${new URLSearchParams({ q: filter.value })}` : "/");
    refresh();
  };
  let typing = 0;
  filter?.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(applyFilter, TYPING_PAUSE);
  });
  filter?.form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    applyFilter();
  });

  const pause = document.getElementById("pause");
  pause.hidden = !url;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume updates" : "Pause updates";
    if (paused) clearTimeout(timer); else refresh();
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer); else if (!paused && url) refresh();
  });
  document.documentElement.classList.add("live");
  if (url) plan();
})();
