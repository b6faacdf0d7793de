(() => {
  const lists = LISTS, wizard = WIZARD;
  const body = document.getElementById('«i-body»'), next = document.getElementById('«i-next»'), back = document.getElementById('«i-back»');
  const sections = [...body.querySelectorAll('section')];
  let step = 0, popup = null, sending = false;

  function close(button) {
    if (!popup) return;
    popup.remove(); popup = null; button.setAttribute('aria-expanded', 'false'); button.removeAttribute('aria-controls');
  }

  function listBox(button) {
    let at = -1, typed = '', typedAt = 0;
    const choose = (index) => { [button.value, button.textContent] = lists[button.id][index]; calm(button); close(button); button.focus(); };
    const move = (to) => { const items = [...popup.children]; at = Math.max(0, Math.min(items.length - 1, to));
      items.forEach((item, i) => item.classList.toggle('«c-at»', i === at)); items[at].scrollIntoView({ block: 'nearest' });
      popup.setAttribute('aria-activedescendant', items[at].id); };
    const open = () => {
      popup = document.createElement('ul'); popup.className = '«c-popup»'; popup.id = button.id + 'l'; popup.tabIndex = -1;
      popup.setAttribute('role', 'listbox'); popup.setAttribute('aria-labelledby', button.getAttribute('aria-labelledby').split(' ')[0]);
      popup.append(...lists[button.id].map(([value, text], i) => { const item = document.createElement('li');
        item.setAttribute('role', 'option'); item.id = button.id + 'o' + i; item.textContent = text;
        item.setAttribute('aria-selected', value === button.value);
        item.addEventListener('mousedown', (e) => e.preventDefault());
        item.addEventListener('click', () => choose(i)); return item; }));
      const box = button.getBoundingClientRect();
      popup.style.left = box.left + scrollX + 'px'; popup.style.top = box.bottom + scrollY + 2 + 'px'; popup.style.width = box.width + 'px';
      document.body.append(popup);
      button.setAttribute('aria-expanded', 'true'); button.setAttribute('aria-controls', popup.id);
      at = lists[button.id].findIndex(([value]) => value === button.value);
      if (at >= 0) move(at);
    };
    button.addEventListener('click', () => (popup ? close(button) : open()));
    button.addEventListener('blur', () => close(button));
    button.addEventListener('keydown', (e) => {
      if (!popup) { if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); open(); } return; }
      if (e.key === 'ArrowDown') { e.preventDefault(); move(at + 1); }
      else if (e.key === 'ArrowUp') { e.preventDefault(); move(at - 1); }
      else if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); if (at >= 0) choose(at); }
      else if (e.key === 'Escape') { e.preventDefault(); close(button); }
      else if (e.key.length === 1) {
        typed = Date.now() - typedAt > 700 ? e.key : typed + e.key; typedAt = Date.now();
        const hit = lists[button.id].findIndex(([, text]) => text.toLowerCase().startsWith(typed.toLowerCase()));
        if (hit >= 0) move(hit);
      }
    });
  }

  function calm(el) {
    const row = el.closest('.«c-q»');
    row.querySelectorAll('.«c-error»').forEach((message) => message.remove());
    row.querySelectorAll('[aria-invalid]').forEach((control) => control.removeAttribute('aria-invalid'));
  }

  function alertBox(title, items) {
    const box = document.createElement('div'); box.className = '«c-alert»'; box.setAttribute('role', 'alert');
    const heading = document.createElement('strong'); heading.textContent = title;
    const list = document.createElement('ul');
    list.append(...items.map((item) => { const li = document.createElement('li'); li.textContent = item; return li; }));
    box.append(heading, ...(items.length ? [list] : []));
    document.getElementById('«i-alert»').replaceChildren(box); box.scrollIntoView({ block: 'center' });
  }

  function complain(errors) {
    sections.forEach((section) => section.querySelectorAll('.«c-error»').forEach((message) => message.remove()));
    let first = sections.length;
    for (const error of errors) {
      const isRow = (row) => row.id === error.row;
      const at = sections.findIndex((section) => rows(section).some(isRow));
      if (at < 0) continue;
      const row = rows(sections[at]).find(isRow), message = document.createElement('p');
      first = Math.min(first, at);
      message.className = '«c-error»'; message.textContent = 'Error: ' + error.message; row.append(message);
      row.querySelectorAll('input, textarea, button[aria-haspopup], [role=group]').forEach((el) => el.setAttribute('aria-invalid', 'true'));
    }
    if (wizard && first < sections.length) show(first);
    alertBox('Errors Found', errors.map((error) => error.label + ': ' + error.message));
  }

  // The values of one row, by the name they are sent under.
  function answers(row) {
    const found = [];
    for (const el of row.querySelectorAll('input, textarea, button[aria-haspopup]')) {
      if (el.type === 'file') { if (el.files.length) found.push([el.name, el.files[0], el.files[0].name]); }
      else if (el.type === 'checkbox' || el.type === 'radio') {
        if (el.checked) found.push([el.name, el.value, row.querySelector('label[for=' + el.id + ']').textContent]); }
      else if (el.matches('[aria-haspopup]')) { if (el.value) found.push([el.name, el.value, el.textContent]); }
      else if (el.name && el.value.trim()) found.push([el.name, el.value, el.value]);
    }
    const date = row.querySelector('.«c-date»');
    if (date) {
      const [month, day, year] = [...date.querySelectorAll('input')].map((el) => el.value.trim());
      if (month || day || year) {
        const text = year.padStart(4, '0') + '-' + month.padStart(2, '0') + '-' + day.padStart(2, '0');
        found.push([date.id, text, text]);
      }
    }
    return found;
  }

  const rows = (section) => [...section.querySelectorAll('.«c-q»')];
  const title = (row) => (row.querySelector('.«c-label», label').textContent || '').replace(/\*$/, '');

  function missing(section) {
    const needed = rows(section).filter((row) => row.matches('[aria-required]') || row.querySelector('[aria-required]'));
    return needed.filter((row) => !answers(row).length)
      .map((row) => ({ row: row.id, label: title(row), message: 'This field is required.' }));
  }

  function review() {
    const section = document.createElement('section'); section.className = '«c-review»';
    const heading = document.createElement('h3'); heading.textContent = 'Review'; section.append(heading);
    for (const source of sections) {
      const part = document.createElement('h4'); part.textContent = source.querySelector('h3').textContent;
      const list = document.createElement('dl');
      for (const row of rows(source)) {
        const given = answers(row); if (!given.length) continue;
        const term = document.createElement('dt'), text = document.createElement('dd');
        term.textContent = title(row); text.textContent = given.map(([, , shown]) => shown).join(', ');
        list.append(term, text);
      }
      section.append(part, list);
    }
    return section;
  }

  // Only the step in sight is part of the page; the others wait outside of it.
  function show(to) {
    step = to;
    body.replaceChildren(step < sections.length ? sections[step] : review());
    document.getElementById('«i-alert»').replaceChildren();
    next.textContent = step < sections.length ? 'Save and Continue' : 'Submit';
    back.hidden = step === 0;
    [...document.getElementById('«i-steps»').children].forEach((item, i) =>
      i === step ? item.setAttribute('aria-current', 'step') : item.removeAttribute('aria-current'));
    scrollTo(0, 0);
  }

  function thank(done) {
    const box = document.createElement('section'); box.className = '«c-done»'; box.setAttribute('role', 'status'); box.tabIndex = -1;
    const tick = document.createElement('div'); tick.className = '«c-tick»'; tick.textContent = '✓'; tick.ariaHidden = 'true';
    const heading = document.createElement('h3'); heading.textContent = 'Thank you for applying';
    const text = document.createElement('p');
    text.textContent = done.company + ' has received your application. Confirmation number: ' + done.number;
    box.append(tick, heading, text);
    body.replaceChildren(box); document.getElementById('«i-alert»').replaceChildren();
    next.remove(); back.remove(); box.focus(); box.scrollIntoView({ block: 'center' });
  }

  async function send() {
    if (sending) return;
    sending = true; next.disabled = true;
    const data = new FormData();
    data.append('authenticity_token', 'NONCE');
    for (const section of sections) for (const row of rows(section)) for (const [name, value] of answers(row)) data.append(name, value);
    try {
      const answer = await fetch(location.pathname + location.search, { method: 'POST', body: data });
      const said = await answer.json();
      if (answer.ok) return thank(said);
      if (said.errors) complain(said.errors); else alertBox(said.message, []);
    } catch { alertBox('Something went wrong. Please try again.', []); }
    sending = false; next.disabled = false;
  }

  for (const section of sections) {
    section.querySelectorAll('button[aria-haspopup]').forEach(listBox);
    section.querySelectorAll('.«c-drop»').forEach((zone) => {
      const input = zone.querySelector('input'), done = zone.querySelector('[aria-live]');
      const say = () => { done.textContent = input.files.length ? input.files[0].name + ' – Successfully Uploaded!' : ''; calm(zone); };
      zone.querySelector('button').addEventListener('click', () => input.click());
      input.addEventListener('change', say);
      zone.addEventListener('dragover', (e) => e.preventDefault());
      zone.addEventListener('drop', (e) => { e.preventDefault(); input.files = e.dataTransfer.files; say(); });
    });
    section.addEventListener('input', (e) => { if (e.target.closest('.«c-q»')) calm(e.target); });
  }
  next.addEventListener('click', () => {
    if (wizard && step < sections.length) {
      const errors = missing(sections[step]);
      return errors.length ? complain(errors) : show(step + 1);
    }
    send();
  });
  back.addEventListener('click', () => show(step - 1));
  if (wizard) show(0);
})();
