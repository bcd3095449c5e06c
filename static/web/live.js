// One EventSource for the page. `changed <topic>` fetches that fragment, at most once a second, or shows
// the line that leads to what is new.
(function () {
  const page = document.getElementById("page");
  if (!page || !window.EventSource) return;
  const SILENT_MS = 12000;
  const EVERY_MS = 1000;
  let source = null;
  let heard = Date.now();
  const last = {};
  const waiting = {};

  function fetchTopic(topic) {
    delete waiting[topic];
    last[topic] = Date.now();
    const target = document.getElementById(topic);
    if (target && (page.contains(target) || page.hasAttribute("data-band"))) {
      htmx.ajax("GET", location.pathname + location.search, { target: "#" + topic, select: "#" + topic, swap: "outerHTML" });
    }
    if (topic === "money") document.dispatchEvent(new Event("equity-changed"));
  }

  function changed(event) {
    alive();
    const topic = event.data;
    // Rows that would move under a finger wait behind a link.
    const news = document.querySelector('[data-news="' + topic + '"]');
    if (news) news.hidden = false;
    if (waiting[topic]) return;
    const rest = EVERY_MS - (Date.now() - (last[topic] || 0));
    waiting[topic] = setTimeout(() => fetchTopic(topic), Math.max(rest, 0));
  }

  function alive() {
    heard = Date.now();
    say("");
  }

  function say(text) {
    const place = document.getElementById("connection");
    if (!place) return;
    place.hidden = !text;
    if (place.textContent !== text) place.textContent = text;
  }

  function open() {
    if (source) return;
    heard = Date.now();
    source = new EventSource(page.dataset.live + "?account=" + page.dataset.account);
    source.addEventListener("changed", changed);
    source.addEventListener("alive", alive);
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  document.addEventListener("visibilitychange", function () {
    if (document.hidden) return close();
    if (document.querySelector("[data-news]")) return location.reload();
    open();
    ["band", "money", "positions", "decisions", "breakers"].forEach(fetchTopic);
  });
  window.addEventListener("pagehide", close);
  setInterval(function () {
    if (!source || Date.now() - heard < SILENT_MS) return;
    const since = new Date(heard).toISOString().slice(11, 19);
    say("This page lost its connection at " + since + " UTC. What you see is from then. Trading does not depend on this page. Trying again…");
    if (source.readyState === EventSource.CLOSED) { close(); open(); heard = Date.now() - SILENT_MS; }
  }, 1000);
  open();
})();
