(() => {
  const root = document.getElementById('«i-root»');
  const state = {}, painters = [];
  let sending = false;

  // A controlled field: what is shown is the state, and only typing changes the state.
  function control(el) {
    const proto = el instanceof HTMLTextAreaElement ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
    const native = Object.getOwnPropertyDescriptor(proto, 'value');
    let known = state[el.name] = '';
    Object.defineProperty(el, 'value', { configurable: true,
      get() { return native.get.call(this); },
      set(value) { known = String(value); native.set.call(this, value); } });
    const paint = () => { if (native.get.call(el) !== state[el.name]) { known = state[el.name]; native.set.call(el, known); } };
    painters.push(paint);
    el.addEventListener('input', () => {
      const now = native.get.call(el);
      if (now !== known) { known = state[el.name] = now; calm(el); }
      paint();
    });
  }
  const render = () => painters.forEach((paint) => paint());

  function calm(el) {
    const row = el.closest('.«c-q»');
    row.querySelectorAll('.«c-error»').forEach((message) => message.remove());
    row.querySelectorAll('[aria-invalid]').forEach((control) => control.removeAttribute('aria-invalid'));
  }

  function toggle(group) {
    const buttons = [...group.querySelectorAll('button')];
    const flag = buttons[0].hasAttribute('aria-checked') ? 'aria-checked' : 'aria-pressed';
    for (const button of buttons) button.addEventListener('click', () => {
      state[group.id] = button.textContent;
      buttons.forEach((other) => other.setAttribute(flag, other === button));
      calm(group);
    });
  }

  function dropZone(zone) {
    const input = zone.querySelector('input'), text = zone.querySelector('span');
    const take = (file) => { if (!file) return; state[input.name] = file; text.textContent = file.name; calm(zone);
      zone.querySelector('button').textContent = 'Replace'; };
    zone.querySelector('button').addEventListener('click', () => input.click());
    input.addEventListener('change', () => take(input.files[0]));
    zone.addEventListener('dragover', (e) => { e.preventDefault(); zone.classList.add('«c-over»'); });
    zone.addEventListener('dragleave', () => zone.classList.remove('«c-over»'));
    zone.addEventListener('drop', (e) => { e.preventDefault(); zone.classList.remove('«c-over»'); take(e.dataTransfer.files[0]); });
  }

  function tick(input) {
    input.addEventListener('change', () => {
      if (input.type === 'radio') state[input.name] = input.value;
      else state[input.name] = [...root.querySelectorAll('input[name=' + input.name + ']:checked')].map((box) => box.value);
      calm(input);
    });
  }

  function alertBox(title, items) {
    const box = document.createElement('div');
    box.className = '«c-alert»'; box.setAttribute('role', 'alert');
    const heading = document.createElement('strong'); heading.textContent = title;
    const list = document.createElement('ul');
    list.append(...items.map((item) => { const li = document.createElement('li'); li.textContent = item; return li; }));
    box.append(heading, ...(items.length ? [list] : []));
    document.getElementById('«i-alert»').replaceChildren(box);
    box.scrollIntoView({ block: 'center' });
  }

  function complain(errors) {
    root.querySelectorAll('.«c-error»').forEach((message) => message.remove());
    for (const error of errors) {
      const row = document.getElementById(error.row), message = document.createElement('p');
      message.className = '«c-error»'; message.textContent = error.message;
      row.append(message);
      row.querySelectorAll('input, textarea, [role=radiogroup], [role=group]').forEach((el) => el.setAttribute('aria-invalid', 'true'));
    }
    alertBox('Your form needs corrections', errors.map((error) => error.label + ': ' + error.message));
  }

  function thank(done) {
    const box = document.createElement('div');
    box.className = '«c-card» «c-done»'; box.setAttribute('role', 'status'); box.tabIndex = -1;
    const tick = document.createElement('div'); tick.className = '«c-tick»'; tick.textContent = '✓'; tick.ariaHidden = 'true';
    const heading = document.createElement('h2'); heading.textContent = 'Thank you for applying';
    const text = document.createElement('p');
    text.textContent = 'Your application to ' + done.company + ' was submitted. Your confirmation number is ' + done.number + '.';
    box.append(tick, heading, text);
    root.replaceChildren(box); box.focus(); box.scrollIntoView({ block: 'center' });
  }

  async function send(button) {
    if (sending) return;
    sending = true; button.disabled = true; button.textContent = 'Submitting…';
    const body = new FormData();
    body.append('authenticity_token', 'NONCE');
    for (const [name, value] of Object.entries(state)) for (const one of [value].flat()) body.append(name, one);
    try {
      const answer = await fetch(location.pathname + location.search, { method: 'POST', body });
      const said = await answer.json();
      if (answer.ok) return thank(said);
      if (said.errors) complain(said.errors); else alertBox(said.message, []);
    } catch { alertBox('We could not reach the server. Please check your connection and try again.', []); }
    sending = false; button.disabled = false; button.textContent = 'Submit Application';
  }

  setTimeout(() => {
    root.replaceChildren(document.getElementById('«i-form»').content);
    root.querySelectorAll('input, textarea').forEach((el) => {
      if (el.type === 'file') return;
      if (el.type === 'radio' || el.type === 'checkbox') tick(el); else control(el);
    });
    root.querySelectorAll('.«c-toggle»').forEach(toggle);
    root.querySelectorAll('.«c-drop»').forEach(dropZone);
    root.querySelectorAll('[role=combobox]').forEach(combobox);
    ['focusin', 'focusout', 'click', 'change', 'keyup'].forEach((kind) => root.addEventListener(kind, render));
    const button = document.getElementById('«i-submit»');
    button.addEventListener('click', () => send(button));
  }, 120);
})();
