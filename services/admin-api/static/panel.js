// Comfort only: every page works without it.

// Times in the reader's zone; the UTC stays on hover.
const format = new Intl.DateTimeFormat(navigator.language, { dateStyle: "medium", timeStyle: "short" });
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.textContent = format.format(at);
}

// What was wrong with a form is read out first.
document.querySelector("[data-focus]")?.focus();

// One click is enough: the form says so while it is on its way. A page taken from the browser's own cache starts anew.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
}
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});

// The address of a search names what was asked for, and not what was left empty.
for (const form of document.querySelectorAll("form[role=search]")) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (!value) formData.delete(name);
  });
}

// A filter that is chosen is a search.
for (const select of document.querySelectorAll("form[role=search] select")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  });
}

// Passkeys: what is to be signed is fetched, the authenticator asked, and the answer sent in the form.
if (globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      const problem = form.querySelector("[data-problem]");
      problem.hidden = true;
      try {
        const body = new URLSearchParams({ csrf: form.elements.csrf?.value ?? "" });
        const answer = await fetch(form.dataset.begin, { method: "POST", body });
        // To the log-in: whoever is signed in must show first that it is them.
        if (answer.redirected) return location.assign(answer.url);
        const begun = await answer.json();
        if (!begun.options) throw new Error(begun.message);
        const create = form.dataset.passkey === "create";
        const options = begun.options.publicKey;
        const credential = create
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
        form.elements.challenge.value = begun.challenge;
        form.elements.answer.value = JSON.stringify(credential);
        form.submit();
      } catch (error) {
        problem.textContent = error.name === "NotAllowedError" ? "That was stopped, or took too long. Try again." : error.message;
        problem.hidden = false;
        delete form.dataset.sent;
        for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
      }
    }, { capture: true });
  }
}
