// Registers the service worker, and lets a person have this device told.
(function () {
  if (!("serviceWorker" in navigator)) return;
  const ready = navigator.serviceWorker.register("/worker.js");
  const button = document.getElementById("tell-this-device");
  if (!button || !("PushManager" in window)) return;
  const place = document.getElementById("told-here");
  button.hidden = false;

  function say(text) { place.textContent = text; }

  function bytes(text) {
    const padded = (text + "=".repeat((4 - (text.length % 4)) % 4)).replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
  }

  button.addEventListener("click", async function () {
    try {
      if ((await Notification.requestPermission()) !== "granted") {
        return say("The browser does not allow it. Allow notifications for this site, then try again.");
      }
      await ready;
      const worker = await navigator.serviceWorker.ready;
      const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(button.dataset.key) });
      const answer = await fetch(button.dataset.post, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
        body: JSON.stringify(Object.assign(made.toJSON(), { name: navigator.platform || "this device" })),
      });
      say((await answer.json()).detail);
      if (answer.ok) location.reload();
    } catch (why) {
      say("This device cannot be told: " + why.message);
    }
  });
})();
