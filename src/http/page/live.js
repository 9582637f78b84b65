// Keeps the overview up to date. Without it the page is the same, as of when it was loaded.
//
// Text gets onto the page as text alone, never as markup. Nothing here grows: the list has an end, and what waits for it too.
"use strict";

(() => {
  const ITEMS_MAX = 50;
  const HEALTH_MS = 10_000;
  const ANSWER_MS_MAX = 5_000;
  const WORDS_MS = 15_000;
  // What arrives within this is shown together: a first round brings thousands of articles.
  const GATHER_MS = 250;

  const SENTENCES = {
    ok: "All is well",
    degraded: "Something waits, nothing is lost",
    failing: "Something has stopped",
  };

  const byId = (id) => document.getElementById(id);
  const count = (n) => Number(n).toLocaleString("en-US");
  const counted = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
  // As on the server: what would turn the text that follows it is left out.
  const plain = (text) => String(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, "");

  const element = (name, className, ...children) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };

  const setText = (node, text) => {
    if (node && node.textContent !== text) node.textContent = text;
  };

  // ---- times -----------------------------------------------------------------------------------------------------

  const UNITS = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]];

  // What the daemon's clock is ahead of this one: all times are its times.
  let aheadMs = 0;

  const relative = (at) => {
    const now = Date.now() + aheadMs;
    const ahead = at > now;
    const seconds = Math.floor(Math.abs(at - now) / 1_000);
    if (seconds < 10) return ahead ? "in a moment" : "just now";
    if (seconds >= 30 * 86_400) {
      return new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
    }
    const [size, unit] = UNITS.find(([size]) => seconds >= size);
    const words = counted(Math.floor(seconds / size), unit);
    return ahead ? `in ${words}` : `${words} ago`;
  };

  const duration = (ms) => {
    const [s, m, h, d] = [1_000, 60_000, 3_600_000, 86_400_000].map((size) => Math.floor(ms / size));
    const two = (n, name, rest, restName) => (rest ? `${n} ${name} ${rest} ${restName}` : `${n} ${name}`);
    if (ms < 1_000) return `${Math.floor(ms)} ms`;
    if (ms < 10_000) return `${s}.${Math.floor((ms % 1_000) / 100)} s`;
    if (m < 1) return `${s} s`;
    if (h < 1) return two(m, "m", s % 60, "s");
    return d < 1 ? two(h, "h", m % 60, "m") : two(d, "d", h % 24, "h");
  };

  const refreshTimes = () => {
    for (const node of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(node.dateTime);
      if (!Number.isNaN(at)) setText(node, relative(at));
    }
  };

  const time = (text) => {
    const node = element("time");
    const at = Date.parse(text);
    if (Number.isNaN(at)) return node;
    node.dateTime = text;
    node.title = new Date(at).toISOString().slice(0, 19).replace("T", " ") + " UTC";
    node.textContent = relative(at);
    return node;
  };

  // ---- articles --------------------------------------------------------------------------------------------------

  const local = (className, href, text) => {
    const node = element("a", className, element("bdi", "", plain(text)));
    node.href = href;
    return node;
  };

  // A link of a feed leads to the web or nowhere.
  const source = (address) => {
    let url;
    try {
      url = new URL(address);
    } catch {
      return null;
    }
    if (url.protocol !== "https:" && url.protocol !== "http:") return null;
    const node = element("a", "", url.hostname.replace(/^www\./, ""));
    node.href = url.href;
    node.rel = "noopener noreferrer nofollow";
    return node;
  };

  const item = (article) => {
    const title = local("title", `/articles/${encodeURIComponent(article.id)}`, article.title || "untitled");
    title.dir = "auto";
    const meta = element("p", "meta", local("feed", `/feeds/${encodeURIComponent(article.feed)}`, article.feed), " ");
    const link = article.url && source(article.url);
    if (link) meta.append(link, " ");
    if (article.op === "updated") meta.append(element("span", "tag", "updated"), " ");
    meta.append(time(article.published || article.fetched));
    const node = element("li", "fresh", title, meta);
    node.dataset.id = article.id;
    return node;
  };

  // ---- what happens ----------------------------------------------------------------------------------------------

  const list = byId("articles");
  const live = byId("live");
  const pause = byId("pause");
  if (!list || !live || !pause || !window.EventSource) {
    refreshTimes();
    setInterval(() => document.hidden || refreshTimes(), WORDS_MS);
    return;
  }

  let stream = null;
  let cursor = list.dataset.cursor || "";
  let paused = false;
  let retry = 0;
  let gathered = [];
  let gathering = 0;

  const say = (state, words) => {
    live.dataset.state = state;
    setText(live, words);
  };

  const show = () => {
    gathering = 0;
    const articles = gathered;
    gathered = [];
    for (const article of articles) {
      // A changed article moves to the top.
      list.querySelector(`:scope > li[data-id="${CSS.escape(article.id)}"]`)?.remove();
      list.prepend(item(article));
    }
    while (list.children.length > ITEMS_MAX) list.lastElementChild.remove();
    byId("no-articles").hidden = list.children.length > 0;
  };

  const arrived = (event) => {
    cursor = event.lastEventId || cursor;
    gathered.push(JSON.parse(event.data));
    if (gathered.length > ITEMS_MAX) gathered.shift();
    gathering ||= setTimeout(show, GATHER_MS);
  };

  const polled = (event) => {
    const round = JSON.parse(event.data).first_round;
    const section = byId("round");
    section.hidden = !round || round.polled >= round.feeds;
    if (section.hidden) return;
    const bar = section.querySelector("progress");
    bar.max = Math.max(round.feeds, 1);
    bar.value = round.polled;
    setText(byId("round-words"), `${count(round.polled)} of ${counted(round.feeds, "feed")}, ${counted(round.articles, "article")}`);
  };

  const close = () => {
    clearTimeout(retry);
    stream?.close();
    stream = null;
  };

  const open = () => {
    close();
    const after = cursor ? `&after=${encodeURIComponent(cursor)}` : "";
    stream = new EventSource(`/news/stream?feeds=1${after}`);
    stream.onopen = () => say("live", "live");
    stream.onerror = () => {
      say("lost", "connection lost, trying again");
      // The browser comes back by itself, but gives up for good where the answer was no stream: a full daemon's 503.
      if (stream?.readyState === EventSource.CLOSED) retry = setTimeout(open, 5_000 + Math.random() * 5_000);
    };
    stream.addEventListener("article", arrived);
    stream.addEventListener("poll", polled);
  };

  const health = async () => {
    const status = byId("status");
    let report;
    try {
      const answer = await fetch("/health", { signal: AbortSignal.timeout(ANSWER_MS_MAX), cache: "no-store" });
      report = await answer.json();
      aheadMs = (Date.parse(answer.headers.get("date")) || Date.now()) - Date.now();
    } catch {
      status.dataset.status = "unknown";
      setText(status.querySelector("h1"), "No answer");
      return;
    }
    status.dataset.status = report.status;
    const sentence = SENTENCES[report.status] ?? report.status;
    setText(status.querySelector("h1"), sentence);
    document.title = `${sentence} · rssd`;
    status.querySelector(".reasons").replaceChildren(...report.reasons.map((reason) => element("li", "", plain(reason))));
    setText(status.querySelector("[data-uptime]"), duration(report.uptime_s * 1_000));
    if (report.writer.last_commit_age_ms !== null) {
      const at = new Date(Date.now() + aheadMs - report.writer.last_commit_age_ms);
      status.querySelector("[data-commit]").replaceChildren("last commit ", time(at.toISOString()));
    }
    setText(status.querySelector("[data-queue]"), counted(report.writer.queue, "poll"));
    setText(status.querySelector("[data-streams]"), counted(report.streams, "stream"));
    for (const node of status.querySelectorAll("[data-count]")) {
      const n = report.feeds[node.dataset.count] ?? 0;
      setText(node, count(n));
      node.closest("li").classList.toggle("none", n === 0);
    }
    for (const core of report.cores) {
      const row = document.querySelector(`tr[data-core="${CSS.escape(core.core)}"]`);
      setText(row?.querySelector("[data-heartbeat]"), `${duration(core.heartbeat_age_ms)} ago`);
      setText(row?.querySelector("[data-feeds]"), count(core.feeds));
      setText(row?.querySelector("[data-in-flight]"), count(core.in_flight));
    }
  };

  // A tab that nobody looks at costs the daemon nothing; it goes on where it stopped.
  const follow = () => {
    if (document.hidden || paused) {
      close();
      if (paused) say("paused", "paused");
      return;
    }
    refreshTimes();
    health();
    open();
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    follow();
  });
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && follow());
  setInterval(() => document.hidden || health(), HEALTH_MS);
  setInterval(() => document.hidden || refreshTimes(), WORDS_MS);
  say("waiting", "connecting");
  follow();
})();
