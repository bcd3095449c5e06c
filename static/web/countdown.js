// Counts down to the server's deadlines, by the server's clock. Without it the absolute time stands.
(function () {
  const skew = new WeakMap();

  function tick() {
    for (const place of document.querySelectorAll("[data-deadline]")) {
      if (!skew.has(place)) skew.set(place, Date.parse(place.dataset.now) - Date.now());
      const left = Math.floor((Date.parse(place.dataset.deadline) - Date.now() - skew.get(place)) / 1000);
      const text = left > 0 ? " in " + Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0") : " now";
      if (place.textContent !== text) place.textContent = text;
      place.classList.toggle("soon", left <= 20);
    }
  }

  tick();
  setInterval(tick, 500);
})();
