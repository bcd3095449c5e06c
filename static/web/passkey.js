// Asks for a passkey before a form with real money is sent: it signs what this page shows.
(function () {
  const options = document.getElementById("passkey-options");
  const answer = document.getElementById("passkey");
  if (!options || !answer || !window.webauthnJSON) return;
  const form = answer.form;

  form.addEventListener("submit", async function (event) {
    const button = event.submitter;
    const code = form.querySelector("#code");
    if (answer.value || (code && code.value) || !button || !button.matches("[data-factor]")) return;
    event.preventDefault();
    try {
      const said = await webauthnJSON.get(JSON.parse(options.textContent));
      answer.value = JSON.stringify(said);
      form.requestSubmit(button);
    } catch (why) {
      say("The passkey was not given (" + why.name + "). Nothing was sent.");
    }
  });

  function say(text) {
    let place = form.querySelector(".unproved");
    if (!place) {
      place = document.createElement("p");
      place.className = "late unproved";
      place.setAttribute("role", "alert");
      form.prepend(place);
    }
    place.textContent = text;
  }
})();
