// Comforts of the checkout pages. Every page works without this file.
const all = (selector) => document.querySelectorAll(selector);

// The state of the payment: when it moves on, the server renders the page that fits.
for (const live of all('[data-live]')) {
  const { events, status, live: current } = live.dataset;
  let pause = 2000, timer, gone = false;
  const moved = (text) => {
    try {
      const now = String(JSON.parse(text).status);
      if (now === current || now === 'undefined' || gone) return;
      gone = true;
      // Should page and status ever disagree for a while, reloading must not become a loop.
      const again = performance.getEntriesByType('navigation')[0]?.type === 'reload';
      setTimeout(() => location.reload(), again ? Math.max(0, 4000 - performance.now()) : 0);
    } catch { /* half an answer: the next one tells */ }
  };
  const ask = async () => {
    clearTimeout(timer);
    try {
      const answer = await fetch(status, { headers: { accept: 'application/json' } });
      if (answer.ok) moved(await answer.text());
    } catch { /* offline: ask again later */ }
    if (!gone) timer = setTimeout(ask, (pause = Math.min(pause * 1.5, 15000)));
  };
  const listen = () => {
    const source = new EventSource(events);
    source.addEventListener('status', (event) => moved(event.data));
    source.addEventListener('message', (event) => moved(event.data));
    // A closed stream is not tried again by the browser; then we ask.
    source.addEventListener('error', () => { if (source.readyState === EventSource.CLOSED) ask(); });
    addEventListener('pagehide', () => source.close());
  };
  if (events && 'EventSource' in window) listen(); else ask();
  // A phone that was asleep in the banking app may have missed events.
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { pause = 2000; ask(); } });
}

// Time left, by the same rule as the server: days from 48 h on, hours and minutes, minutes. Counted from what
// the server said, since the reader's clock may be wrong.
for (const time of all('time[data-template]')) {
  const { template, days, left: atLoad } = time.dataset;
  const show = () => {
    const left = Math.max(0, Math.ceil(atLoad - performance.now() / 1000));
    const hours = Math.floor(left / 3600), minutes = Math.floor((left % 3600) / 60);
    const text = hours >= 48 ? `${Math.floor(hours / 24)}\u00a0${days}`
      : hours >= 1 ? `${hours}\u00a0h ${minutes}\u00a0min` : `${Math.ceil(left / 60)}\u00a0min`;
    const whole = template.replace('{time}', () => text);
    if (time.textContent !== whole) time.textContent = whole;
    if (left > 0) return;
    clearInterval(ticking);
    if (atLoad > 0) setTimeout(() => location.reload(), 1500);
  };
  const ticking = setInterval(show, 1000);
}

for (const button of all('button[data-copy]')) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const before = button.textContent;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

// One press, one payment. The server is idempotent all the same.
for (const form of all('form[data-once]')) {
  let sent = false;
  form.addEventListener('submit', (event) => {
    if (sent) return event.preventDefault();
    sent = true;
    const button = event.submitter;
    if (!button) return;
    button.setAttribute('aria-disabled', 'true');
    if (button.dataset.busy) { button.dataset.idle = button.textContent; button.textContent = button.dataset.busy; }
  });
  // Back from the provider by the browser's own button: the form is usable again.
  addEventListener('pageshow', () => {
    sent = false;
    for (const button of form.querySelectorAll('[aria-disabled]')) {
      button.removeAttribute('aria-disabled');
      if (button.dataset.idle) button.textContent = button.dataset.idle;
    }
  });
}

// Back to the shop after a moment, unless the reader would rather stay.
for (const link of all('a[data-return-seconds]')) {
  const timer = setTimeout(() => location.assign(link.href), link.dataset.returnSeconds * 1000);
  for (const part of all('[data-returning]')) part.hidden = false;
  for (const stay of all('button[data-stay]')) {
    stay.addEventListener('click', () => {
      clearTimeout(timer);
      for (const part of all('[data-returning]')) part.hidden = true;
      link.focus();
    });
  }
}

document.querySelector('[role=alert][tabindex]')?.focus();
