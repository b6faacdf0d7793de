function combobox(input) {
  const list = document.getElementById(input.getAttribute('aria-controls'));
  const native = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  let timer, at = -1, picking = false;
  const close = () => { clearTimeout(timer); list.hidden = true; list.replaceChildren(); at = -1;
    input.setAttribute('aria-expanded', 'false'); input.removeAttribute('aria-activedescendant'); };
  const pick = (item) => { picking = true; native.call(input, item.textContent);
    input.dispatchEvent(new Event('input', { bubbles: true })); picking = false; close(); };
  const move = (to) => { const items = [...list.children]; if (!items.length) return; at = (to + items.length) % items.length;
    items.forEach((item, i) => item.setAttribute('aria-selected', i === at));
    input.setAttribute('aria-activedescendant', items[at].id); };
  const suggest = async () => {
    const asked = input.value;
    if (asked.trim().length < 2) return close();
    const places = await fetch('/places?q=' + encodeURIComponent(asked)).then((r) => r.json()).catch(() => []);
    if (asked !== input.value || document.activeElement !== input) return;
    if (!places.length) return close();
    list.replaceChildren(...places.map((place, i) => { const item = document.createElement('li');
      item.id = list.id + i; item.setAttribute('role', 'option'); item.setAttribute('aria-selected', 'false');
      item.textContent = place; item.addEventListener('mousedown', (e) => { e.preventDefault(); pick(item); }); return item; }));
    at = -1; list.hidden = false; input.setAttribute('aria-expanded', 'true');
  };
  input.addEventListener('input', () => { clearTimeout(timer); if (!picking) timer = setTimeout(suggest, 150); });
  input.addEventListener('keydown', (e) => {
    if (list.hidden) return;
    if (e.key === 'ArrowDown') { e.preventDefault(); move(at + 1); }
    else if (e.key === 'ArrowUp') { e.preventDefault(); move(at - 1); }
    else if (e.key === 'Enter') { e.preventDefault(); if (at >= 0) pick(list.children[at]); }
    else if (e.key === 'Escape') close();
  });
  input.addEventListener('blur', close);
}

