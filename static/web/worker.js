// The phone's part of PolyMix: shows what is pushed, opens the page it speaks of, and says so when
// the server cannot be reached. It keeps no balances: only the offline page and the style are kept.
const SHELL = "shell-1";
const KEPT = ["/offline/", "/static/web/polymix.css", "/static/web/icon.svg"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const path = new URL(event.request.url).pathname;
  if (event.request.mode === "navigate") {
    event.respondWith(fetch(event.request).catch(() => caches.match("/offline/")));
  } else if (KEPT.includes(path)) {
    event.respondWith(fetch(event.request).catch(() => caches.match(path)));
  }
});

self.addEventListener("push", (event) => {
  const told = event.data ? event.data.json() : { title: "PolyMix", body: "", url: "/", tag: "" };
  event.waitUntil(self.registration.showNotification(told.title, {
    body: told.body,
    tag: told.tag,
    icon: "/static/web/icon-192.png",
    data: { url: told.url },
    requireInteraction: true,
  }));
});

// No answer from the notification itself: a tap opens the page that shows what would be sent.
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = event.notification.data.url || "/";
  event.waitUntil(
    self.clients.matchAll({ type: "window" }).then((open) => {
      const here = open.find((page) => page.url === url);
      return here ? here.focus() : self.clients.openWindow(url);
    }));
});
